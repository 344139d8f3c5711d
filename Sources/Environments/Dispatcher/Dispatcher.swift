// Finds an environment for an event, or has one made; keeps those that wait; ends those that waited too long. How one is
// made, by which way, is in Placing; what becomes of those that wait, in Care; what it hears of each, in Hearing.

import Glibc
import Lambda
import Linux
import Reactor

package final class Dispatcher {
    let engine: Engine
    package private(set) var snapshots: Snapshots!
    package private(set) var pools: Pools!
    var groups: [ObjectIdentifier: Group] = [:]
    var environments: [String: Environment] = [:]
    var initWaiters: [String: (Environment, Result<Void, FunctionError>) -> Void] = [:]
    var endWaiters: [String: [() -> Void]] = [:]
    var caretaker: Timer?
    var freezeTimer: Timer?
    var surplusTimer: Timer?
    /// Those that became idle, the earliest first, for freezing.
    var freezeQueue: [Environment] = []
    var isClosing = false
    private var whenEmpty: (() -> Void)?

    package init(_ engine: Engine) {
        self.engine = engine
        snapshots = Snapshots(engine, self)
        pools = Pools(engine, self)
    }

    package var all: [Environment] { environments.values.sorted { $0.createdAt < $1.createdAt } }
    package subscript(id: String) -> Environment? { environments[id] }
    package var count: Int { environments.count }

    package enum Refused: Error {
        case noRoom
        /// As many of this function as it may have.
        case reserved(UInt32)
        case closing
        case busy
        case notReady
        /// A start from a snapshot was asked for, and there is none: why.
        case noSnapshot(String)
    }

    // MARK: events

    /// An environment that waits takes the event; or one is made for it.
    package func invoke(_ invocation: Invocation) throws(Refused) {
        if isClosing { throw .closing }
        let group = group(of: invocation.function)
        group.demand.use(at: engine.loop.now)
        switch invocation.mode ?? invocation.function.configuration.start {
        case .auto, .warm:
            if takeIdle(invocation, group) { return }
            // Who sends one event after the other comes back before many a runtime has asked for the next.
            if group.waiting.count < group.finishing { return wait(invocation, group) }
            try place(invocation, group)
        case .pooled:
            if !takeParked(invocation, group) { try placeRestored(invocation, group) }
        case .restore: try placeRestored(invocation, group)
        case .cold: try placeCold(invocation, group)
        }
    }

    func takeIdle(_ invocation: Invocation, _ group: Group) -> Bool {
        while let environment = group.idle.popLast() {
            guard environment.phase == .idle || environment.phase == .broken else { continue }
            environment.invoke(invocation)
            return true
        }
        return false
    }

    /// Less than a new environment takes: from nothing, and from a snapshot.
    private static let patience: UInt64 = 20_000_000
    private static let patienceWithSnapshot: UInt64 = 1_000_000

    private func wait(_ invocation: Invocation, _ group: Group) {
        let waiter = Waiter(invocation)
        group.waiting.append(waiter)
        let patience = group.snapshot.ready == nil ? Self.patience : Self.patienceWithSnapshot
        waiter.timer = engine.loop.after(patience) { [unowned self, unowned waiter] in
            // Cancelled before either of them goes.
            stopWaiting(waiter, group)
        }
    }

    /// It goes elsewhere, or is refused.
    func stopWaiting(_ waiter: Waiter, _ group: Group) {
        waiter.timer?.cancel()
        group.waiting.removeAll { $0 === waiter }
        do throws(Refused) {
            if isClosing { throw .closing }
            if !takeIdle(waiter.invocation, group) { try place(waiter.invocation, group) }
        } catch {
            waiter.invocation.refuse(error)
        }
    }

    /// To one environment that the caller has chosen.
    package func invoke(_ invocation: Invocation, on environment: Environment) throws(Refused) {
        guard environment.invocation == nil, !environment.isBeingCaptured, !isClosing else { throw .busy }
        switch environment.phase {
        case .idle, .parked, .broken, .making, .starting:
            guard !environment.isForPool || environment.phase == .parked else { throw .busy }
            group(of: environment.function).forget(environment)
            environment.invoke(invocation)
        default: throw .busy
        }
    }

    func group(of function: FunctionVersion) -> Group {
        if let group = groups[ObjectIdentifier(function)] { return group }
        let group = Group(function, snapshots[function])
        groups[ObjectIdentifier(function)] = group
        return group
    }

    // MARK: the end of environments

    /// Ends an environment; one that has an event ends when that is over, unless it has to be now.
    package func end(_ environment: Environment, now: Bool, then done: @escaping () -> Void) {
        endWaiters[environment.id, default: []].append(done)
        if environment.invocation != nil, !now {
            environment.endsWhenIdle = true
        } else {
            retire(environment)
        }
    }

    /// Ends all environments of a function that was replaced or removed, and its snapshot goes. The log of one that was
    /// removed is removed with it: what they still have to say would begin another.
    package func endAll(of function: FunctionVersion, keepingLog: Bool = true) {
        snapshots.forget(function)
        // What was sent to this version is its own.
        if let group = groups[ObjectIdentifier(function)] {
            for waiter in group.waiting { stopWaiting(waiter, group) }
        }
        for environment in environments.values where environment.function === function {
            environment.keepsLog = keepingLog
            environment.endsWhenIdle = true
            if environment.isWaiting || environment.isForPool || environment.isBeingCaptured { retire(environment) }
        }
        if let group = groups[ObjectIdentifier(function)] { dropIfUnused(group) }
    }

    func retire(_ environment: Environment) {
        groups[ObjectIdentifier(environment.function)]?.forget(environment)
        environment.shutDown()
    }

    /// Takes no more events, waits for those that run, and ends everything.
    package func close(then done: @escaping () -> Void) {
        isClosing = true
        whenEmpty = done
        caretaker?.cancel()
        freezeTimer?.cancel()
        surplusTimer?.cancel()
        pools.close()
        for group in Array(groups.values) {
            for waiter in group.waiting { stopWaiting(waiter, group) }
        }
        for environment in Array(environments.values) {
            environment.endsWhenIdle = true
            if environment.invocation == nil || environment.isBeingCaptured { retire(environment) }
        }
        checkEmpty()
    }

    /// The patience is over: whatever still runs ends.
    package func closeNow() {
        for environment in Array(environments.values) { retire(environment) }
    }

    func checkEmpty() {
        guard environments.isEmpty, let done = whenEmpty else { return }
        whenEmpty = nil
        done()
    }
}
