// One event on its way through a function, and what came of it.

package import Lambda
import Linux
package import Wire

/// Whoever waits for the answer.
package protocol InvocationCaller: AnyObject {
    /// The function answers in parts. Only when `Invocation.isStreamed`.
    func streamBegins(contentType: String)
    func stream(_ part: ArraySlice<UInt8>)
    /// Bytes of a streamed answer that were not taken yet.
    var pending: Int { get }
    /// Comes once, last of all.
    func finished(_ result: InvocationResult)
    /// Comes instead when there was no room after all.
    func refused(_ reason: Dispatcher.Refused)
}

extension InvocationCaller {
    package func refused(_ reason: Dispatcher.Refused) {
        var result = InvocationResult()
        let error = FunctionError.failure("")
        (result.error, result.payload) = (error, error.payload)
        finished(result)
    }
}

package struct InvocationResult: Sendable {
    package var payload: [UInt8] = []
    package var contentType = "application/json"
    /// The function failed: the payload is its error.
    package var error: FunctionError?
    /// The last of the log, when it was asked for.
    package var logTail: [UInt8]?
    package var environment = ""
    package var phases = Phases()
}

/// How long each part of an invocation took, in microseconds.
package struct Phases: Equatable, Sendable {
    package enum Start: String, Sendable {
        /// A sandbox and a runtime were started for it.
        case cold
        /// A snapshot was restored for it.
        case restored
        /// An environment that was restored ahead of it, and had no event before.
        case pooled
        /// An environment that was there already.
        case warm
    }

    package var start = Start.warm
    package var sandboxUS: UInt64 = 0
    /// From the request to the warden to the runtime's request for an event, with its hooks.
    package var restoreUS: UInt64 = 0
    package var initUS: UInt64 = 0
    package var invokeUS: UInt64 = 0

    package init() {}

    package var json: JSON {
        .object([
            ("start", .text(start.rawValue)), ("sandbox_us", .integer(Int64(sandboxUS))),
            ("restore_us", .integer(Int64(restoreUS))),
            ("init_us", .integer(Int64(initUS))), ("invoke_us", .integer(Int64(invokeUS))),
        ])
    }
}

package final class Invocation {
    package let requestID: String
    package let payload: [UInt8]
    package let function: FunctionVersion
    package var traceID: String
    /// JSON, not base64.
    package var clientContext: String?
    package var identity: String?
    package var wantsLogTail = false
    /// Where it may find an environment; nothing: where the function says.
    package var mode: StartMode?
    package var isStreamed = false

    private var caller: (any InvocationCaller)?
    var result = InvocationResult()
    var figures = InvocationFigures()
    /// When its time began, on the monotonic clock: when it was given to the runtime, or when the runtime was started
    /// anew for it, which it pays for.
    var beganAt: UInt64 = 0
    var isLogged = false
    /// The time it has, from when it is given out or from when the environment starts anew for it.
    var deadline: UInt64?

    package init(
        _ function: FunctionVersion, payload: [UInt8], requestID: String, traceID: String,
        _ caller: any InvocationCaller
    ) {
        self.function = function
        self.payload = payload
        self.requestID = requestID
        self.traceID = traceID
        self.caller = caller
    }

    /// The caller no longer waits: the function goes on, its answer goes nowhere.
    package func abandon() {
        caller = nil
        // A runtime that was kept waiting by a slow caller goes on.
        whenDrained?()
        whenDrained = nil
    }

    var isFinished = false
    /// Its environment was made for it, or still started when it came.
    var hasWaitedForStart = false
    var isAnswered = false

    /// Called when the caller has taken what there was of a streamed answer.
    package var whenDrained: (() -> Void)?

    func streamBegins(contentType: String) { caller?.streamBegins(contentType: contentType) }
    func stream(_ part: ArraySlice<UInt8>) { caller?.stream(part) }
    var pendingOutput: Int { caller?.pending ?? 0 }

    func refuse(_ reason: Dispatcher.Refused) {
        guard !isFinished else { return }
        isFinished = true
        let caller = caller
        self.caller = nil
        caller?.refused(reason)
    }

    func finish() {
        guard !isFinished else { return }
        isFinished = true
        let caller = caller
        self.caller = nil
        caller?.finished(result)
    }
}
