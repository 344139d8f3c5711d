// `martlet invoke`: an event for a function, and its answer.

import Environments
import Lambda
import Linux
import Wire

enum InvokeCommand {
    private struct Own {
        var environment: String?
        var start: StartMode?
        var clientContext: String?
        var log = false
        var stream = false
        var explain = false

        mutating func take(_ name: String, _ reader: inout OptionReader) throws(UsageError) -> Bool {
            switch name {
            case "--environment": environment = try reader.value(of: name)
            case "--start": start = try reader.name(of: name, StartMode.self)
            case "--client-context": clientContext = try reader.value(of: name)
            case "--log": log = true
            case "--stream": stream = true
            case "--explain": explain = true
            default: return false
            }
            return true
        }
    }

    static func run(_ arguments: [String]) -> Int32 {
        var own = Own()
        return Command.client(Help.invoke) {
            try ClientOptions("invoke", arguments, ["NAME", "EVENT?"]) { (name, reader) throws(UsageError) in
                try own.take(name, &reader)
            }
        } _: { options in
            try invoke(options, own)
        }
    }

    private static func invoke(_ options: ClientOptions, _ own: Own) throws -> Int32 {
        if own.stream, own.log || own.explain || options.json {
            throw UsageError(
                message: "--stream prints the answer as it comes, and goes with none of --log, --explain, --json")
        }
        if own.start != nil, own.environment != nil {
            throw UsageError(message: "--start chooses an environment, and so does --environment: give one of them")
        }
        let name = options.words[0]
        let event = try EventSource.read(options.word(1))
        var fields = [("Content-Type", "application/json")]
        if own.log { fields.append(("Martlet-Log", "tail")) }
        if let start = own.start { fields.append(("Martlet-Start", start.rawValue)) }
        if own.stream { fields.append(("Martlet-Response-Mode", "streaming")) }
        if let context = own.clientContext {
            try EventSource.check(Array(context.utf8), "--client-context")
            fields.append(
                ("Martlet-Client-Context", String(decoding: Base64.encode(Array(context.utf8)), as: UTF8.self)))
        }
        let target = try target(options, name, own.environment)
        let begun = Clock.now
        let reply = try options.client.ask(
            .post, target, fields, body: event, progress: "waiting for \(name)",
            hear: own.stream ? { Terminal.write($0, to: 1) } : nil)
        if own.stream { return endStream(reply) }
        var report = InvocationReport(reply, totalUS: (Clock.now - begun) / 1000)
        if own.log, !options.json, let log = report.log { Terminal.write(log[...], to: 2) }
        if own.explain { Terminal.note(report.explanation) }
        if !own.log { report.log = nil }
        return report.tell(asJSON: options.json)
    }

    /// An environment that is asked for by its id has to be one of this function's.
    private static func target(
        _ options: ClientOptions, _ name: String, _ environment: String?
    ) throws -> String {
        guard let environment else { return "/v1/functions/\(name)/invoke" }
        let address = try EnvironmentCommands.address(environment)
        let owner = try options.client.ask(.get, address).json["function"]?.text ?? ""
        if owner != name {
            throw CommandFailure(
                ExitStatus.noInput, "the environment \(environment) is not one of \(name)'s: it is one of \(owner)'s")
        }
        return address + "/invoke"
    }

    private static func endStream(_ reply: ControlReply) -> Int32 {
        Terminal.write([10], to: 1)
        // A function that failed before it answered has its error in the head, one that failed later in the trailers.
        let fields = reply.trailers.count > 0 ? reply.trailers : reply.head.fields
        guard fields["martlet-function-error"] != nil else { return ExitStatus.success }
        let type = fields["martlet-error-type"] ?? "Runtime.Unknown"
        let body = fields["martlet-error-body"].flatMap { try? Base64.decode($0, limit: 1 << 22) }
        InvocationReport.complain(type, body ?? [])
        return ExitStatus.of(errorType: type)
    }
}

extension InvocationReport {
    init(_ reply: ControlReply, totalUS: UInt64) {
        let fields = reply.head.fields
        var phases = Phases()
        phases.start = fields["martlet-started"].flatMap(Phases.Start.init(rawValue:)) ?? .warm
        for part in (fields["martlet-phases"] ?? "").split(separator: ",") {
            let pair = part.drop { $0 == " " }.split(separator: "=")
            guard pair.count == 2, let value = UInt64(pair[1]) else { continue }
            switch pair[0] {
            case "sandbox": phases.sandboxUS = value
            case "restore": phases.restoreUS = value
            case "init": phases.initUS = value
            case "invoke": phases.invokeUS = value
            default: break
            }
        }
        self.init(
            payload: reply.body,
            errorType: fields["martlet-function-error"] == nil
                ? nil : fields["martlet-error-type"] ?? "Runtime.Unknown",
            phases: phases, requestID: fields["martlet-request-id"], environment: fields["martlet-environment"],
            log: fields["martlet-log-result"].flatMap { try? Base64.decode($0, limit: 1 << 16) }, totalUS: totalUS)
    }
}
