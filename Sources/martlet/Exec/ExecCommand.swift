// `martlet exec`: one command in a sandbox of its own. Starts a warden, hands it the request and our standard streams,
// passes signals on, and reports how it ended.

import Glibc
import Linux
import Wire

enum ExecCommand {
    static func run(_ arguments: [String]) -> Int32 {
        do {
            switch try ExecOptions.read(arguments) {
            case .help:
                Terminal.print(Help.exec)
                return ExitStatus.success
            case .options(let options):
                return try run(options)
            }
        } catch let error as UsageError {
            Terminal.complain(error.message)
            return ExitStatus.usage
        } catch let refusal as Refusal {
            Terminal.complain(refusal.message)
            return ExitStatus.of(refusal.kind)
        } catch {
            Terminal.complain("\(error)")
            return ExitStatus.step
        }
    }

    private static func run(_ options: ExecOptions) throws -> Int32 {
        if Credentials.userID != 0 {
            Terminal.complain("making a sandbox needs root: run it with sudo")
            return ExitStatus.noRights
        }
        let begun = Clock.now
        var conversation = try Conversation(options)
        let ending = try conversation.untilEnd()
        conversation.finish()
        return ExecReport(options: options, begun: begun, steps: ending.steps, ending: ending.how).tell()
    }
}

enum ExecEnding {
    case outcome(Outcome)
    case refusal(Refusal)
    case wardenDied(swept: UInt32)
}

/// One request and what the warden says to it.
private struct Conversation: ~Copyable {
    private let warden: WardenProcess
    private let signals: FileDescriptor
    private let queue: EventQueue
    private let options: ExecOptions

    /// Signals that are meant for the command when they reach us.
    private static let forwarded = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]

    init(_ options: ExecOptions) throws {
        let warden = try WardenProcess(options.places)
        // Afterwards, so that the warden does not inherit it. A signal in between ends us, and with us the warden.
        let signals = try Signals.divert(Self.forwarded)
        try warden.send(.create(options.request), descriptors: [0, 1, 2])
        let queue = try EventQueue()
        try queue.watch(warden.raw, token: 0)
        try queue.watch(signals.raw, token: 1)
        self.options = options
        self.signals = signals
        self.warden = warden
        self.queue = queue
    }

    mutating func untilEnd() throws -> (how: ExecEnding, steps: [Step]) {
        var steps: [Step] = []
        while true {
            events: for token in try queue.wait(milliseconds: -1) {
                if token == 1 {
                    for number in try Signals.take(from: signals) {
                        try warden.send(.signal(id: options.request.id, number: number))
                    }
                    continue
                }
                while true {
                    switch try warden.reply(block: false) {
                    case .reply(.started(_, let all)): steps = all
                    case .reply(.ended(_, let outcome)): return (.outcome(outcome), steps)
                    case .reply(.refused(_, let refusal)): return (.refusal(refusal), steps)
                    case .reply(.swept): break
                    case .gone: return (.wardenDied(swept: Self.sweep(options.places)), steps)
                    case .nothing: continue events
                    }
                }
            }
        }
    }

    /// The kernel has ended the sandbox with its warden; another warden clears away the groups.
    private static func sweep(_ places: Places) -> UInt32 {
        guard let other = try? WardenProcess(places), (try? other.send(.sweep)) != nil else { return 0 }
        var count: UInt32 = 0
        if case .reply(.swept(let swept))? = try? other.reply() { count = swept }
        other.finish()
        return count
    }

    consuming func finish() { warden.finish() }
}
