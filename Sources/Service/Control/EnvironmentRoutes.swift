// Environments: started, looked at, ended.

import Environments
import Lambda
import Reactor
import Wire

extension ControlService {
    /// The name of a function, or the whole of one that lives as long as this environment.
    func startEnvironment(_ exchange: HTTPExchange) throws(ControlError) {
        let json = try json(exchange)
        exchange.forgetBody()
        if let given = json["function"] {
            guard let members = json.object, members.count == 1, let name = given.text else {
                throw .invalid("give {\"function\": NAME}, or the configuration of a function with its code")
            }
            guard isFunctionName(name) else { throw .invalid("'\(name)' cannot be the name of a function") }
            return try start(try function(name), exchange)
        }
        store.makePassing("passing", try deployment(json)) { [self] result in
            do throws(ControlError) {
                switch result {
                case .success(let function): try start(function, exchange)
                case .failure(let failure): throw refuse(failure)
                }
            } catch {
                error.send(to: exchange)
            }
        }
    }

    private func start(_ function: FunctionVersion, _ exchange: HTTPExchange) throws(ControlError) {
        do throws(Dispatcher.Refused) {
            try dispatcher.start(function) { [self] environment, result in
                switch result {
                case .success: exchange.answer(201, environment.json)
                case .failure(let error): initFailed(environment, error, exchange)
                }
            }
        } catch {
            throw ControlError(error)
        }
    }

    private func initFailed(_ environment: Environment, _ error: FunctionError, _ exchange: HTTPExchange) {
        // One that nobody can use is not left standing.
        dispatcher.end(environment, now: true) {}
        exchange.answer(
            422,
            .object([
                ("type", .text("InitFailed")), ("message", .text("\(error.type): \(error.message)")),
                ("action", .text("see the function's log")), ("error_type", .text(error.type)),
            ]))
    }

    func endEnvironment(_ id: String, _ exchange: HTTPExchange) throws(ControlError) {
        let environment = try environment(id)
        let isNow = try exchange.flag("now")
        dispatcher.end(environment, now: isNow) { exchange.answer(204, type: nil, body: []) }
    }
}

extension ControlError {
    init(_ refused: Dispatcher.Refused) {
        switch refused {
        case .noRoom: self = .noRoom
        case .closing: self = .closing
        case .busy, .notReady: self = .busy
        case .reserved(let most): self = .reserved(most)
        case .noSnapshot(let reason): self = .noSnapshot(reason)
        }
    }
}

extension Environment {
    var json: JSON {
        .object([
            ("id", .text(id)), ("function", .text(function.name)), ("revision", .text(function.revision)),
            ("state", .text(phase.rawValue)), ("frozen", .bool(isFrozen)), ("served", .integer(Int64(served))),
            ("log_stream", .text(logStream)), ("phases", phases.startJSON),
        ])
    }
}

extension Phases {
    var startJSON: JSON {
        .object([
            ("sandbox_us", .integer(Int64(sandboxUS))), ("restore_us", .integer(Int64(restoreUS))),
            ("init_us", .integer(Int64(initUS))),
        ])
    }
}
