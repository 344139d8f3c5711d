// The engine's own processes, found by the names of their groups.

import Glibc

package enum EngineProcesses {
    /// - Parameter kind: as the names of groups have it: `capture`, `template`, …
    package static func ofKind(_ kind: String, of server: Int32) -> [Int32] {
        HostProcesses.descendants(of: server).filter { pid in
            HostProcesses.text("/proc/\(pid)/cgroup")?.contains("/martlet-\(kind)-") == true
        }
    }

    /// Of cgroup v1's hierarchy with this controller, or of cgroup v2: the line of /proc/PID/cgroup, without its number.
    package static func group(of pid: Int32, _ controller: String) -> String? {
        line(of: pid, controller).map { String($0.path) }
    }

    /// Nothing of one that is about to join its group.
    package static func peakMemory(of pid: Int32) -> UInt64? {
        guard group(of: pid, "memory")?.contains("/martlet-") == true else { return nil }
        return number(in: ["memory.max_usage_in_bytes", "memory.peak"], of: pid)
    }

    package static func memoryLimit(of pid: Int32) -> UInt64? {
        number(in: ["memory.limit_in_bytes", "memory.max"], of: pid)
    }

    package static func link(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 512)
        guard unsafe readlink(path, &buffer, 511) > 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func number(in files: [String], of pid: Int32) -> UInt64? {
        guard let (path, isLegacy) = line(of: pid, "memory") else { return nil }
        let mounts = HostProcesses.text("/proc/self/mountinfo")?.split(separator: "\n") ?? []
        let mount = mounts.first { mount in
            isLegacy ? mount.contains(" - cgroup ") && mount.hasSuffix(",memory") : mount.contains(" - cgroup2 ")
        }
        guard let point = mount?.split(separator: " ")[4] else { return nil }
        for file in files {
            if let text = HostProcesses.text("\(point)\(path)/\(file)") { return UInt64(text.dropLast()) }
        }
        return nil
    }

    private static func line(of pid: Int32, _ controller: String) -> (path: Substring, isLegacy: Bool)? {
        let lines = HostProcesses.text("/proc/\(pid)/cgroup")?.split(separator: "\n") ?? []
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count == 3, parts[1].split(separator: ",").contains(Substring(controller)) {
                return (parts[2], true)
            }
        }
        return lines.first { $0.hasPrefix("0::") }.map { ($0.dropFirst(3), false) }
    }
}
