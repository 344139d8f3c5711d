// Functions: deployed, looked at, removed; and their logs.

import Environments
import Lambda
import Reactor
import Wire

extension ControlService {
    func putFunction(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        let deployment = try deployment(try json(exchange))
        exchange.forgetBody()
        let isNew = store[name] == nil
        store.deploy(name, deployment) { [self] result in
            switch result {
            case .success(let function):
                log.note("deployed", [("function", name), ("revision", function.revision)])
                dispatcher.snapshots.deployed(function)
                exchange.answer(isNew ? 201 : 200, function.json)
            case .failure(let failure): refuse(failure).send(to: exchange)
            }
        }
    }

    func deployment(_ json: JSON) throws(ControlError) -> Deployment {
        do throws(FunctionConfiguration.Invalid) {
            return try Deployment(json: json)
        } catch {
            throw .invalid(error.message)
        }
    }

    func refuse(_ failure: FunctionStore.Failure) -> ControlError {
        switch failure {
        case .invalid(let message): return .invalid(message)
        case .storage(let message):
            // Paths of the host are the operator's to see.
            log.complain("a function cannot be stored", [("reason", message)])
            return ControlError(
                status: 503, type: "StorageFailed", message: "the function cannot be stored",
                action: "see the engine's log; the disk of the state directory may be full")
        }
    }

    func deleteFunction(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        let function = try function(name)
        _ = store.remove(name)
        dispatcher.endAll(of: function, keepingLog: false)
        engine.removeLog(of: name)
        log.note("deleted", [("function", name)])
        exchange.answer(204, type: nil, body: [])
    }

    // MARK: logs

    private static let mostLog = 1 << 20

    func logs(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        _ = try function(name)
        let isFollowed = try exchange.flag("follow")
        let soFar = engine.readLog(of: name, limit: Self.mostLog)
        let type = "text/plain; charset=utf-8"
        guard isFollowed else { return exchange.answer(200, type: type, body: soFar) }
        exchange.beginStream(200, type: type)
        exchange.stream(soFar)
        let follower = LogFollower { [weak exchange] lines in exchange?.streamUnlessBehind(lines) }
        engine.followLog(of: name, follower)
        exchange.whenGone = { [engine] in engine.unfollowLog(of: name, follower) }
    }

    // MARK: events

    func followEvents(_ exchange: HTTPExchange) {
        exchange.beginStream(200, type: "application/x-ndjson")
        let listener = EventFeed.Listener { [weak exchange] line in exchange?.streamUnlessBehind(line[...]) }
        engine.events.add(listener)
        exchange.whenGone = { [engine] in engine.events.remove(listener) }
    }
}

extension HTTPExchange {
    /// Who does not read what it asked for loses it, and the engine's memory does not grow.
    fileprivate func streamUnlessBehind(_ part: ArraySlice<UInt8>) {
        if pending < 1 << 20 { stream(part) }
    }
}
