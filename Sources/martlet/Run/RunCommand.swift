// `martlet run`: one event for one function, with no server. Code and event are read with the caller's rights; then an
// engine of this process's own makes the environment and gives up every right.

import Environments
import Lambda
import Linux
import Service
import Wire

enum RunCommand {
    static func run(_ arguments: [String]) -> Int32 {
        Command.run {
            guard let options = try RunOptions(reading: arguments) else {
                Terminal.print(Help.run)
                return ExitStatus.success
            }
            return try run(options)
        }
    }

    private static func run(_ options: RunOptions) throws -> Int32 {
        var options = options
        guard let path = options.code else {
            throw UsageError(message: "there is no code to run; see 'martlet run --help'")
        }
        if let runtime = options.function.runtime { _ = try options.places.root(of: runtime) }
        let (code, layers) = try options.function.readFiles(path)
        let event = SingleRun.Event(
            payload: try EventSource.read(options.event), clientContext: options.clientContext)
        var deployment = try Deployment(json: .object(options.function.members))
        deployment.code = .zip(code.zip)
        deployment.layers = layers.map { .zip($0.zip) }
        if Credentials.userID != 0 { throw Refusal(.rights, "making a sandbox needs root: run it with sudo") }
        _ = try options.places.root(of: deployment.configuration.runtime)

        let begun = Clock.now
        let log = RunLog(isKept: options.json)
        var progress = Progress("waiting for \(options.name)")
        let single = try SingleRun(
            options.settings,
            log: { part in
                progress.end()
                log.hear(part)
            }, stillWaiting: { progress.tick() })
        let ending = single.run(options.name, deployment, event)
        progress.end()
        switch ending {
        case .refused(let refusal): throw refusal
        case .interrupted(let number): return 128 + number
        case .answered(let result):
            let report = InvocationReport(result, log: log.lines, totalUS: (Clock.now - begun) / 1000)
            if options.explain { Terminal.note(report.explanation) }
            return report.tell(asJSON: options.json)
        }
    }
}

/// What the function prints: on standard error as it comes, or kept for the object that --json prints.
private final class RunLog {
    private(set) var lines: [UInt8]?

    init(isKept: Bool) { lines = isKept ? [] : nil }

    func hear(_ part: ArraySlice<UInt8>) {
        if lines == nil { Terminal.write(part, to: 2) } else { lines?.append(contentsOf: part) }
    }
}
