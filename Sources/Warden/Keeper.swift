// Keeps sandboxes: makes them, waits for what happens to them, ends them at their deadlines, buries them. The event loop
// of whoever is privileged: the warden for a supervisor, and `martlet exec` for the one sandbox of its own.

import Glibc
import Linux
package import Sandbox
package import Wire

package final class Keeper {
    private let foundations: Foundations
    private let queue: EventQueue
    /// A few thousand at most, each looked for a few times in its life.
    private var kept: [Kept] = []

    private struct Kept {
        let sandbox: Sandbox
        /// The steps of our own half, until pid 1 has sent its own.
        var steps: [Step]
    }

    private let tell: (WardenReply) -> Void

    /// What an event is about: a sandbox and one of its descriptors, packed into the token of the event queue. Tokens of
    /// others are below `firstToken`.
    private enum Source: UInt64 {
        case channel = 1
        case process, memory

        func token(_ id: UInt32) -> UInt64 { (UInt64(id) + 1) << 8 | rawValue }
    }

    private static let firstToken: UInt64 = 1 << 8

    /// - Parameter tell: hears of everything that happens to a sandbox
    package init(_ foundations: Foundations, tell: @escaping (WardenReply) -> Void) throws(Refusal) {
        self.foundations = foundations
        self.tell = tell
        // Ignored, as a caller may have left it, it would take the ends of our children from us.
        Signals.useDefault(SIGCHLD)
        do throws(SystemError) {
            queue = try EventQueue()
        } catch {
            throw Refusal(.step, "wait for events: \(error)")
        }
    }

    /// Watches a descriptor of the caller's as well.
    package func watch(_ raw: Int32, token: UInt64) throws(Refusal) {
        precondition(token < Self.firstToken)
        do throws(SystemError) {
            try queue.watch(raw, token: token)
        } catch {
            throw Refusal(.step, "wait for events: \(error)")
        }
    }

    /// Makes a sandbox; the streams are borrowed until this returns. A refusal is told, not thrown: the other sandboxes
    /// go on.
    package func create(_ request: SandboxRequest, streams: [Int32], _ log: StepLog = StepLog(.outside)) {
        var log = log
        do throws(Refusal) {
            if sandbox(request.id) != nil { throw Refusal(.request, "the id \(request.id) is in use") }
            let sandbox = try Sandbox.start(request, streams: streams, in: foundations, &log)
            try watch(sandbox)
            kept.append(Kept(sandbox: sandbox, steps: log.steps))
        } catch {
            tell(.refused(id: request.id, error))
        }
    }

    private func watch(_ sandbox: Sandbox) throws(Refusal) {
        do throws(SystemError) {
            let (channel, process, memory) = sandbox.watched
            try queue.watch(channel, token: Source.channel.token(sandbox.id))
            try queue.watch(process, token: Source.process.token(sandbox.id))
            if let memory { try queue.watch(memory, token: Source.memory.token(sandbox.id)) }
        } catch {
            sandbox.end(because: .killed)
            _ = sandbox.bury()
            throw Refusal(.step, "watch the sandbox: \(error)")
        }
    }

    /// Waits for something to happen, sees to what concerns the sandboxes, and gives the caller its own tokens.
    package func wait() throws(Refusal) -> [UInt64] {
        let tokens: [UInt64]
        do throws(SystemError) {
            tokens = try queue.wait(milliseconds: millisecondsToDeadline())
        } catch {
            throw Refusal(.step, "wait for events: \(error)")
        }
        endOverdue()
        for token in tokens where token >= Self.firstToken {
            guard let source = Source(rawValue: token & 0xff) else { continue }
            if let sandbox = sandbox(UInt32(truncatingIfNeeded: (token >> 8) - 1)) { handle(source, of: sandbox) }
        }
        return tokens.filter { $0 < Self.firstToken }
    }

    private func sandbox(_ id: UInt32) -> Sandbox? { kept.first { $0.sandbox.id == id }?.sandbox }

    private func handle(_ source: Source, of sandbox: Sandbox) {
        switch source {
        case .channel: hear(sandbox)
        case .memory:
            sandbox.noticeShortage()
            sandbox.endIfOutOfMemory()
        case .process:
            // A last word that is still in the channel.
            hear(sandbox)
            let id = sandbox.id
            kept.removeAll { $0.sandbox.id == id }
            switch sandbox.bury() {
            case .outcome(let outcome): tell(.ended(id: id, outcome))
            case .refusal(let refusal): tell(.refused(id: id, refusal))
            }
        }
    }

    private func hear(_ sandbox: Sandbox) {
        guard let steps = sandbox.hear(), let index = kept.firstIndex(where: { $0.sandbox === sandbox }) else { return }
        tell(.started(id: sandbox.id, steps: kept[index].steps + steps))
        kept[index].steps = []
    }

    private func millisecondsToDeadline() -> Int32 {
        if kept.contains(where: { $0.sandbox.isShortOfMemoryUntil != nil }) { return 2 }
        guard let next = kept.lazy.compactMap({ $0.sandbox.deadline }).min() else { return -1 }
        let now = Clock.now
        return next <= now ? 0 : Int32(min((next - now + 999_999) / 1_000_000, 60_000))
    }

    private func endOverdue() {
        let now = Clock.now
        for sandbox in kept.map(\.sandbox) {
            if let deadline = sandbox.deadline, deadline <= now { sandbox.end(because: .timedOut) }
            if sandbox.isShortOfMemoryUntil != nil { sandbox.endIfOutOfMemory() }
        }
    }

    package func forward(signal number: Int32, to id: UInt32) { sandbox(id)?.forward(signal: number) }

    package func kill(_ id: UInt32) { sandbox(id)?.end(because: .killed) }

    /// Clears away what dead keepers left.
    package func sweep() -> UInt32 { Sweep(foundations.engine, foundations.blocks).run() }

    package func endAll() {
        for one in kept { one.sandbox.end(because: .killed) }
        for one in kept { _ = one.sandbox.bury() }
        kept = []
    }
}
