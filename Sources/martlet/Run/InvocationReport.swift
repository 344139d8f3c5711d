// What came of an event, told to a person: the answer on standard output, words on standard error, the exit status. With
// --json it is one object on standard output.

import Environments
import Lambda
import Wire

struct InvocationReport {
    var payload: [UInt8]
    var errorType: String?
    var phases: Phases
    var requestID: String?
    var environment: String?
    /// The function's log, where it was not printed as it came.
    var log: [UInt8]?
    var totalUS: UInt64

    /// An answer as text, with its end.
    func tell(asJSON: Bool) -> Int32 {
        if asJSON {
            Terminal.print(object.line)
        } else {
            Terminal.write((payload + [10])[...], to: 1)
        }
        guard let errorType else { return ExitStatus.success }
        Self.complain(errorType, payload)
        return ExitStatus.of(errorType: errorType)
    }

    /// The function's own words about its error say more than the engine's type of it.
    static func complain(_ errorType: String, _ payload: [UInt8]) {
        let error = try? JSON(parsing: payload)
        let words = [error?["errorType"]?.text ?? errorType, error?["errorMessage"]?.text]
        Terminal.complain("the function failed: " + words.compactMap(\.self).joined(separator: ": "))
    }

    private var object: JSON {
        // Half a surrogate pair is JSON too, but no value of ours: such an answer is told as text.
        let response = (try? JSON(parsing: payload)) ?? .text(String(decoding: payload, as: UTF8.self))
        var members: [(String, JSON)] = [
            ("status", .text(errorType == nil ? "ok" : "function-error")), ("response", response),
        ]
        if let errorType { members.append(("error_type", .text(errorType))) }
        if let requestID { members.append(("request_id", .text(requestID))) }
        if let environment { members.append(("environment", .text(environment))) }
        members.append(("phases", phases.json))
        members.append(("total_us", .integer(Int64(totalUS))))
        if let log { members.append(("log", .text(String(decoding: log, as: UTF8.self)))) }
        return .object(members)
    }

    var explanation: String {
        var rows = [["took µs", "phase"]]
        switch phases.start {
        case .cold:
            rows.append([String(phases.sandboxUS), "the sandbox is made"])
            rows.append([String(phases.initUS), "runtime and code start"])
        case .restored:
            if phases.sandboxUS > 0 { rows.append([String(phases.sandboxUS), "the sandbox is made"]) }
            rows.append([String(phases.restoreUS), "the snapshot is restored"])
        case .pooled: rows.append(["0", "the environment was restored ahead of the event"])
        case .warm: break
        }
        rows.append([String(phases.invokeUS), "the function handles the event"])
        rows.append([String(totalUS), "all in all, as seen from here"])
        return Terminal.table(rows, right: [0])
    }
}

extension InvocationReport {
    init(_ result: InvocationResult, log: [UInt8]?, totalUS: UInt64) {
        self.init(
            payload: result.payload, errorType: result.error?.type, phases: result.phases,
            environment: result.environment, log: log, totalUS: totalUS)
    }
}
