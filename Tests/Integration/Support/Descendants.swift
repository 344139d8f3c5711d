// The processes of an engine, seen from the host.

import Glibc

extension HostProcesses {
    /// Everything that was started by this process or by what it had started; those that still have their parents.
    package static func descendants(of pid: Int32) -> [Int32] {
        let children = parents().filter { $0.value == pid }.keys.sorted()
        return children + children.flatMap(descendants)
    }

    private static func parents() -> [Int32: Int32] {
        var parents: [Int32: Int32] = [:]
        for pid in HostFiles.names(in: "/proc").compactMap(Int32.init) {
            // The name stands in brackets, and may have any in it.
            guard let stat = text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { continue }
            let fields = stat[end...].split(separator: " ")
            if fields.count > 2, let parent = Int32(fields[2]) { parents[pid] = parent }
        }
        return parents
    }

    package static func text(_ path: String) -> String? {
        (try? HostFiles.read(path)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What follows `name:` in /proc/PID/status.
    package static func status(_ name: String, of path: String) -> String? {
        let line = text("\(path)/status")?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.map { trimmed(String($0.dropFirst(name.count + 1))) }
    }

    /// What a file of a process's cgroup2 group says.
    package static func group(_ file: String, of pid: Int32) -> String? {
        let mount = text("/proc/self/mountinfo")?.split(separator: "\n").first { $0.contains(" - cgroup2 ") }
        let group = text("/proc/\(pid)/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }
        guard let mount, let group else { return nil }
        return text("\(mount.split(separator: " ")[4])\(group.dropFirst(3))/\(file)")
    }
}
