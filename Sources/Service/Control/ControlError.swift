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

    static func tooLarge(_ route: ControlRoute) -> ControlError {
        let (message, action) =
            switch route {
            case .invokeFunction, .invokeEnvironment:
                ("an event has at most 6 MB", "put large data where the function can fetch it, or into its code")
            case .function, .environments:
                ("a function has at most 50 MB of code, packed", "leave out what it does not need, or use layers")
            default: ("nothing is expected in the body of this request", "leave it out")
            }
        return ControlError(status: 413, type: "RequestTooLarge", message: message, action: action)
    }

    static let noRoom = ControlError(
        status: 429, type: "TooManyRequests",
        message: "there are as many environments as there may be, and all are busy",
        action: "try again later, or raise --max-environments")

    static func reserved(_ most: UInt32) -> ControlError {
        ControlError(
            status: 429, type: "TooManyRequests",
            message: "the function has all the environments that it may have, \(most), and all are busy",
            action: "try again later, or deploy it with more reserved")
    }

    static func noSnapshot(_ reason: String) -> ControlError {
        ControlError(
            status: 409, type: "NoSnapshot", message: reason,
            action: "have one made (POST /v1/functions/NAME/snapshot, or martlet snapshot create NAME), or leave the "
                + "start to the engine")
    }

    static let closing = ControlError(
        status: 503, type: "ShuttingDown", message: "the engine is shutting down", action: "try again when it is back")

    static let busy = ControlError(
        status: 409, type: "EnvironmentBusy", message: "the environment has an event, or is about to end",
        action: "wait for its answer, or invoke the function instead: another environment takes the event")

    func send(to exchange: HTTPExchange) {
        var fields: [(String, String)] = []
        if status == 429 || status == 503 { fields.append(("Retry-After", "1")) }
        exchange.answer(status, fields, body: body)
    }

    var body: [UInt8] {
        JSON.object([("type", .text(type)), ("message", .text(message)), ("action", .text(action))]).bytes
    }
}

extension HTTPExchange {
    /// A switch in the query: off when it is not there, on when it is there without a value.
    func flag(_ name: String) throws(ControlError) -> Bool {
        guard head.hasQuery(name) else { return false }
        switch head.query(name) {
        case "", "1", "true": return true
        case "0", "false": return false
        default: throw .invalid("\(name) is 0 or 1")
        }
    }

    /// A header with a few possible values, of which the first is the usual one.
    func choice(_ header: StaticString, of values: [String]) throws(ControlError) -> String {
        guard let value = head.fields[header] else { return values[0] }
        if values.contains(value) { return value }
        throw .invalid("the header \(header) is \(values.joined(separator: " or "))")
    }

    func answer(_ status: Int, _ json: JSON) { answer(status, body: json.bytes) }
}
