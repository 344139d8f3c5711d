// New namespaces and those of others. A user namespace of its own gives a process every capability inside it, and with
// them the parts of the kernel that only root was meant to reach: most holes of the last years began there.

internal import CAttacks
import Glibc

extension Attack {
    private static let kinds: [(name: String, flag: UInt64)] = [
        ("time", 0x80), ("mount", 0x20000), ("cgroup", 0x0200_0000), ("host-name", 0x0400_0000), ("ipc", 0x0800_0000),
        ("user", 0x1000_0000), ("pid", 0x2000_0000), ("network", 0x4000_0000),
    ]
    private static let user: UInt64 = 0x1000_0000
    /// Two walls, each of which holds alone: no call asks for a namespace, and the kernel would make none.
    private static let unlimited: [Measure] = [.seccomp, .namespaceLimits]

    static let namespaces: [Attack] =
        kinds.map { kind in
            // Only a user namespace may be made without privilege.
            Attack(
                "unshare-\(kind.name)", "Moves into a new \(kind.name) namespace.",
                .without(unlimited + (kind.flag == user ? [] : [.capabilities]))
            ) { _ in try judge("unshare", callInChild { call(__NR_unshare, Int(kind.flag)) }) }
        }
        // clone keeps the exit signal where the flag of time namespaces would be.
        + kinds.dropFirst().map { kind in
            Attack(
                "clone-\(kind.name)",
                kind.flag == user
                    ? "Starts a process in a new user namespace."
                    : "Starts a process in a new \(kind.name) namespace, by way of a new user namespace.",
                .without(unlimited)
            ) { _ in try judge("clone", attack_clone_away(kind.flag | user)) }
        }
        + [
            Attack(
                "namespaces-past-the-filter", "Makes a namespace of each kind where the filter does not see it.",
                .without([.namespaceLimits]), options: ["--without", "seccomp"]
            ) { _ in
                try first(of: kinds) { kind in
                    let result = try callInChild { call(__NR_unshare, Int(kind.flag | user)) }
                    return try judge("unshare \(kind.name)", result, held: Reasons.refused + [ENOSPC])
                }
            },
            Attack(
                "namespaces-past-the-filter-as-root",
                "The same with every capability that a hole in the kernel could give inside.",
                .without([.namespaceLimits]), options: ["--without", "seccomp", "--without", "capabilities"]
            ) { _ in
                try first(of: kinds) { kind in
                    let result = try callInChild { call(__NR_unshare, Int(kind.flag)) }
                    return try judge("unshare \(kind.name)", result, held: [ENOSPC, EPERM])
                }
            },
            Attack(
                "namespace-limit-raised", "Raises the limit of its own user namespace.",
                .without([.procMasks, .capabilities]), options: ["--without", "seccomp"]
            ) { _ in
                let file = openFile("/proc/sys/user/max_user_namespaces", O_WRONLY)
                guard file >= 0 else { return try judge("opening the limit", file, held: Reasons.absent) }
                return try judge("raising the limit", call(__NR_write, file, "9", 1), held: Reasons.refused)
            },
            Attack("clone3-namespaces", "Asks clone3, whose flags no filter can see.", .without(unlimited)) { _ in
                try first(of: kinds) { kind in
                    try judge("clone3 \(kind.name)", attack_clone3_away(kind.flag | user))
                }
            },
            Attack(
                "unshare-and-become-root", "Becomes root in a user namespace of its own.", .without(unlimited)
            ) { _ in
                let uid = Int(getuid())
                let result = try callInChild {
                    let moved = call(__NR_unshare, Int(user))
                    guard moved == 0 else { return moved }
                    let map = "0 \(uid) 1"
                    let written = call(__NR_write, openFile("/proc/self/uid_map", O_WRONLY), map, map.utf8.count)
                    return written < 0 ? written : call(__NR_setresuid, 0, 0, 0)
                }
                return try judge("root of a new user namespace", result)
            },
            Attack(
                "namespace-entered", "Enters the namespaces of the engine's process inside, or its own again.",
                .without([.seccomp, .capabilities])
            ) { _ in
                let names = ["mnt", "net", "uts", "ipc", "cgroup", "pid"]
                return try first(of: ["1", "self"]) { process in
                    try first(of: names) { name in
                        let space = openFile("/proc/\(process)/ns/\(name)")
                        guard space >= 0 else { return .held("opening the \(name) namespace: \(Errno(space))") }
                        defer { closeFile(space) }
                        return try judge("setns \(name) of \(process)", callInChild { call(__NR_setns, space, 0) })
                    }
                }
            },
            Attack("host-namespace-entered", "Enters the network of a process of the host.", .outside) { stage in
                let handle = call(__NR_pidfd_open, try stage.victim, 0)
                guard handle >= 0 else { return try judge("pidfd_open", handle, held: Reasons.noProcess) }
                return try judge("setns", callInChild { call(__NR_setns, handle, 0x4000_0000) })
            },
            Attack("host-name-seen", "Learns the host's name.", .without([.hostNameNamespace])) { stage in
                let names = Buffer(390)
                guard call(__NR_uname, names) == 0 else { throw Broken("uname") }
                let own = String(decoding: names.bytes(130).dropFirst(65).prefix { $0 != 0 }, as: UTF8.self)
                let isHosts = own == (try stage.text("hostname"))
                return isHosts ? .through("the host is called \(own)") : .held("it is called \(own)")
            },
            Attack("host-name-set", "Sets the host's name, to what it is.", .outside) { stage in
                let name = try stage.text("hostname")
                return try judge("sethostname", call(__NR_sethostname, name, name.utf8.count))
            },
            Attack("domain-name-set", "Sets the domain's name, to what it is.", .outside) { _ in
                let names = Buffer(390)
                guard call(__NR_uname, names) == 0 else { throw Broken("uname") }
                let own = String(decoding: names.bytes(390).dropFirst(325).prefix { $0 != 0 }, as: UTF8.self)
                return try judge("setdomainname", call(__NR_setdomainname, own, own.utf8.count))
            },
            Attack(
                "cgroup-path-seen", "Learns where in the host's control groups it stands.", .without([.cgroupNamespace])
            ) { _ in
                guard case .success(let groups) = contents(of: "/proc/self/cgroup") else {
                    return .held("/proc/self/cgroup cannot be read")
                }
                let outside = groups.split(separator: "\n").first { !$0.hasSuffix(":/") }
                return outside.map { .through(String($0)) } ?? .held("every path is /")
            },
        ]
}
