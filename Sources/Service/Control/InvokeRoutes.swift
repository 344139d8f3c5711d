// Events for functions, and their answers back to who sent them.

import Environments
import Lambda
import Reactor
import Wire

extension ControlService {
    func invokeFunction(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        let invocation = try invocation(of: try function(name), exchange)
        do throws(Dispatcher.Refused) {
            try dispatcher.invoke(invocation)
        } catch {
            throw ControlError(error)
        }
    }

    func invokeEnvironment(_ id: String, _ exchange: HTTPExchange) throws(ControlError) {
        let environment = try environment(id)
        let invocation = try invocation(of: environment.function, exchange)
        do throws(Dispatcher.Refused) {
            try dispatcher.invoke(invocation, on: environment)
        } catch {
            throw ControlError(error)
        }
    }

    private func invocation(of function: FunctionVersion, _ exchange: HTTPExchange) throws(ControlError) -> Invocation {
        var payload = exchange.body
        exchange.forgetBody()
        if payload.isEmpty {
            payload = Array("{}".utf8)
        } else {
            do throws(JSONError) {
                try JSON.validate(payload)
            } catch {
                throw .invalid("the event is not JSON: \(error)")
            }
        }
        let fields = exchange.head.fields
        let requestID = Names.uuid(engine.randoms.take(16))
        let invocation = Invocation(
            function, payload: payload, requestID: requestID,
            traceID: fields["martlet-trace-id"] ?? engine.newTraceID(),
            ControlCaller(exchange, requestID: requestID))
        exchange.whenGone = { invocation.abandon() }
        exchange.whenDrained = { invocation.whenDrained?() }
        invocation.clientContext = try Self.encodedJSON(fields["martlet-client-context"], "Martlet-Client-Context")
        invocation.identity = try Self.encodedJSON(fields["martlet-identity"], "Martlet-Identity")
        invocation.wantsLogTail = try exchange.choice("martlet-log", of: ["none", "tail"]) == "tail"
        if fields["martlet-start"] != nil {
            let mode = try exchange.choice("martlet-start", of: StartMode.allCases.map(\.rawValue))
            invocation.mode = StartMode(rawValue: mode)
        }
        invocation.isStreamed =
            try exchange.choice("martlet-response-mode", of: ["buffered", "streaming"]) == "streaming"
        return invocation
    }

    /// What goes to the function as a header of JSON, and comes as base64 of that.
    private static func encodedJSON(_ field: String?, _ name: String) throws(ControlError) -> String? {
        guard let field else { return nil }
        guard let bytes = try? Base64.decode(field, limit: 4096), (try? JSON.validate(bytes)) != nil else {
            throw .invalid("\(name) is not base64 of JSON of at most 4096 bytes")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Whoever sent an event, as a connection.
private final class ControlCaller: InvocationCaller {
    private let exchange: HTTPExchange
    private let requestID: String

    init(_ exchange: HTTPExchange, requestID: String) {
        self.exchange = exchange
        self.requestID = requestID
    }

    func streamBegins(contentType: String) {
        exchange.beginStream(
            200,
            [
                ("Martlet-Request-Id", requestID),
                ("Trailer", "Martlet-Function-Error, Martlet-Error-Type, Martlet-Error-Body"),
            ], type: contentType)
    }

    func stream(_ part: ArraySlice<UInt8>) { exchange.stream(part) }
    var pending: Int { exchange.pending }

    func finished(_ result: InvocationResult) {
        if exchange.isAnswered { return finishStream(result) }
        var writer = HTTPWriter(reserving: 384 + result.payload.count)
        writer.put("HTTP/1.1 200 OK\r\n")
        writer.field("Content-Type", result.contentType)
        writer.put("Martlet-Request-Id: ")
        writer.put(requestID)
        writer.put("\r\nMartlet-Environment: ")
        writer.put(result.environment)
        writer.put("\r\nMartlet-Started: ")
        writer.put(result.phases.start.rawValue)
        writer.put("\r\nMartlet-Phases: sandbox=")
        writer.put(Int(result.phases.sandboxUS))
        writer.put(", restore=")
        writer.put(Int(result.phases.restoreUS))
        writer.put(", init=")
        writer.put(Int(result.phases.initUS))
        writer.put(", invoke=")
        writer.put(Int(result.phases.invokeUS))
        writer.put("\r\n")
        if let error = result.error {
            writer.field("Martlet-Function-Error", "Unhandled")
            writer.field("Martlet-Error-Type", error.type)
        }
        if let tail = result.logTail {
            writer.field("Martlet-Log-Result", String(decoding: Base64.encode(tail), as: UTF8.self))
        }
        exchange.answer(writer, result.payload)
    }

    func refused(_ reason: Dispatcher.Refused) { ControlError(reason).send(to: exchange) }

    private func finishStream(_ result: InvocationResult) {
        guard let error = result.error else { return exchange.endStream() }
        exchange.endStream(trailers: [
            ("Martlet-Function-Error", "Unhandled"), ("Martlet-Error-Type", error.type),
            ("Martlet-Error-Body", String(decoding: Base64.encode(result.payload), as: UTF8.self)),
        ])
    }
}
