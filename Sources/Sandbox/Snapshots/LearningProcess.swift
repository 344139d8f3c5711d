// Notes for a snapshot what the first event of a clone has written to; in a process of its own, because a large plan takes
// a while to read.

import Linux
import Snapshot
package import Wire

package final class LearningProcess {
    package let snapshot: String
    package let sandbox: UInt32
    private let helper: Helper
    package var watched: Int32 { helper.process.raw }
    package var latest: UInt64 { helper.latest }

    private static let limit: UInt64 = 10

    package init(_ sandbox: Sandbox, _ foundations: Foundations) throws(Refusal) {
        guard let name = sandbox.request.snapshot, let first = sandbox.started.first, first.pid > 0 else {
            throw Refusal(.request, "the sandbox was not restored")
        }
        (snapshot, self.sandbox) = (name, sandbox.id)
        let guardian = sandbox.pid
        do throws(SystemError) {
            helper = try Helper(seconds: Self.limit, foundations.endedHelpers) {
                try? Self.learn(name, first.pid, (guardian, sandbox.process.raw), foundations)
            }
        } catch {
            throw Refusal(.step, "look at what was written to: \(error)")
        }
    }

    /// - Parameter guardian: its number, and a descriptor that holds it
    private static func learn(
        _ name: String, _ inside: Int32, _ guardian: (pid: Int32, handle: Int32), _ foundations: Foundations
    ) throws {
        let store = try foundations.openSnapshots()
        let plan = try store.open(name).plan
        guard let first = plan.processes.first, first.parent < 0 else { return }
        for pid in StoppedProcesses.children(of: guardian.pid) {
            let process = try Processes.open(pid)
            guard StoppedProcesses.children(of: guardian.pid).contains(pid),
                StoppedProcesses.numberInside(pid) == first.pid
            else { continue }
            let touched = try Learning.touched(plan, pid: pid)
            // Both are still there: so all that was read under their numbers was theirs.
            guard !Processes.hasEnded(process), !Processes.hasEnded(guardian.handle) else { return }
            try store.setTouched(touched, of: name)
        }
    }
}
