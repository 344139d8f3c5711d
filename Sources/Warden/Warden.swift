// The privileged process. It makes and ends sandboxes as it is asked to over a socket, and ends with everything it made
// when the other side is gone. One thread, no shell, no Foundation. It runs as the program martlet-warden, or as a fork
// of `martlet exec`, which root started and which is as small.
//
// What it is told is checked as if the caller were hostile (Wire decodes, SandboxRequest.problem and Sandbox check).

import Glibc
import Linux
import Sandbox
import Wire

package struct Warden: ~Copyable {
    /// The socket to the other side.
    package static let controlDescriptor: Int32 = 3

    /// Serves the socket under `controlDescriptor`. With `once` it ends after the first sandbox has.
    package static func run(directory: String, cgroup: String?, once: Bool) -> Never {
        // The modes that the code names are the modes it means.
        Files.setCreationMask(0)
        do throws(Refusal) {
            var warden = try Warden(try Foundations(run: directory, cgroup: cgroup), once: once)
            if !once { _ = warden.sweep() }
            warden.serve()
        } catch {
            // There is no request to answer yet: the caller waits for the first word.
            let socket = MessageSocket(raw: controlDescriptor)
            try? socket.send(WardenReply.refused(id: 0, error).encoded())
        }
        _exit(0)
    }

    private let foundations: Foundations
    private let once: Bool
    private let control = MessageSocket(raw: Warden.controlDescriptor)
    private let queue: EventQueue
    private var sandboxes: [UInt32: Sandbox] = [:]

    /// What an event is about: a sandbox and one of its descriptors, packed into the token of the event queue.
    private enum Source: UInt64 {
        case control = 0, channel, process, memory

        func token(_ id: UInt32) -> UInt64 { UInt64(id) << 8 | rawValue }
    }

    private init(_ foundations: Foundations, once: Bool) throws(Refusal) {
        do throws(SystemError) {
            let queue = try EventQueue()
            try queue.watch(Self.controlDescriptor, token: Source.control.token(0))
            self.init(foundations, once, queue)
        } catch {
            throw Refusal(.step, "wait for requests: \(error)")
        }
    }

    private init(_ foundations: Foundations, _ once: Bool, _ queue: consuming EventQueue) {
        self.foundations = foundations
        self.once = once
        self.queue = queue
    }

    /// Until the other side is gone.
    private mutating func serve() {
        while !isDone {
            guard let tokens = try? queue.wait(milliseconds: millisecondsToDeadline()) else { break }
            endOverdue()
            for token in tokens {
                guard let source = Source(rawValue: token & 0xff) else { continue }
                let id = UInt32(truncatingIfNeeded: token >> 8)
                if source == .control {
                    guard takeRequests() else { return endAll() }
                } else if let sandbox = sandboxes[id] {
                    handle(source, of: sandbox)
                }
            }
        }
        endAll()
    }

    private var isDone = false

    // MARK: requests

    /// False when the other side is gone, or speaks another language: there is no sense in going on with it.
    private mutating func takeRequests() -> Bool {
        while true {
            guard let reception = try? control.receive(block: false) else { return false }
            switch consume reception {
            case .closed: return false
            case .nothing: return true
            case .message(let message):
                guard let request = try? WardenRequest(decoding: message.bytes) else { return false }
                answer(request, message.takeDescriptors())
            }
        }
    }

    private mutating func answer(_ request: WardenRequest, _ descriptors: consuming Descriptors) {
        switch request {
        case .create(let request): create(request, descriptors)
        case .signal(let id, let number): sandboxes[id]?.forward(signal: number)
        case .kill(let id): sandboxes[id]?.end(because: .killed)
        case .sweep:
            reply(.swept(sweep()))
            isDone = once
        }
    }

    private mutating func create(_ request: SandboxRequest, _ streams: consuming Descriptors) {
        var log = StepLog(.warden)
        do throws(Refusal) {
            if sandboxes[request.id] != nil { throw Refusal(.request, "the id \(request.id) is in use") }
            if streams.count != 3 { throw Refusal(.request, "a command needs three standard streams") }
            let sandbox = try Sandbox.start(request, streams: streams, in: foundations, &log)
            sandboxes[request.id] = sandbox
            wardenSteps[request.id] = log.steps
            try watch(sandbox)
            // Pid 1 has half a millisecond of work to do now, and we have none.
            if once { _ = sweep() }
        } catch {
            sandboxes[request.id] = nil
            reply(.refused(id: request.id, error))
            isDone = once
        }
    }

    private func sweep() -> UInt32 { Sweep(foundations.engine, foundations.blocks).run() }

    /// The steps of our own half, until pid 1 has sent its own.
    private var wardenSteps: [UInt32: [Step]] = [:]

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

    // MARK: events

    private mutating func handle(_ source: Source, of sandbox: Sandbox) {
        switch source {
        case .control: break
        case .channel: hear(sandbox)
        case .memory:
            sandbox.noticeShortage()
            sandbox.endIfOutOfMemory()
        case .process:
            // A last word that is still in the channel.
            hear(sandbox)
            let id = sandbox.id
            sandboxes[id] = nil
            wardenSteps[id] = nil
            isDone = once
            switch sandbox.bury() {
            case .outcome(let outcome): reply(.ended(id: id, outcome))
            case .refusal(let refusal): reply(.refused(id: id, refusal))
            }
        }
    }

    private mutating func hear(_ sandbox: Sandbox) {
        if let steps = sandbox.hear() {
            reply(.started(id: sandbox.id, steps: (wardenSteps.removeValue(forKey: sandbox.id) ?? []) + steps))
        }
    }

    private func millisecondsToDeadline() -> Int32 {
        if sandboxes.values.contains(where: { $0.isShortOfMemoryUntil != nil }) { return 2 }
        guard let next = sandboxes.values.compactMap(\.deadline).min() else { return -1 }
        let now = Clock.now
        return next <= now ? 0 : Int32(min((next - now + 999_999) / 1_000_000, 60_000))
    }

    private func endOverdue() {
        let now = Clock.now
        for sandbox in sandboxes.values {
            if let deadline = sandbox.deadline, deadline <= now { sandbox.end(because: .timedOut) }
            if sandbox.isShortOfMemoryUntil != nil { sandbox.endIfOutOfMemory() }
        }
    }

    private mutating func endAll() {
        for sandbox in sandboxes.values { sandbox.end(because: .killed) }
        for sandbox in sandboxes.values { _ = sandbox.bury() }
        sandboxes = [:]
    }

    private func reply(_ reply: WardenReply) {
        // When nobody listens any more, the next event says so.
        try? control.send(reply.encoded())
    }
}
