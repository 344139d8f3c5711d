// The privileged program. It is started by root with a socket as descriptor 3, makes and ends sandboxes as it is asked to
// over that socket, and ends with everything it made when the other side is gone. One thread, no shell, no Foundation.
//
// What it is told is checked as if the caller were hostile (Wire decodes, SandboxRequest.problem and Sandbox check).

import Glibc
import Linux
import Sandbox
import Wire

@main
enum Main {
    static func main() {
        let options = Options(CommandLine.arguments)
        do throws(Refusal) {
            let foundations = try Foundations(run: options.run, cgroup: options.cgroup)
            var warden = try Warden(foundations)
            warden.serve()
        } catch {
            // There is no request to answer yet: the caller waits for the first word.
            let socket = MessageSocket(raw: Warden.controlDescriptor)
            try? socket.send(WardenReply.refused(id: 0, error).encoded())
            _exit(1)
        }
        _exit(0)
    }
}

struct Options {
    var run = Workplace.standardPath
    var cgroup: String?

    init(_ arguments: [String]) {
        var rest = arguments.dropFirst()
        while let name = rest.popFirst() {
            switch (name, rest.popFirst()) {
            case ("--run", let path?): run = path
            case ("--cgroup", let path?): cgroup = path
            default: Self.refuse()
            }
        }
        if Credentials.userID != 0 || (try? Files.kind(of: Warden.controlDescriptor))?.kind != .socket { Self.refuse() }
    }

    private static func refuse() -> Never {
        let text = """
            martlet-warden is the privileged half of martlet and is started by it, as root, with a socket as descriptor \
            3. Use martlet instead: see 'martlet --help'.

            """
        try? Files.write(Array(text.utf8), to: 2, named: "standard error")
        _exit(64)
    }
}

struct Warden: ~Copyable {
    static let controlDescriptor: Int32 = 3

    private let foundations: Foundations
    private let control = MessageSocket(raw: Warden.controlDescriptor)
    private let queue: EventQueue
    private var sandboxes: [UInt32: Sandbox] = [:]

    /// What an event is about: a sandbox and one of its descriptors, packed into the token of the event queue.
    private enum Source: UInt64 {
        case control = 0, channel, process, memory

        func token(_ id: UInt32) -> UInt64 { UInt64(id) << 8 | rawValue }
    }

    init(_ foundations: Foundations) throws(Refusal) {
        do throws(SystemError) {
            let queue = try EventQueue()
            try queue.watch(Self.controlDescriptor, token: Source.control.token(0))
            self.init(foundations, queue)
        } catch {
            throw Refusal(.step, "wait for requests: \(error)")
        }
    }

    private init(_ foundations: Foundations, _ queue: consuming EventQueue) {
        self.foundations = foundations
        self.queue = queue
    }

    /// Until the other side is gone.
    mutating func serve() {
        while true {
            guard let tokens = try? queue.wait(milliseconds: millisecondsToDeadline()) else { break }
            endOverdue()
            for token in tokens {
                guard let source = Source(rawValue: token & 0xff) else { continue }
                let id = UInt32(truncatingIfNeeded: token >> 8)
                if source == .control {
                    guard takeRequest() else { return endAll() }
                } else if let sandbox = sandboxes[id] {
                    handle(source, of: sandbox)
                }
            }
        }
        endAll()
    }

    // MARK: requests

    /// False when the other side is gone, or speaks another language: there is no sense in going on with it.
    private mutating func takeRequest() -> Bool {
        guard let reception = try? control.receive(block: false) else { return false }
        switch consume reception {
        case .closed: return false
        case .nothing: return true
        case .message(let message):
            guard let request = try? WardenRequest(decoding: message.bytes) else { return false }
            answer(request, message.takeDescriptors())
            return true
        }
    }

    private mutating func answer(_ request: WardenRequest, _ descriptors: consuming Descriptors) {
        switch request {
        case .create(let request): create(request, descriptors)
        case .signal(let id, let number): sandboxes[id]?.forward(signal: number)
        case .kill(let id): sandboxes[id]?.end(because: .killed)
        case .sweep: reply(.swept(Sweep(foundations.engine, foundations.blocks).run()))
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
        } catch {
            sandboxes[request.id] = nil
            reply(.refused(id: request.id, error))
        }
    }

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
        case .channel:
            if let steps = sandbox.hear() {
                reply(.started(id: sandbox.id, steps: (wardenSteps.removeValue(forKey: sandbox.id) ?? []) + steps))
            }
        case .memory:
            if sandbox.isOutOfMemory() { sandbox.end(because: .outOfMemory) }
        case .process:
            let id = sandbox.id
            sandboxes[id] = nil
            wardenSteps[id] = nil
            switch sandbox.bury() {
            case .outcome(let outcome): reply(.ended(id: id, outcome))
            case .refusal(let refusal): reply(.refused(id: id, refusal))
            }
        }
    }

    private func millisecondsToDeadline() -> Int32 {
        guard let next = sandboxes.values.compactMap(\.deadline).min() else { return -1 }
        let now = Clock.now
        return next <= now ? 0 : Int32(min((next - now + 999_999) / 1_000_000, 60_000))
    }

    private func endOverdue() {
        let now = Clock.now
        for sandbox in sandboxes.values {
            if let deadline = sandbox.deadline, deadline <= now { sandbox.end(because: .timedOut) }
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
