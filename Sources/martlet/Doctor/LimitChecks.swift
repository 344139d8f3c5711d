// Where this host enforces the limits of a sandbox.

import Linux
import Sandbox
import Wire

enum LimitChecks {
    static func all(_ places: Places) -> [Finding] {
        guard let hierarchies = try? Hierarchies.find(named: places.cgroup) else {
            return [
                Finding(
                    "cgroups", .missing, "none", "every limit goes through them",
                    mend: "mount cgroup2 at /sys/fs/cgroup")
            ]
        }
        return [tree(hierarchies)] + Limit.allCases.map { limit($0, hierarchies) }
            + [processes(hierarchies), kernelMemory(hierarchies)]
    }

    /// What all sandboxes may have together.
    private static func processes(_ hierarchies: Hierarchies) -> Finding {
        let meaning = "the rest stays for the host, whatever sandboxes do"
        guard hierarchies.place(of: .pids) != .nowhere, let (most, host) = try? ProcessCeiling.ofHost() else {
            return Finding(
                "all processes", .poorer, "no ceiling", meaning, mend: "enable the pids controller at boot")
        }
        let full = most / GroupLimits.mostPids
        return Finding(
            "all processes", .good, "\(most) of the host's \(host), \(full) sandboxes at their most", meaning)
    }

    private static func tree(_ hierarchies: Hierarchies) -> Finding {
        let meaning = "groups of sandboxes are made below it, frozen and ended whole"
        guard let parent = hierarchies.unified else {
            return Finding(
                "cgroup v2", .poorer, "not mounted", meaning,
                mend: "mount -t cgroup2 none /sys/fs/cgroup/unified; sandboxes are ended through their pid 1 until then"
            )
        }
        return Finding("cgroup v2", .good, parent, meaning)
    }

    /// What the limit of memory does not count, whatever the host: a statement, because nothing can be done about it.
    private static func kernelMemory(_ hierarchies: Hierarchies) -> Finding {
        let v1 = hierarchies.place(of: .memory) != .unified
        return Finding(
            "kernel memory", .good, v1 ? "sockets: an eighth of the memory on top" : "sockets count as memory",
            "not limited: locks on ranges of files, 190 bytes each, as many as a function makes in its time")
    }

    private static func limit(_ limit: Limit, _ hierarchies: Hierarchies) -> Finding {
        let name = "\(limit) limit"
        let meaning =
            switch limit {
            case .memory: "the configured memory is the most it gets"
            case .cpu: "CPU in proportion to memory, 1769 MB for one"
            case .pids: "at most 1024 processes and threads"
            }
        switch hierarchies.place(of: limit) {
        case .unified:
            let parent = hierarchies.unified ?? ""
            let enabled = ((try? Files.readText("\(parent)/cgroup.subtree_control", limit: 4096)) ?? "")
                .split(whereSeparator: \.isWhitespace).contains(Substring(limit.rawValue))
            let hasProcesses = !((try? Files.readText("\(parent)/cgroup.procs")) ?? "").isEmpty
            let isRootGroup = !Files.exists("\(parent)/cgroup.type")
            if enabled || !hasProcesses || isRootGroup {
                return Finding(name, .good, "cgroup v2 at \(parent)", meaning)
            }
            return Finding(
                name, .missing, "cgroup v2, but \(parent) has processes of its own", meaning,
                mend:
                    "name a group without processes: mkdir /sys/fs/cgroup/martlet, then --cgroup /martlet (MARTLET_CGROUP)"
            )
        case .legacy(let parent):
            return Finding(name, .good, "cgroup v1 at \(parent)", meaning)
        case .nowhere:
            return Finding(
                name, .missing, "no \(limit) controller", meaning,
                mend: "enable the controller at boot, or go on without: --waive \(limit)")
        }
    }
}
