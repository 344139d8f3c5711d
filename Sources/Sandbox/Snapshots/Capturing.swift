// The making of a snapshot, in a process of its own: it stops what runs in a sandbox for a moment and may then take its
// time to write. Whatever becomes of it, the sandbox goes on.

import Linux
import Snapshot
package import Wire

package final class Capturing {
    package let sandbox: UInt32
    /// What it shall be called.
    package let snapshot: String
    private let helper: Helper
    private let channel: MessageSocket
    private let foundations: Foundations
    package var watched: Int32 { channel.raw }
    package var latest: UInt64 { helper.latest }

    /// - Parameter logs: the ends that its processes write to, lent until this returns
    package init(
        _ request: CaptureRequest, of sandbox: Sandbox, logs: [Int32], _ foundations: Foundations
    ) throws(Refusal) {
        if let problem = request.problem() { throw Refusal(.request, problem) }
        guard sandbox.waits, sandbox.hasStarted, !sandbox.isRestoring else {
            throw Refusal(.request, "the sandbox is not one that can be captured")
        }
        (self.sandbox, snapshot, self.foundations) = (sandbox.id, request.snapshot, foundations)
        let inputs = try Inputs(sandbox.request, within: foundations.confinement)
        do throws(SystemError) {
            let identities = try logs.map { raw throws(SystemError) in try FileDetails(raw).identity }
            let ends = try MessageSocket.pair()
            channel = MessageSocket(raw: ends.here)
            let there = MessageSocket(raw: ends.there)
            let group = try WorkGroup(
                .capture, memoryBytes: foundations.captureMemory ?? WorkMemory.copying(sandbox.request),
                waived: sandbox.request.waived, foundations)
            let seconds = CaptureRequest.longestSeconds(memoryMB: sandbox.request.memoryMB)
            helper = try Helper(
                in: group, seconds: seconds, keeping: [ends.there] + inputs.numbers, foundations.endedHelpers
            ) {
                let answer = Self.run(request, sandbox, inputs, identities, foundations)
                try? there.send(answer.encoded())
            }
        } catch {
            throw Refusal(.step, "begin a capture: \(error)")
        }
    }

    /// What a process that was killed has written of an image is nobody's.
    deinit { helper.end { [foundations] _ in _ = try? foundations.clearDrafts() } }

    /// What came of it, when it has.
    package func hear() -> WardenReply? {
        let reason = helper.shortage ?? "the process that captures has ended"
        let gone = WardenReply.notCaptured(id: sandbox, Refusal(.snapshot, reason))
        guard let reception = try? channel.receive(block: false, limit: WardenReply.longest) else { return gone }
        switch consume reception {
        case .nothing: return nil
        case .closed: return gone
        case .message(let message): return (try? WardenReply(decoding: message.bytes)) ?? gone
        }
    }

    private static func run(
        _ request: CaptureRequest, _ sandbox: Sandbox, _ inputs: borrowing Inputs, _ logs: [[UInt64]],
        _ foundations: Foundations
    ) -> WardenReply {
        do throws(Refusal) {
            let store = try foundations.openSnapshots()
            let draft = try store.begin(request.snapshot)
            do throws(Refusal) {
                let ceilings = Ceilings(memoryMB: sandbox.request.memoryMB)
                let capture = Capture(
                    logs: logs, numbers: sandbox.started.map { ($0.pid, $0.number) }, pages: draft.pages,
                    ceilings: ceilings, failing: sandbox.foundations.failingCapture)
                guard let list = sandbox.group.threadList else {
                    throw Refusal(.snapshot, "the sandbox has no control group that lists its threads")
                }
                var plan = try capture.run(guardian: sandbox.pid, listed: list)
                plan.memo = request.memo
                plan.binding = try inputs.binding()
                do throws(SystemError) {
                    try draft.pages.fold(&plan)
                } catch {
                    throw Refusal(.state, "fold the pages of a snapshot: \(error)")
                }
                var figures = CaptureFigures()
                figures.processes = UInt32(plan.processes.count)
                figures.threads = UInt32(plan.processes.reduce(0) { $0 + $1.threads.count })
                (figures.bytes, figures.stoppedUS) = (draft.pages.size, plan.stoppedUS)
                // What can be captured must be possible to restore, and this is the time to find out.
                let inside = InsideUser(user: Privileges.user, group: Privileges.group, closing: [])
                try Restoration.check(plan, inside, ceilings)
                try store.finish(draft, plan, ceilings, as: request.snapshot)
                return .captured(id: sandbox.id, figures)
            } catch {
                // The draft is this process's for as long as it lives: the keeper removes it when it has gone.
                throw error
            }
        } catch {
            return .notCaptured(id: sandbox.id, error)
        }
    }
}
