// GET /runtime/invocation/next: the runtime is ready for an event, and waits until there is one.

import Lambda
import Reactor
import Wire

extension RuntimeAPI {
    func next(_ exchange: HTTPExchange) {
        // Asked again before it has answered, it gets the same event again, as in Lambda.
        if runtime.state == .running, let current {
            return write(current.invocation, current.deadlineMS, to: exchange)
        }
        // It waits already, perhaps through a connection that is lost.
        if runtime.state != .ready || waiting?.isOpen == true {
            do throws(RuntimeLife.Refused) {
                try runtime.go(to: .ready)
            } catch {
                return exchange.refuse(error)
            }
        }
        waiting = exchange
        environment.checkReady()
    }

    /// Hands an event to the runtime, which is waiting for it.
    func give(_ invocation: Invocation, deadlineMS: UInt64) {
        guard (try? runtime.go(to: .running)) != nil else { return }
        current = (invocation, deadlineMS)
        if let exchange = waiting { write(invocation, deadlineMS, to: exchange) }
        waiting = nil
    }

    private func write(_ invocation: Invocation, _ deadlineMS: UInt64, to exchange: HTTPExchange) {
        var writer = HTTPWriter(reserving: 640 + invocation.payload.count)
        writer.put("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: ")
        writer.put(invocation.requestID)
        writer.put("\r\nLambda-Runtime-Deadline-Ms: ")
        writer.put(Int(deadlineMS))
        writer.put("\r\n")
        writer.field("Lambda-Runtime-Invoked-Function-Arn", environment.arn)
        writer.field("Lambda-Runtime-Trace-Id", invocation.traceID)
        if let context = invocation.clientContext { writer.field("Lambda-Runtime-Client-Context", context) }
        if let identity = invocation.identity { writer.field("Lambda-Runtime-Cognito-Identity", identity) }
        exchange.answer(writer, invocation.payload)
    }

    /// The event is no longer the runtime's to answer.
    func forgetInvocation() { current = nil }
}
