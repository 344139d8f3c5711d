// Counts what a sandbox could leave behind on the host.

import Glibc

package struct Leftovers {
    package let processes: Int
    package let mounts: Int
    package let groups: Int
    package let networks: Int
    package let files: Int
    package let locks: Int

    private static let run = Binaries.engineEnvironment["MARTLET_RUN"] ?? "/run/martlet"

    package static func now() -> Leftovers {
        let pids = HostFiles.names(in: "/proc").filter { Int32($0) != nil }
        let mounts = lines("/proc/self/mountinfo")
        let groups = mounts.compactMap { line -> String? in
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields[dash + 1].hasPrefix("cgroup") else { return nil }
            return String(fields[4])
        }
        return Leftovers(
            processes: pids.filter { lines("/proc/\($0)/cgroup").contains { $0.contains("/martlet-") } }.count,
            mounts: mounts.count,
            groups: groups.reduce(0) { $0 + countGroups(below: $1) },
            networks: Set(pids.compactMap { link("/proc/\($0)/ns/net") }).count,
            files: countFiles(below: run),
            locks: lines("/proc/locks").filter { $0.contains("OFDLCK") }.count)
    }

    /// What there is more of than before, in words; empty when nothing was left. What is killed takes a moment to go.
    package static func settled(since before: Leftovers, within limit: Duration = .seconds(20)) -> String {
        let deadline = ContinuousClock().now + limit
        while true {
            let more = Leftovers.now().excess(over: before)
            if more.isEmpty || ContinuousClock().now >= deadline { return more }
            usleep(50_000)
        }
    }

    private func excess(over before: Leftovers) -> String {
        let kinds: [(String, KeyPath<Leftovers, Int>)] = [
            ("processes", \.processes), ("mounts", \.mounts), ("groups", \.groups), ("networks", \.networks),
            ("files", \.files), ("locks", \.locks),
        ]
        return kinds.filter { self[keyPath: $0.1] > before[keyPath: $0.1] }
            .map { "\($0.0): \(before[keyPath: $0.1]) before, \(self[keyPath: $0.1]) now" }.joined(separator: "; ")
    }

    private static func lines(_ path: String) -> [Substring] {
        guard let bytes = try? HostFiles.read(path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 128)
        guard unsafe readlink(path, &buffer, 127) > 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func countGroups(below path: String) -> Int {
        HostFiles.names(in: path).reduce(0) { count, name in
            count + (name.hasPrefix("martlet-") ? 1 : 0) + countGroups(below: "\(path)/\(name)")
        }
    }

    private static func countFiles(below path: String) -> Int {
        HostFiles.names(in: path).reduce(0) { $0 + 1 + countFiles(below: "\(path)/\($1)") }
    }
}

/// A file system of the test's own, unmounted with its owner.
package final class Mounted {
    package let path: String

    package init(_ type: String, options: String) throws {
        path = try HostFiles.makeTemporaryDirectory("martlet-mounted")
        let outcome = try Program(["mount", "-t", type, "-o", options, "none", path]).run()
        guard outcome.status == 0 else { throw Program.Failure(description: "mount: \(outcome)") }
    }

    deinit {
        _ = try? Program(["umount", path]).run()
        HostFiles.remove(path)
    }
}

/// A directory of the host that is open.
package final class HostDirectory {
    package let descriptor: Int32

    package init(_ path: String) throws {
        descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Program.Failure(description: "cannot open \(path)") }
    }

    deinit { close(descriptor) }
}
