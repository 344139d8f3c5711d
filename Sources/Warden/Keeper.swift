// Keeps sandboxes: makes them, waits for what happens to them, ends them at their deadlines, buries them. The event loop
// of whoever is privileged: the warden for a supervisor, and `martlet exec` for the one sandbox of its own. It never waits
// for one sandbox while there are others. What it does for snapshots is in SnapshotWork.swift.

import Glibc
package import Linux
package import Sandbox
package import Wire

package final class Keeper {
    let foundations: Foundations
    let queue: EventQueue
    /// A few thousand at most, each looked for a few times in its life.
    var kept: [Sandbox] = []
    /// Those that the kernel would not let us watch: looked at again and again until they have ended.
    private var unwatched: [UInt32] = []
    /// Sweeps that were asked for, told when what they ended is gone.
    private var sweeps: [(count: UInt32, latest: UInt64)] = []

    /// What the caller says of when its sandboxes must end, as hostile as anything it says.
    package var latestEnds: SharedWords?
    private var nextLook: UInt64 = 0

    /// Hears of everything that happens to a sandbox; with descriptors where the reply says so.
    package typealias Tell = (WardenReply, consuming Descriptors) -> Void
    let tell: Tell

    /// What is done for snapshots: see SnapshotWork.swift.
    var captures: [Capturing] = []
    var learning: LearningProcess?
    var descriptions: [(number: UInt32, process: DescribingProcess)] = []
    var toDescribe: [String] = []
    var lastDescription: UInt32 = 0
    var nextDraftClearing: UInt64?
    var draftPause: UInt64 = 10_000_000
    var templates: [(template: Template, waiting: [(request: SandboxRequest, log: StepLog)])] = []

    /// What an event is about: a sandbox and one of its descriptors, packed into the token of the event queue. Tokens of
    /// others are below `firstToken`.
    enum Source: UInt64 {
        case channel = 1
        case process, memory, capture, template, learning, description

        func token(_ id: UInt32) -> UInt64 { (UInt64(id) + 1) << 8 | rawValue }
    }

    private static let firstToken: UInt64 = 1 << 8
    /// All sandboxes, and those that are still being made.
    private static let mostSandboxes = Template.mostSandboxes
    private static let mostPending = 256

    package init(_ foundations: Foundations, tell: @escaping Tell) throws(Refusal) {
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

    /// The same for one that is watched already; with `writing`, its token comes also when it can be written to.
    package func watchAgain(_ raw: Int32, token: UInt64, writing: Bool) throws(Refusal) {
        do throws(SystemError) {
            try queue.watchAgain(raw, token: token, writing: writing)
        } catch {
            throw Refusal(.step, "wait for events: \(error)")
        }
    }

    func say(_ reply: WardenReply) { tell(reply, Descriptors(owning: [])) }

    // MARK: what is asked

    /// Makes a sandbox; the streams are borrowed until this returns. A refusal is told, not thrown: the other sandboxes
    /// go on.
    package func create(_ request: SandboxRequest, streams: [Int32], _ log: StepLog = StepLog(.outside)) {
        var log = log
        do throws(Refusal) {
            if sandbox(request.id) != nil { throw Refusal(.request, "the id \(request.id) is in use") }
            // With those that are made as soon as their template is ready.
            let count = kept.count + templates.reduce(0) { $0 + $1.waiting.count }
            if count >= Self.mostSandboxes {
                throw Refusal(.request, "there are \(count) sandboxes already: one warden keeps no more")
            }
            let pending = kept.count { !$0.hasStarted }
            if pending >= Self.mostPending {
                throw Refusal(.request, "\(pending) sandboxes are being made: ask again when some have started")
            }
            var template: Template?
            if let name = request.snapshot {
                guard let ready = try self.template(name, request, log) else { return }
                template = ready
            }
            // One that does not do its work is given up, whatever becomes of this sandbox.
            defer { if let template, template.isLost { lose(template) } }
            let sandbox = try Sandbox.start(request, streams: streams, from: template, in: foundations, &log)
            kept.append(sandbox)
            watch(sandbox)
        } catch {
            say(.refused(id: request.id, error))
        }
    }

    private func watch(_ sandbox: Sandbox) {
        do throws(SystemError) {
            let (channel, process, memory) = sandbox.watched
            try queue.watch(channel, token: Source.channel.token(sandbox.id))
            try queue.watch(process, token: Source.process.token(sandbox.id))
            if let memory { try queue.watch(memory, token: Source.memory.token(sandbox.id)) }
        } catch {
            sandbox.fail(Refusal(.step, "watch the sandbox: \(error)"))
            unwatched.append(sandbox.id)
        }
    }

    /// Starts a process in a sandbox that waits; the streams are borrowed until this returns.
    package func start(_ request: ProcessRequest, in id: UInt32, streams: [Int32]) {
        do throws(Refusal) {
            guard let sandbox = sandbox(id) else { throw Self.unknown(id) }
            if isCaptured(id) { throw Refusal(.request, "the sandbox is being captured") }
            try sandbox.start(request, streams: streams)
        } catch {
            say(.processRefused(id: id, process: request.number, error))
        }
    }

    package func socket(in id: UInt32) {
        do throws(Refusal) {
            guard let sandbox = sandbox(id) else { throw Self.unknown(id) }
            try sandbox.askForSocket()
        } catch {
            say(.refused(id: id, error))
        }
    }

    static func unknown(_ id: UInt32) -> Refusal { Refusal(.request, "there is no sandbox with the id \(id)") }

    package func signal(_ number: Int32, to process: UInt32 = 0, in id: UInt32) {
        sandbox(id)?.signal(process: process, number: number)
    }

    package func killAll(in id: UInt32) {
        endWork(on: id, because: "its processes were ended")
        sandbox(id)?.killAll()
    }

    package func settle(_ id: UInt32) { sandbox(id)?.settle() }

    package func kill(_ id: UInt32) {
        // One that waits for its template is not made any more.
        for index in templates.indices where templates[index].waiting.contains(where: { $0.request.id == id }) {
            templates[index].waiting.removeAll { $0.request.id == id }
            return say(.ended(id: id, Outcome(reason: .killed, wallNS: 0, cpuUS: 0, peakMemory: nil)))
        }
        sandbox(id)?.end(because: .killed)
    }

    /// Clears away what dead keepers left, and tells how much that was.
    package func sweep() {
        let latest = Clock.now + Self.longestSweep
        sweeps.append((Sweep(foundations).run(), latest))
        tellSweeps()
    }

    /// What hangs longer than this is swept later.
    private static let longestSweep: UInt64 = 2_000_000_000

    private func tellSweeps() {
        let now = Clock.now
        while let sweep = sweeps.first, foundations.removals.isEmpty || sweep.latest <= now {
            say(.swept(sweeps.removeFirst().count))
        }
    }

    // MARK: what happens

    /// Waits for something to happen, sees to what concerns the sandboxes, and gives the caller its own tokens.
    /// - Parameter isBusy: the caller has more to do, and only looks
    package func wait(isBusy: Bool = false) throws(Refusal) -> [UInt64] {
        // Nothing is waited for before that: what is traced does not go before its tracer.
        endWorkOnEnding()
        let tokens: [UInt64]
        do throws(SystemError) {
            tokens = try queue.wait(milliseconds: isBusy ? 0 : millisecondsToNext())
        } catch {
            throw Refusal(.step, "wait for events: \(error)")
        }
        endOverdue()
        foundations.removals.retry()
        foundations.endedHelpers.collect()
        if !sweeps.isEmpty { tellSweeps() }
        for id in unwatched { if let sandbox = sandbox(id) { handle(.process, of: sandbox) } }
        for token in tokens where token >= Self.firstToken {
            guard let source = Source(rawValue: token & 0xff) else { continue }
            let id = UInt32(truncatingIfNeeded: (token >> 8) - 1)
            switch source {
            case .capture: hearOfCapture(id)
            case .template: hearOfTemplates()
            case .learning: hearOfLearning()
            case .description: hearOfDescription(id)
            default: if let sandbox = sandbox(id) { handle(source, of: sandbox) }
            }
        }
        return tokens.filter { $0 < Self.firstToken }
    }

    func sandbox(_ id: UInt32) -> Sandbox? { kept.first { $0.id == id } }

    private func handle(_ source: Source, of sandbox: Sandbox) {
        switch source {
        case .capture, .template, .learning, .description: break
        case .channel: sandbox.hear(tell)
        case .memory:
            sandbox.noticeShortage()
            sandbox.endIfOutOfMemory()
        case .process:
            // A last word that is still in the channel.
            sandbox.hear(tell)
            // An event of a sandbox that had this id before may come late: a process that was being born held its
            // descriptors.
            guard let end = sandbox.bury() else { return }
            let id = sandbox.id
            kept.removeAll { $0.id == id }
            unwatched.removeAll { $0 == id }
            switch end {
            case .outcome(let outcome): say(.ended(id: id, outcome))
            case .refusal(let refusal): say(.refused(id: id, refusal))
            }
        }
    }

    private func millisecondsToNext() -> Int32 {
        if !unwatched.isEmpty || kept.contains(where: { $0.isShortOfMemoryUntil != nil }) { return 2 }
        let times = [
            kept.lazy.compactMap { $0.deadline }.min(), foundations.removals.nextAttempt, sweeps.first?.latest,
            foundations.endedHelpers.nextAttempt, nextOverdue, latestEnds == nil || kept.isEmpty ? nil : nextLook,
        ]
        guard let next = times.lazy.compactMap({ $0 }).min() else { return -1 }
        let now = Clock.now
        return next <= now ? 0 : Int32(min((next - now + 999_999) / 1_000_000, 60_000))
    }

    private func endOverdue() {
        let now = Clock.now
        for sandbox in kept {
            if let deadline = sandbox.deadline, deadline <= now { sandbox.end(because: .timedOut) }
            if sandbox.isShortOfMemoryUntil != nil { sandbox.endIfOutOfMemory() }
        }
        endOverdueWork(now)
        endForgotten(now)
    }

    /// Ends sandboxes whose time was up a while ago, and whose supervisor has not seen to it.
    private func endForgotten(_ now: UInt64) {
        guard let latestEnds, nextLook <= now else { return }
        nextLook = now + LatestEnds.interval
        for sandbox in kept {
            let latest = latestEnds[LatestEnds.place(of: sandbox.id)]
            if latest > 0, now > LatestEnds.grace, latest < now - LatestEnds.grace { sandbox.end(because: .timedOut) }
        }
    }

    // MARK: the end

    /// Waits for groups that the kernel has not let go of; for a keeper with nothing else to do.
    package func finishRemovals() { foundations.removals.finish(withinMS: 1000) }

    /// Ends everything, and waits for it as long as it is reasonable: what hangs in the kernel dies with this process.
    package func endAll() {
        // First what could still put something into the state directory, which may be another engine's by now.
        captures = []
        learning = nil
        for sandbox in kept { sandbox.end(because: .killed) }
        endWorkOnEnding()
        let latest = Clock.now + 5_000_000_000
        while !kept.isEmpty, Clock.now < latest {
            kept.removeAll { $0.bury() != nil }
            if !kept.isEmpty { Clock.sleep(microseconds: 500) }
        }
        foundations.endedHelpers.finish(withinMS: 1000)
        finishRemovals()
        if foundations.snapshots != nil { _ = try? foundations.clearDrafts() }
    }
}
