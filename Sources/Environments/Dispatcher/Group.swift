// What a dispatcher knows of one function version.

import Reactor

/// The environments of one function version, those that wait for an event with the latest used last.
final class Group {
    let function: FunctionVersion
    var idle: [Environment] = []
    /// Events for environments that have answered and are about to ask for another.
    var waiting: [Waiter] = []
    init(_ function: FunctionVersion) { self.function = function }
}

/// An event that waits for one of them, for a moment.
final class Waiter {
    let invocation: Invocation
    var timer: Timer?
    init(_ invocation: Invocation) { self.invocation = invocation }
}
