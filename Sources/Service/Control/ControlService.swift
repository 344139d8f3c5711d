// The control socket: one screen that says which request goes where. Only who may is let in, so what is said here is
// believed; what is wrong with it is said back in words.

import Environments
import Lambda
import Reactor
import Wire

final class ControlService: HTTPService {
    let engine: Engine
    let store: FunctionStore
    let dispatcher: Dispatcher
    let log: Logger

    /// Code and layers as base64, with something around them.
    private static let longestDeployment = 160 << 20

    init(_ engine: Engine, _ store: FunctionStore, _ dispatcher: Dispatcher, _ log: Logger) {
        self.engine = engine
        self.store = store
        self.dispatcher = dispatcher
        self.log = log
        // New events go to new environments; what runs now is brought to its end.
        store.whenReplaced = { [weak dispatcher] old in dispatcher?.endAll(of: old) }
    }

    func plan(_ exchange: HTTPExchange) -> BodyPlan {
        switch ControlRoute(path: exchange.head.path) {
        case .invokeFunction, .invokeEnvironment: .collect(limit: Payload.longestRequest)
        case .function, .environments: .collect(limit: Self.longestDeployment)
        default: .collect(limit: 64 * 1024)
        }
    }

    func refusal(of error: HTTPError) -> [UInt8] {
        ControlError(
            status: error.status, type: "BadRequest", message: error.message, action: "send HTTP/1.1 as RFC 9112 has it"
        ).body
    }

    func serve(_ exchange: HTTPExchange) {
        do throws(ControlError) {
            try route(exchange)
        } catch {
            error.send(to: exchange)
        }
    }

    private func route(_ exchange: HTTPExchange) throws(ControlError) {
        let head = exchange.head
        guard let route = ControlRoute(path: head.path) else {
            throw ControlError(
                status: 404, type: "NotFound", message: "there is nothing at \(head.target)",
                action: "see GET /openapi.json for what there is")
        }
        guard route.methods.contains(head.method) else {
            let allowed = route.methods.map(\.rawValue).joined(separator: ", ")
            exchange.answer(
                405, [("Allow", allowed)],
                body: JSON.object([
                    ("type", .text("MethodNotAllowed")), ("message", .text("this is no method of \(head.target)")),
                    ("action", .text("use \(allowed)")),
                ]).bytes)
            return
        }
        if exchange.isTooLarge { throw .tooLarge(route) }
        switch (route, head.method) {
        case (.invokeFunction(let name), _): try invokeFunction(name, exchange)
        case (.invokeEnvironment(let id), _): try invokeEnvironment(id, exchange)
        case (.functions, _): exchange.answer(200, .object([("functions", .list(store.all.map(\.json)))]))
        case (.function(let name), .put): try putFunction(name, exchange)
        case (.function(let name), .delete): try deleteFunction(name, exchange)
        case (.function(let name), _): exchange.answer(200, try function(name).json)
        case (.snapshot(let name), .post): try makeSnapshot(name, exchange)
        case (.snapshot(let name), .delete): try removeSnapshot(name, exchange)
        case (.snapshot(let name), _): try describeSnapshot(name, exchange)
        case (.snapshots, _): listSnapshots(exchange)
        case (.pools, _): listPools(exchange)
        case (.logs(let name), _): try logs(name, exchange)
        case (.environments, .post): try startEnvironment(exchange)
        case (.environments, _): exchange.answer(200, .object([("environments", .list(dispatcher.all.map(\.json)))]))
        case (.environment(let id), .delete): try endEnvironment(id, exchange)
        case (.environment(let id), _): exchange.answer(200, try environment(id).json)
        case (.events, _): followEvents(exchange)
        case (.health, _): exchange.answer(200, .object([("status", .text("ok"))]))
        case (.metrics, _): metrics(exchange)
        case (.openAPI, _): exchange.answer(200, body: OpenAPI.bytes)
        }
    }

    func function(_ name: String) throws(ControlError) -> FunctionVersion {
        if let function = store[name] { return function }
        throw .notFound("function", name, "deploy it with PUT /v1/functions/\(name), or martlet deploy")
    }

    func environment(_ id: String) throws(ControlError) -> Environment {
        if let environment = dispatcher[id] { return environment }
        throw .notFound("environment", id, "see GET /v1/environments for those that there are")
    }

    func json(_ exchange: HTTPExchange) throws(ControlError) -> JSON {
        do throws(JSONError) {
            return try JSON(parsing: exchange.body)
        } catch {
            throw .invalid("the body is not JSON: \(error)")
        }
    }

    private func metrics(_ exchange: HTTPExchange) {
        var counts: [(state: String, count: Int)] = EnvironmentLife.Phase.allCases.map { ($0.rawValue, 0) }
        for environment in dispatcher.all {
            if let index = counts.firstIndex(where: { $0.state == environment.phase.rawValue }) {
                counts[index].count += 1
            }
        }
        let text = engine.metrics.text(
            environments: counts, functions: store.all.count,
            snapshots: dispatcher.snapshots.known.count { $0.ready != nil })
        exchange.answer(200, type: "text/plain; version=0.0.4; charset=utf-8", body: Array(text.utf8))
    }
}
