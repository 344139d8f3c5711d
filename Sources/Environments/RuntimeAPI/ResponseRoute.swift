// POST /runtime/invocation/{id}/response: the answer to an event, whole or in parts.

import Lambda
import Reactor
import Wire

extension RuntimeAPI {
    func response(_ exchange: HTTPExchange, id: String) {
        guard isCurrent(id, exchange, for: .response), go(.response, exchange) else { return }
        try? runtime.go(to: .responseSent)
        current = nil
        if exchange.isTooLarge {
            let error = FunctionError.responseTooLarge
            environment.answer(error.payload, contentType: "application/json", error: error)
            return exchange.refuse(
                413, type: "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size (\(Payload.longestResponse) bytes).")
        }
        let type = exchange.head.fields["content-type"] ?? "application/json"
        environment.answer(exchange.body, contentType: type, error: nil)
        // A runtime that asks for the next event in the same breath reads both answers at once.
        exchange.accept(canWait: true)
    }

    /// Whether the request is about the event that the runtime has; it is answered when not.
    func isCurrent(_ id: String, _ exchange: HTTPExchange, for next: RuntimeLife.State) -> Bool {
        if let current, current.invocation.requestID == id { return true }
        // The id goes first: an answer to what was answered is a wrong state only while it is the last.
        if runtime.state == .responseSent, environment.invocation?.requestID == id {
            exchange.refuse(RuntimeLife.Refused(from: .responseSent, to: next))
        } else {
            exchange.refuse(400, type: "InvalidRequestID", "Invalid request ID")
        }
        return false
    }

    func go(_ state: RuntimeLife.State, _ exchange: HTTPExchange) -> Bool {
        do throws(RuntimeLife.Refused) {
            try runtime.go(to: state)
            return true
        } catch {
            exchange.refuse(error)
            return false
        }
    }

    // MARK: in parts

    /// Nothing when the response is not a stream.
    func streamedResponse(_ exchange: HTTPExchange, id: String) -> BodyPlan? {
        guard let mode = exchange.head.fields["lambda-runtime-function-response-mode"] else { return nil }
        guard isCurrent(id, exchange, for: .response) else { return .collect(limit: 0) }
        guard mode.lowercased() == "streaming" else {
            exchange.refuse(400, type: "InvalidFunctionResponseMode", "Invalid function response mode")
            let error = FunctionError.invalidResponseMode
            if go(.errorResponse, exchange) { try? runtime.go(to: .responseSent) }
            current = nil
            environment.answer(error.payload, contentType: "application/json", error: error)
            return .collect(limit: 0)
        }
        guard let invocation = current?.invocation, go(.response, exchange) else { return .collect(limit: 0) }
        return .pass(to: StreamedResponse(self, invocation, exchange))
    }
}

/// A response on its way from the runtime to the caller, part by part; or gathered, for a caller that wants it whole.
private final class StreamedResponse: BodyReceiver {
    private let api: RuntimeAPI
    private let invocation: Invocation
    private let exchange: HTTPExchange
    private let contentType: String
    private var gathered: [UInt8] = []
    private var size = 0
    private var isTooLarge = false

    /// Bytes that the caller has not taken yet, above which the runtime has to wait.
    private static let mostPending = 4 << 20

    init(_ api: RuntimeAPI, _ invocation: Invocation, _ exchange: HTTPExchange) {
        self.api = api
        self.invocation = invocation
        self.exchange = exchange
        contentType = exchange.head.fields["content-type"] ?? "application/octet-stream"
        if invocation.isStreamed { invocation.streamBegins(contentType: contentType) }
    }

    private var isStillWanted: Bool { api.current?.invocation === invocation }

    var held: Int { gathered.count }

    func receive(_ part: ArraySlice<UInt8>) -> Bool {
        guard isStillWanted, !isTooLarge else { return false }
        size += part.count
        if size > (invocation.isStreamed ? Payload.longestStream : Payload.longestResponse) {
            isTooLarge = true
            gathered = []
            return false
        } else if invocation.isStreamed {
            api.environment.share.earn(part.count * LoopShare.forByte)
            invocation.stream(part)
            if invocation.pendingOutput > Self.mostPending {
                exchange.pauseReading()
                invocation.whenDrained = { [weak exchange] in exchange?.resumeReading() }
            }
        } else {
            gathered.append(contentsOf: part)
        }
        return true
    }

    func end(trailers: HTTPFields) {
        guard isStillWanted else { return exchange.refuse(400, type: "InvalidRequestID", "Invalid request ID") }
        if isTooLarge {
            finish(with: .responseTooLarge)
            exchange.refuse(
                413, type: "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size (\(Payload.longestResponse) bytes).")
        } else if let type = trailers["lambda-runtime-function-error-type"] {
            let body = trailers["lambda-runtime-function-error-body"].flatMap {
                try? Base64.decode($0, limit: Payload.longestResponse)
            }
            finish(with: FunctionError(type: type, message: "the function failed in the middle of its response"), body)
            exchange.accept()
        } else {
            finish(with: nil)
            exchange.accept()
        }
    }

    func cut() {
        if isStillWanted { finish(with: .truncatedResponse) }
    }

    private func finish(with error: FunctionError?, _ body: [UInt8]? = nil) {
        try? api.runtime.go(to: .responseSent)
        api.current = nil
        let payload = error.map { body ?? $0.payload } ?? gathered
        api.environment.answer(
            payload, contentType: error == nil ? contentType : "application/json", error: error)
    }
}
