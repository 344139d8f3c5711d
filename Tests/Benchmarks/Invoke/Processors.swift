// Which processors a process may use. Where the scheduler puts two processes that talk decides about their round trip: on
// one processor it takes a third of what it takes between two. So that is chosen here and not left to chance.

import Glibc
import Linux

enum Processors {
    static let count = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    static func allow(_ list: String, to pid: Int32) throws {
        let null = try Files.open("/dev/null", .readWrite)
        let taskset = try Spawn.start(
            "/usr/bin/taskset", arguments: ["taskset", "-cp", list, String(pid)], environment: [],
            streams: [(null.raw, 1)])
        guard try Processes.wait(for: taskset)?.ending == .exited(0) else {
            throw Broken(description: "taskset \(list) failed")
        }
    }

    static func allowAll(to pid: Int32) throws { try allow("0-\(count - 1)", to: pid) }
}
