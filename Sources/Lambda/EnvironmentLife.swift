// The life of an execution environment: what may happen next. A transition that is not named here is refused, whoever
// asks for it.

package struct EnvironmentLife: Equatable, Sendable {
    package enum Phase: String, Sendable, CaseIterable {
        /// The sandbox is being made.
        case making
        /// The sandbox is made and empty, for what a snapshot will bring to life in it.
        case shell
        /// Extensions and runtime start; until all of them ask for an event.
        case starting
        /// All are quiet, and a snapshot is made of them.
        case capturing
        /// Extensions and runtime come out of a snapshot; until all of them ask for an event.
        case restoring
        /// Waits for an event, perhaps frozen.
        case idle
        /// The same, in a pool: restored ahead of its first event.
        case parked
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
        /// The sandbox is there: for processes that start, or empty for those of a snapshot.
        case made, madeEmpty
        /// Warmed up by events, it is told to prepare for a snapshot; all are quiet; the snapshot is made, or not.
        case prepare, quiet, captured
        /// What is in the snapshot begins to live; or it could not, and processes start instead.
        case restore, notRestored
        case ready, park, invoke, answered, failed, reset, cleared, shutDown, gone
    }

    package private(set) var phase = Phase.making

    package init() {}

    /// Refused when `event` cannot happen now; nothing has changed then.
    package mutating func apply(_ event: Event) throws(NotNow) {
        switch (phase, event) {
        case (.making, .made): phase = .starting
        case (.making, .madeEmpty): phase = .shell
        case (.idle, .prepare): phase = .starting
        case (.starting, .quiet), (.idle, .quiet): phase = .capturing
        case (.capturing, .captured): phase = .starting
        case (.shell, .restore): phase = .restoring
        case (.restoring, .notRestored): phase = .starting
        case (.starting, .ready), (.restoring, .ready), (.finishing, .ready): phase = .idle
        case (.idle, .park): phase = .parked
        case (.idle, .invoke), (.parked, .invoke): phase = .invoking
        case (.invoking, .answered): phase = .finishing
        case (.starting, .failed), (.capturing, .failed), (.restoring, .failed), (.idle, .failed), (.parked, .failed),
            (.invoking, .failed), (.finishing, .failed):
            phase = .broken
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
