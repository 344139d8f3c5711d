// POST /runtime/invocation/{id}/error and /runtime/init/error: the function failed, and the runtime says how. The body
// goes to the caller as it is.

import Lambda
import Reactor
import Wire

extension RuntimeAPI {
    func invocationError(_ exchange: HTTPExchange, id: String) {
        guard isCurrent(id, exchange, for: .errorResponse), go(.errorResponse, exchange) else { return }
        try? runtime.go(to: .responseSent)
        current = nil
        let error = reportedError(exchange)
        environment.answer(
            exchange.isTooLarge ? error.payload : exchange.body, contentType: "application/json", error: error)
        exchange.accept(canWait: true)
    }

    func initError(_ exchange: HTTPExchange) {
        // Older runtimes say it this way of a hook after a restore.
        if runtime.state == .restoring { return restoreError(exchange) }
        guard go(.initError, exchange) else { return }
        environment.initReported(reportedError(exchange), body: exchange.isTooLarge ? nil : exchange.body)
        exchange.accept()
    }

    func reportedError(_ exchange: HTTPExchange) -> FunctionError {
        FunctionError(
            type: FunctionError.type(fromHeader: exchange.head.fields["lambda-runtime-function-error-type"]),
            message: "the function reported an error")
    }
}
