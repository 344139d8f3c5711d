// `martlet exec`: one command in a sandbox of its own. Makes the sandbox, passes signals on, and reports how it ended.

import Glibc
import Linux
import Sandbox
import Warden
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
        } catch {
            Terminal.complain("\(error)")
            return ExitStatus.step
        }
    }

    private static func run(_ options: ExecOptions) throws -> Int32 {
        let begun = Clock.now
        var (ending, steps): (ExecEnding, [Step])
        do throws(Refusal) {
            if Credentials.userID != 0 { throw Refusal(.rights, "making a sandbox needs root: run it with sudo") }
            var options = options
            if options.request.root.isEmpty { options.request.root = try options.places.root(of: options.runtime) }
            let run = try ExecRun(options)
            ending = try run.untilEnd()
            steps = run.steps
        } catch {
            (ending, steps) = (.refusal(error), [])
        }
        return ExecReport(options: options, begun: begun, steps: steps, ending: ending).tell()
    }
}

enum ExecEnding {
    case outcome(Outcome)
    case refusal(Refusal)
}

/// The one sandbox of this process. Root started it, so it keeps the sandbox itself: a warden of its own would add a
/// process and no protection.
private final class ExecRun {
    private let options: ExecOptions
    private let signals: FileDescriptor
    private var ending: ExecEnding?
    private(set) var steps: [Step] = []

    /// Signals that are meant for the command when they reach us.
    private static let forwarded = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
    private static let signalToken: UInt64 = 1

    init(_ options: ExecOptions) throws(Refusal) {
        self.options = options
        do throws(SystemError) {
            // First of all: a signal from here on ends the command, and not us before it.
            signals = try Signals.divert(Self.forwarded)
        } catch {
            throw Refusal(.step, "take signals: \(error)")
        }
        // The modes that the code names are the modes it means.
        Files.setCreationMask(0)
    }

    func untilEnd() throws(Refusal) -> ExecEnding {
        var log = StepLog(.outside)
        let foundations = try Foundations(run: options.places.run, cgroup: options.places.cgroup, &log)
        let keeper = try Keeper(foundations) { reply, _ in self.hear(reply) }
        try keeper.watch(signals.raw, token: Self.signalToken)
        keeper.create(options.request, streams: [0, 1, 2], log)
        // Pid 1 has half a millisecond of work to do now, and we have none.
        keeper.sweep()
        while true {
            if let ending {
                keeper.finishRemovals()
                return ending
            }
            guard try !keeper.wait().isEmpty else { continue }
            for number in (try? Signals.take(from: signals)) ?? [] {
                keeper.signal(number, in: options.request.id)
            }
        }
    }

    private func hear(_ reply: WardenReply) {
        switch reply {
        case .started(_, let steps, _): self.steps = steps
        case .ended(_, let outcome): ending = .outcome(outcome)
        case .refused(_, let refusal): ending = .refusal(refusal)
        // Of sandboxes that wait, of snapshots, and of what others left.
        default: break
        }
    }
}
