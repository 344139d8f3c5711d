// Snapshots and pools: made, looked at, removed.

import Environments
import Lambda
import Reactor
import Wire

extension ControlService {
    /// Answers when the snapshot is there, or it is clear that it will not be.
    func makeSnapshot(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        let function = try function(name)
        dispatcher.snapshots.make(function) { [self] in
            let snapshot = dispatcher.snapshots.peek(function)
            if snapshot.ready != nil { return exchange.answer(201, snapshot.json) }
            ControlError.notCaptured(name, snapshot.state.reason).send(to: exchange)
        }
    }

    func describeSnapshot(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        dispatcher.snapshots.describe(try function(name)) { exchange.answer(200, $0) }
    }

    func removeSnapshot(_ name: String, _ exchange: HTTPExchange) throws(ControlError) {
        dispatcher.snapshots.remove(try function(name))
        exchange.answer(204, type: nil, body: [])
    }

    func listSnapshots(_ exchange: HTTPExchange) {
        exchange.answer(200, .object([("snapshots", .list(dispatcher.snapshots.known.map(\.json)))]))
    }

    /// What is kept ready, for each function that has anything of it or wants it.
    func listPools(_ exchange: HTTPExchange) {
        let pools = store.all.compactMap { function -> JSON? in
            let kept = dispatcher.pools.kept(function)
            let configuration = function.configuration
            guard kept.parked > 0 || kept.shells > 0 || dispatcher.snapshots.peek(function).ready != nil else {
                return nil
            }
            return .object([
                ("function", .text(function.name)), ("parked", .integer(Int64(kept.parked))),
                ("shells", .integer(Int64(kept.shells))),
                ("provisioned", .integer(Int64(configuration.provisioned))),
                ("reserved", configuration.reserved.map { .integer(Int64($0)) } ?? .null),
            ])
        }
        exchange.answer(200, .object([("pools", .list(pools))]))
    }
}

extension ControlError {
    static func notCaptured(_ name: String, _ reason: String?) -> ControlError {
        ControlError(
            status: 409, type: "NoSnapshot",
            message: "no snapshot of \(name) could be made: \(reason ?? "it was removed meanwhile")",
            action: "the function is served by cold starts; see its log for what it printed")
    }
}
