// What the kernel offers: found out by asking it for the thing itself, in a child that ends at once.

import Glibc
import Linux
import Sandbox

enum KernelChecks {
    static func all() -> [Finding] {
        [rights, kernel] + namespaces() + [setTid, addresses, overlay, seccomp, uidRange]
    }

    private static var isRoot: Bool { Credentials.userID == 0 }

    private static var rights: Finding {
        let needed: [(name: String, bit: Int)] = [
            ("chown", 0), ("dac_override", 1), ("kill", 5), ("setgid", 6), ("setuid", 7), ("setpcap", 8),
            ("net_admin", 12), ("sys_admin", 21), ("mknod", 27),
        ]
        let effective = Capabilities.effective
        let lacking = needed.filter { effective & (1 << $0.bit) == 0 }.map(\.name)
        return Finding(
            "rights", isRoot && lacking.isEmpty ? .good : .missing,
            !isRoot
                ? "uid \(Credentials.userID)"
                : lacking.isEmpty ? "root" : "root without \(lacking.joined(separator: ", "))",
            "the warden makes namespaces, mounts and device nodes",
            mend: isRoot ? "start it with these capabilities" : "run it as root, with sudo")
    }

    private static var kernel: Finding {
        let release = (try? Files.readText("/proc/sys/kernel/osrelease", limit: 256)) ?? "unknown"
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let isNew = numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 19)
        return Finding(
            "kernel", isNew ? .good : .missing, String(release.prefix { $0 != "\n" }),
            "5.19 has all that the engine asks for: cgroup.kill, overlayfs over mapped owners",
            mend: "install a kernel of 5.19 or newer; Debian 12 has 6.1")
    }

    private static func namespaces() -> [Finding] {
        let kinds: [(String, Namespaces, String)] = [
            ("user namespace", [], "root inside is nobody outside"),
            ("mount namespace", .mount, "a tree of its own"),
            ("pid namespace", .pid, "sees and signals nothing outside"),
            ("network namespace", .network, "loopback alone"),
            ("ipc namespace", .ipc, "no shared memory or queues of the host"),
            ("uts namespace", .hostName, "a host name of its own"),
            ("cgroup namespace", .cgroup, "does not see where its group stands"),
            ("time namespace", .time, "clocks of its own, for snapshots"),
        ]
        return kinds.map { name, kind, meaning in
            if !isRoot { return Finding(name, .poorer, "not tried", meaning, mend: "run doctor as root") }
            if let error = refusal(of: kind.union(.user)) {
                return Finding(
                    name, .missing, error.reason, meaning,
                    mend: "build the kernel with it, and raise the limits in /proc/sys/user")
            }
            return Finding(name, .good, "made one", meaning)
        }
    }

    /// Tries to make a process in such namespaces.
    private static func refusal(of namespaces: Namespaces) -> SystemError? {
        do throws(SystemError) {
            switch try Processes.fork(into: namespaces, cgroup: nil) {
            case .child: _exit(0)
            case .parent(let pid, _): _ = try Processes.wait(for: pid)
            }
            return nil
        } catch {
            return error
        }
    }

    private static var setTid: Finding {
        let meaning = "a restored thread gets the number it had"
        guard isRoot else {
            return Finding("clone3 set_tid", .poorer, "not tried", meaning, mend: "run doctor as root")
        }
        let works = Processes.canChooseNumbers()
        return Finding(
            "clone3 set_tid", works ? .good : .poorer, works ? "chose a number" : "refused", meaning,
            mend: "snapshots need a kernel of 5.5 or newer; everything else works")
    }

    /// A template holds the memory of the captured program beside its own, which works only where the two lie apart.
    private static var addresses: Finding {
        let setting = "/proc/sys/kernel/randomize_va_space"
        let isFixed = (try? Files.readText(setting, limit: 16))?.first == "0"
        return Finding(
            "address layout", isFixed ? .poorer : .good, isFixed ? "the same for every program" : "at random",
            isFixed
                ? "no snapshot can be restored: a template and the program in it would lie at the same addresses"
                : "a template has room for the program that it restores",
            mend: "sysctl -w kernel.randomize_va_space=2; everything else works without")
    }

    private static var overlay: Finding {
        let types = (try? Files.readText("/proc/filesystems", limit: 1 << 16)) ?? ""
        let has = types.split(whereSeparator: \.isWhitespace).contains("overlay")
        return Finding(
            "overlayfs", has ? .good : .missing, has ? "built in" : "not there", "merges layers at /opt",
            mend: "modprobe overlay, or build the kernel with CONFIG_OVERLAY_FS")
    }

    private static var seccomp: Finding {
        let actions = (try? Files.readText("/proc/sys/kernel/seccomp/actions_avail", limit: 4096)) ?? ""
        let has = actions.contains("errno") && actions.contains("kill_process")
        return Finding(
            "seccomp", has ? .good : .missing, has ? "filters" : "no filters", "system calls are an allow-list",
            mend: "build the kernel with CONFIG_SECCOMP_FILTER")
    }

    /// The engine's uids must be nobody's on this host.
    private static var uidRange: Finding {
        let first = UInt64(UserBlock.firstID)
        let end = first + UInt64(UserBlock.count) * UInt64(UserBlock.size)
        var clashes: [String] = []
        for file in ["/etc/subuid", "/etc/subgid"] {
            for line in ((try? Files.readText(file)) ?? "").split(separator: "\n") {
                let fields = line.split(separator: ":")
                guard fields.count == 3, let start = UInt64(fields[1]), let count = UInt64(fields[2]) else { continue }
                if start < end && count > 0 && (start >= first || count > first - start) {
                    clashes.append("\(file): \(line)")
                }
            }
        }
        return Finding(
            "uid range", clashes.isEmpty ? .good : .missing,
            clashes.isEmpty ? "\(first) to \(end - 1) is free" : clashes.joined(separator: "; "),
            "a block of 65536 host uids for each sandbox", mend: "take the range out of those files")
    }
}
