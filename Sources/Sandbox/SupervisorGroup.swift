// The group of the supervisor: what it can use of the host has an end, whatever a flaw in it, or a flood of requests, makes
// it do. The warden makes the group, and stays outside: it has to clear up behind a supervisor that the kernel has ended.

import Glibc
import Linux
package import Wire

package final class SupervisorGroup {
    private let group: WorkGroup

    /// Threads, and programs that it starts.
    private static let pids: UInt64 = 64

    /// Moves the process that has started this one into a group of its own.
    /// - Parameter pid: what it says that its number is. Where it has ended meanwhile, the parent of this process is
    ///   another one, often the host's pid 1, which must never get into a group that is limited, and killed as a whole.
    package init(of pid: Int32, memoryMB: UInt64, _ foundations: Foundations) throws(Refusal) {
        do throws(SystemError) {
            guard pid > 1, getppid() == pid else {
                throw SystemError(call: "find", subject: "the supervisor, process \(pid)", code: ESRCH)
            }
            group = try WorkGroup(.supervisor, memoryBytes: memoryMB << 20, pids: Self.pids, foundations)
            try group.take(pid)
        } catch {
            throw Refusal(.limit, "limit the supervisor: \(error)")
        }
    }
}
