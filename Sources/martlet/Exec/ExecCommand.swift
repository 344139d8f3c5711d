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
        let run = try ExecRun(options)
        let ending = try run.untilEnd()
        return ExecReport(options: options, begun: begun, steps: run.steps, ending: ending).tell()
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

    init(_ options: ExecOptions) throws {
        self.options = options
        // First of all: a signal from here on ends the command, and not us before it.
        signals = try Signals.divert(Self.forwarded)
        // The modes that the code names are the modes it means.
        Files.setCreationMask(0)
    }

    func untilEnd() throws -> ExecEnding {
        var log = StepLog(.outside)
        let foundations = try Foundations(run: options.places.run, cgroup: options.places.cgroup, &log)
        let keeper = try Keeper(foundations) { self.hear($0) }
        try keeper.watch(signals.raw, token: Self.signalToken)
        keeper.create(options.request, streams: [0, 1, 2], log)
        // Pid 1 has half a millisecond of work to do now, and we have none.
        _ = keeper.sweep()
        while true {
            if let ending { return ending }
            guard try !keeper.wait().isEmpty else { continue }
            for number in try Signals.take(from: signals) { keeper.forward(signal: number, to: options.request.id) }
        }
    }

    private func hear(_ reply: WardenReply) {
        switch reply {
        case .started(_, let steps): self.steps = steps
        case .ended(_, let outcome): ending = .outcome(outcome)
        case .refused(_, let refusal): ending = .refusal(refusal)
        case .swept: break
        }
    }
}
