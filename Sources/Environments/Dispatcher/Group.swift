// What a dispatcher knows of one function version.

import Lambda
import Reactor

/// The environments of one function version, those that wait for an event with the latest used last.
final class Group {
    let function: FunctionVersion
    let snapshot: Snapshot
    /// All of them, whatever they do.
    var members: [ObjectIdentifier: Environment] = [:]
    var idle: [Environment] = []
    /// Restored ahead of any event.
    var parked: [Environment] = []
    /// Sandboxes for the snapshot.
    var shells: [Environment] = []
    /// Events for environments that have answered and are about to ask for another.
    var waiting: [Waiter] = []
    var demand = PoolDemand()
    /// Nothing is kept ready before this: something has gone wrong with it.
    var pausedUntil: UInt64 = 0

    init(_ function: FunctionVersion, _ snapshot: Snapshot) {
        self.function = function
        self.snapshot = snapshot
    }

    /// Those that have answered, and are about to ask for an event.
    var finishing: Int { members.values.count { $0.phase == .finishing && !$0.endsWhenIdle } }

    /// Those that count for what is reserved: shells have nothing in them, and what ends or is captured takes no event.
    var inUse: Int {
        members.values.count { one in
            switch one.phase {
            case .shell, .ending, .ended: false
            case .making: one.invocation != nil || one.ready == nil && !one.isBeingCaptured
            default: !one.isBeingCaptured
            }
        }
    }

    /// Those that are on their way into the pool, and sandboxes that are being made to wait.
    var toBeParked: Int { members.values.count { $0.isToBeParked && !$0.endsWhenIdle } }
    var shellsBeingMade: Int {
        members.values.count { $0.phase == .making && $0.isForPool && !$0.isToBeParked && $0.invocation == nil }
    }

    /// It is of no environment any more.
    func forget(_ environment: Environment) {
        idle.removeAll { $0 === environment }
        parked.removeAll { $0 === environment }
        shells.removeAll { $0 === environment }
    }
}

/// An event that waits for one of them, for a moment.
final class Waiter {
    let invocation: Invocation
    var timer: Timer?
    var isOver = false
    init(_ invocation: Invocation) { self.invocation = invocation }
}
