// What the control socket says when it cannot do what it was asked: a type for programs, a message, and what to do.

import Reactor
import Wire

struct ControlError: Error {
    let status: Int
    let type: String
    let message: String
    let action: String

    static func notFound(_ what: String, _ name: String, _ action: String) -> ControlError {
        ControlError(status: 404, type: "NotFound", message: "there is no \(what) '\(name)'", action: action)
    }

    static func invalid(_ message: String) -> ControlError {
        ControlError(
            status: 400, type: "InvalidRequest", message: message, action: "see GET /openapi.json for what is possible")
    }

    static let tooLarge = ControlError(
        status: 413, type: "RequestTooLarge", message: "an event has at most 6 MB",
        action: "put large data where the function can fetch it, or into its code")

    static let noRoom = ControlError(
        status: 429, type: "TooManyRequests",
        message: "there are as many environments as there may be, and all are busy",
        action: "try again later, or raise --max-environments")

    static let closing = ControlError(
        status: 503, type: "ShuttingDown", message: "the engine is shutting down", action: "try again when it is back")

    static let busy = ControlError(
        status: 409, type: "EnvironmentBusy", message: "the environment has an event, or is about to end",
        action: "wait for its answer, or invoke the function instead: another environment takes the event")

    func send(to exchange: HTTPExchange) {
        var fields: [(String, String)] = []
        if status == 429 || status == 503 { fields.append(("Retry-After", "1")) }
        let body = JSON.object([("type", .text(type)), ("message", .text(message)), ("action", .text(action))])
        exchange.answer(status, fields, body: body.bytes)
    }
}

extension HTTPExchange {
    func answer(_ status: Int, _ json: JSON) { answer(status, body: json.bytes) }
}
