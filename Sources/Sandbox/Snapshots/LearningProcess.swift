// Notes for a snapshot what the first event of a clone has written to; in a process of its own, because a large plan takes
// a while to read.

import Linux
import Snapshot
package import Wire

package final class LearningProcess {
    package let snapshot: String
    private let helper: Helper
    package var watched: Int32 { helper.process.raw }
    package var latest: UInt64 { helper.latest }

    private static let limit: UInt64 = 10

    package init(_ sandbox: Sandbox, _ foundations: Foundations) throws(Refusal) {
        guard let name = sandbox.request.snapshot, let first = sandbox.started.first, first.pid > 0 else {
            throw Refusal(.request, "the sandbox was not restored")
        }
        snapshot = name
        let guardian = sandbox.pid
        do throws(SystemError) {
            helper = try Helper(seconds: Self.limit) { try? Self.learn(name, first.pid, guardian, foundations) }
        } catch {
            throw Refusal(.step, "look at what was written to: \(error)")
        }
    }

    private static func learn(_ name: String, _ inside: Int32, _ guardian: Int32, _ foundations: Foundations) throws {
        let store = try foundations.openSnapshots()
        let plan = try store.open(name).plan
        guard let first = plan.processes.first, first.parent < 0 else { return }
        for pid in StoppedProcesses.children(of: guardian) where StoppedProcesses.numberInside(pid) == first.pid {
            try store.setTouched(try Learning.touched(plan, pid: pid), of: name)
        }
    }
}
