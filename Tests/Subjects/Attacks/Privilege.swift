// Gaining what an ordinary user does not have: another user's or group's rights, capabilities, a higher priority, higher
// limits. An attack that is started as root first becomes an ordinary user where that is the point of it.

internal import CAttacks
import Glibc

/// What a program with a setuid bit or with file capabilities finds when it is executed: it is this program again.
enum Gained {
    static func report() -> Never {
        let status = contents(of: "/proc/self/status")
        var effective = "unknown"
        if case .success(let text) = status,
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("CapEff") })
        {
            effective = String(line.drop { $0 != "\t" }.dropFirst())
        }
        if geteuid() == 0 { exit(20) }
        exit(effective.allSatisfy { $0 == "0" } ? 21 : 22)
    }

    static func judge(_ program: String) throws -> Finding {
        let ending = try child {
            if getuid() == 0 {
                _ = call(__NR_setresgid, 990, 990, 990)
                _ = call(__NR_setresuid, 993, 993, 993)
            }
            return Int32(-execute(program, ["gained"]))
        }
        switch ending {
        case .exited(20): return .through("\(program) runs as root")
        case .exited(22): return .through("\(program) runs with capabilities")
        case .exited(21): return .held("\(program) runs as anybody")
        case .exited(let code) where [EPERM, EACCES].contains(code): return .held("\(program): \(Errno(-Int(code)))")
        default: throw Broken("\(program): \(ending)")
        }
    }
}

extension Attack {
    /// A user namespace may have no root at all.
    private static let unmapped = Reasons.refused + [EINVAL]

    static let privilege: [Attack] = [
        Attack(
            "setuid-program", "Executes a program of root's with the setuid bit.",
            .without([.nosuid, .noNewPrivileges, .seccomp])
        ) {
            stage in try Gained.judge(stage.text("layer") + "/setuid-attacks")
        },
        Attack("file-capability", "Executes a program with capabilities in its file.", .outside) { stage in
            try Gained.judge(stage.text("layer") + "/capable-attacks")
        },
        Attack("became-root", "Becomes root.", .without([.capabilities])) { _ in
            try judge("setresuid", callInChild { call(__NR_setresuid, 0, 0, 0) }, held: unmapped)
        },
        Attack("group-changed", "Becomes a member of root's group.", .without([.capabilities])) { _ in
            try judge("setresgid", callInChild { call(__NR_setresgid, 0, 0, 0) }, held: unmapped)
        },
        Attack("groups-joined", "Joins further groups.", .outside) { _ in
            try judge("setgroups", callInChild { call(__NR_setgroups, 1, [UInt64(0)]) })
        },
        Attack("capability-raised", "Gives itself CAP_SYS_ADMIN.", .without([.capabilities])) { _ in
            try judge("capset", callInChild { attack_capset(1 << 21, 1 << 21) })
        },
        Attack("securebits-changed", "Changes the rules by which capabilities are kept.", .without([.capabilities])) {
            _ in
            try judge("PR_SET_SECUREBITS", callInChild { call(__NR_prctl, 28, 1, 0, 0, 0) })
        },
        Attack("file-capability-given", "Gives a program of its own capabilities.", .outside) { _ in
            let file = try scratchDirectory() + "/capable"
            closeFile(openFile(file, O_CREAT | O_RDWR))
            defer { _ = call(__NR_unlink, file) }
            // struct vfs_cap_data, version 2: effective, CAP_NET_RAW.
            let capabilities: [UInt64] = [0x0000_2000_0200_0001, 0, 0]
            let result = call(__NR_setxattr, file, "security.capability", capabilities, 20, 0)
            return try judge("setxattr", result, held: Reasons.refused + [EOPNOTSUPP])
        },
        Attack("owner-changed", "Gives a file to root, to make it setuid.", .without([.seccomp, .capabilities])) { _ in
            let file = try scratchDirectory() + "/given"
            closeFile(openFile(file, O_CREAT | O_RDWR))
            defer { _ = call(__NR_unlink, file) }
            return try judge("chown", call(__NR_chown, file, 0, 0), held: unmapped)
        },
        Attack("real-time", "Runs before everybody else, as a real-time process.", .outside) { _ in
            let first: [UInt64] = [1]
            return try judge("sched_setscheduler", callInChild { call(__NR_sched_setscheduler, 0, 1, first) })
        },
        Attack("priority-raised", "Raises its priority.", .outside) { _ in
            try judge("setpriority", callInChild { call(__NR_setpriority, 0, 0, -5) })
        },
        Attack("disk-priority-raised", "Raises its priority at the disk.", .outside) { _ in
            try judge("ioprio_set", callInChild { call(__NR_ioprio_set, 1, 0, 1 << 13) })
        },
        Attack("spared-by-oom-killer", "Has everybody else killed when memory runs out.", .outside, needs: [.machine]) {
            _ in
            let result = try callInChild {
                let file = openFile("/proc/self/oom_score_adj", O_WRONLY)
                return file < 0 ? file : min(0, call(__NR_write, file, "-1000", 5))
            }
            return try judge("writing oom_score_adj", result, held: Reasons.absent)
        },
        limit("file-limit-raised", "Raises its limit of open files.", 7),
        limit("memory-lock-limit-raised", "Raises its limit of locked memory.", 8),
        Attack("core-limit-raised", "Has its memory written to the host when it crashes.", .outside, needs: [.machine])
        { _ in
            try raise(4)
        },
        Attack("memory-locked", "Locks 64 MB of memory.", .outside) { _ in
            let size = 64 << 20
            let result = try callInChild {
                let address = call(__NR_mmap, 0, size, 3, 0x22, -1, 0)
                return address < 0 && address > -4096 ? address : call(__NR_mlock, address, size)
            }
            return try judge("mlock", result, held: Reasons.refused + [ENOMEM, EAGAIN])
        },
    ]

    private static func limit(_ name: String, _ tries: String, _ resource: Int32) -> Attack {
        Attack(name, tries, .outside, needs: [.machine]) { _ in try raise(resource) }
    }

    /// Lowers a hard limit, which everybody may do, and raises it to where it was.
    private static func raise(_ resource: Int32) throws -> Finding {
        let old = Buffer(16)
        guard call(__NR_prlimit64, 0, resource, 0, old) == 0 else { throw Broken("prlimit64") }
        let hard = unsafe old.address.load(fromByteOffset: 8, as: UInt64.self)
        let result = try callInChild {
            if hard > 0 { _ = call(__NR_prlimit64, 0, resource, [hard / 2, hard / 2], 0) }
            let raised = hard == 0 ? 4096 : hard
            return call(__NR_prlimit64, 0, resource, [raised, raised], 0)
        }
        return try judge("prlimit64", result)
    }
}
