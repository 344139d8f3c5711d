// Where a runtime stands in its conversation with the Runtime API. The names of the states are those that AWS's answers
// give away, because runtimes' tests look for them.

package struct RuntimeLife: Equatable, Sendable {
    package enum State: String, Sendable, CaseIterable {
        case started = "Started"
        case initError = "InitError"
        case restoreReady = "RestoreReady"
        case restoring = "Restoring"
        case restoreError = "RestoreError"
        case ready = "Ready"
        case running = "Running"
        case response = "InvocationResponse"
        case errorResponse = "InvocationErrorResponse"
        case responseSent = "RuntimeResponseSentState"
    }

    package private(set) var state = State.started

    package init() {}

    /// Goes to another state, or says why that cannot be.
    package mutating func go(to next: State) throws(Refused) {
        switch (state, next) {
        case (.started, .ready), (.started, .initError), (.started, .restoreReady), (.restoreReady, .restoring),
            (.restoring, .ready), (.restoring, .restoreError), (.ready, .running), (.running, .response),
            (.running, .errorResponse), (.response, .responseSent), (.errorResponse, .responseSent),
            (.responseSent, .ready),
            // Warmed up by events, it is told to prepare for a snapshot, as if it had not asked for any.
            (.ready, .started):
            state = next
        default: throw Refused(from: state, to: next)
        }
    }

    package struct Refused: Error, Equatable, Sendable {
        package let from, to: State

        package init(from: State, to: State) {
            self.from = from
            self.to = to
        }

        package var error: FunctionError {
            FunctionError(
                type: "InvalidStateTransition",
                message: """
                    State transition from \(from.rawValue) to \(to.rawValue) failed for runtime. \
                    Error: State transition is not allowed
                    """)
        }
    }
}
