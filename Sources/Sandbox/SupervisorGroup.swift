// The group of the supervisor: what it can use of the host has an end, whatever a flaw in it, or a flood of requests, makes
// it do. The warden makes the group, and stays outside: it has to clear up behind a supervisor that the kernel has ended.

import Linux
package import Wire

package final class SupervisorGroup {
    private let group: WorkGroup

    /// Threads, and programs that it starts.
    private static let pids: UInt64 = 64

    /// Moves a process into a group of its own.
    package init(of pid: Int32, memoryMB: UInt64, _ foundations: Foundations) throws(Refusal) {
        do throws(SystemError) {
            group = try WorkGroup(.supervisor, memoryBytes: memoryMB << 20, pids: Self.pids, foundations)
            try group.take(pid)
        } catch {
            throw Refusal(.limit, "limit the supervisor: \(error)")
        }
    }
}
