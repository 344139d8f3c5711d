// The service inside a sandbox: which route a request takes. Untrusted code is at the other end of it, and may send what
// it likes. Each route is in a file of its own.

import Lambda
import Linux
import Reactor
import Wire

final class RuntimeAPI: HTTPService {
    unowned let environment: Environment
    private(set) var server: HTTPServer!
    /// What the environment makes the supervisor hold.
    let holdings: Holdings
    var runtime = RuntimeLife()
    /// The runtime's request for an event, as long as there is none.
    var waiting: HTTPExchange?
    /// Its request for the restore that it was told to wait for.
    var waitingForRestore: HTTPExchange?
    /// The answer whose body is on its way in.
    private var answering: HTTPExchange?
    /// The event that the runtime has.
    var current: (invocation: Invocation, deadlineMS: UInt64)?

    /// The numbers of the two listeners.
    static let tcp: UInt8 = 1
    static let unix: UInt8 = 2
    static let socketName = "martlet-runtime"

    /// More than any runtime needs, and few enough that a function that opens what it can harms nobody.
    private static let mostConnections = 128

    /// The largest event, the largest answer, and as much again: whatever a function does, it costs us no more. Of
    /// descriptors, those of its connections and its subscriptions.
    private static let mostHeld = 24 << 20
    private static let mostDescriptors = mostConnections + Telemetry.most

    /// Of errors, which go to the caller as they are.
    private static let longestMessage = 256 * 1024
    /// Of what an extension says of itself, and is understood here.
    private static let longestDemand = 8 * 1024

    init(_ environment: Environment) {
        self.environment = environment
        var limits = HTTPServerLimits()
        limits.connections = Self.mostConnections
        limits.http.trailers = 512 * 1024
        limits.kernelBuffers = KernelBuffers(wide: 512 * 1024, count: 8, narrow: 16 * 1024)
        holdings = Holdings(
            bytes: Self.mostHeld, descriptors: Self.mostDescriptors, within: environment.engine.holdings)
        server = HTTPServer(
            environment.engine.loop, self, limits: limits, chargedTo: .share(environment.share), holdings: holdings)
    }

    /// A runtime begins anew; what connections an earlier one had are over.
    func reset() {
        runtime = RuntimeLife()
        (waiting, waitingForRestore, current, answering) = (nil, nil, nil, nil)
        server.closeConnections()
    }

    func plan(_ exchange: HTTPExchange) -> BodyPlan {
        guard let route = RuntimeRoute(path: exchange.head.path), isThere(route) else {
            exchange.answer(404, type: "text/plain; charset=utf-8", body: Array("404 page not found\n".utf8))
            return .collect(limit: 0)
        }
        guard exchange.head.method == route.method else {
            exchange.answer(405, [("Allow", route.method.rawValue)], type: nil, body: [])
            return .collect(limit: 0)
        }
        switch route {
        case .response(let id):
            return streamedResponse(exchange, id: id) ?? collectAnswer(exchange, id: id, .response)
        case .invocationError(let id): return collectAnswer(exchange, id: id, .errorResponse)
        case .register, .telemetry, .logs: return .collect(limit: Self.longestDemand)
        default: return .collect(limit: Self.longestMessage)
        }
    }

    /// Those about restoring are there only for a runtime that was told of it.
    private func isThere(_ route: RuntimeRoute) -> Bool {
        switch route {
        case .restoreNext, .restoreError: environment.isSnapStart
        default: true
        }
    }

    /// Only an answer that may be one is kept, and only one at a time: what is inside cannot make us hold more than that.
    private func collectAnswer(_ exchange: HTTPExchange, id: String, _ state: RuntimeLife.State) -> BodyPlan {
        if exchange.head.body == .none { return .collect(limit: 0) }
        guard isCurrent(id, exchange, for: state) else { return .collect(limit: 0) }
        if let answering, answering.isOpen {
            exchange.refuse(RuntimeLife.Refused(from: state, to: state))
            return .collect(limit: 0)
        }
        answering = exchange
        return .collect(limit: Payload.longestResponse)
    }

    func refusal(of error: HTTPError) -> [UInt8] {
        FunctionError(type: error == .truncated ? "TruncatedHTTPRequest" : "BadRequest", message: error.message).answer
    }

    func serve(_ exchange: HTTPExchange) {
        guard let route = RuntimeRoute(path: exchange.head.path) else { return }
        switch route {
        case .next: next(exchange)
        case .response(let id): response(exchange, id: id)
        case .invocationError(let id): invocationError(exchange, id: id)
        case .initError: initError(exchange)
        case .restoreNext: restoreNext(exchange)
        case .restoreError: restoreError(exchange)
        case .ping: exchange.answer(200, type: "text/plain; charset=utf-8", body: Array("pong".utf8))
        case .register: environment.extensions.register(exchange)
        case .extensionNext: environment.extensions.next(exchange)
        case .extensionInitError: environment.extensions.reportError(exchange, type: "Extension.InitError")
        case .extensionExitError: environment.extensions.reportError(exchange, type: "Extension.ExitError")
        case .telemetry: environment.telemetry.subscribe(exchange)
        case .logs: environment.telemetry.subscribe(exchange)
        }
    }
}

extension FunctionError {
    /// As the Runtime API words it to who has asked.
    fileprivate var answer: [UInt8] {
        JSON.object([("errorMessage", .text(message)), ("errorType", .text(type))]).bytes + [10]
    }
}

extension HTTPExchange {
    /// The answer to what was taken in.
    func accept(canWait: Bool = false) {
        answer(202, body: Self.acceptedBody, canWait: canWait)
    }

    private static let acceptedBody = Array("{\"status\":\"OK\"}\n".utf8)

    func refuse(_ status: Int, type: String, _ message: String) {
        answer(status, body: FunctionError(type: type, message: message).answer)
    }

    func refuse(_ refused: RuntimeLife.Refused) { refuse(403, type: refused.error.type, refused.error.message) }
}
