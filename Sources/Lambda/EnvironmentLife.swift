// The life of an execution environment: what may happen next. A transition that is not named here is refused, whoever
// asks for it.

package struct EnvironmentLife: Equatable, Sendable {
    package enum Phase: String, Sendable, CaseIterable {
        /// The sandbox is being made.
        case making
        /// Extensions and runtime start; until all of them ask for an event.
        case starting
        /// Waits for an event, perhaps frozen.
        case idle
        /// Has an event.
        case invoking
        /// Has answered, and has not asked for the next event yet.
        case finishing
        /// Its processes have failed, or were ended because they took too long. The sandbox is left.
        case broken
        /// What is left of its processes is being ended, before they start anew.
        case resetting
        /// It shall end.
        case ending
        case ended
    }

    package enum Event: String, Sendable, CaseIterable {
        case made, ready, invoke, answered, failed, reset, cleared, shutDown, gone
    }

    package private(set) var phase = Phase.making

    package init() {}

    /// Refused when `event` cannot happen now; nothing has changed then.
    package mutating func apply(_ event: Event) throws(NotNow) {
        switch (phase, event) {
        case (.making, .made): phase = .starting
        case (.starting, .ready), (.finishing, .ready): phase = .idle
        case (.idle, .invoke): phase = .invoking
        case (.invoking, .answered): phase = .finishing
        case (.starting, .failed), (.idle, .failed), (.invoking, .failed), (.finishing, .failed): phase = .broken
        case (.broken, .reset): phase = .resetting
        case (.resetting, .cleared): phase = .starting
        case (.ended, .shutDown), (.ending, .shutDown): throw NotNow(phase: phase, event: event)
        case (_, .shutDown): phase = .ending
        case (.ended, .gone): throw NotNow(phase: phase, event: event)
        case (_, .gone): phase = .ended
        default: throw NotNow(phase: phase, event: event)
        }
    }

    package struct NotNow: Error, Equatable, Sendable {
        package let phase: Phase
        package let event: Event
    }
}
