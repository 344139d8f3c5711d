// Finds an environment for an event, or has one made; keeps those that wait; ends those that waited too long.

import Glibc
package import Lambda
import Linux
import Reactor

package final class Dispatcher {
    private let engine: Engine
    private var groups: [ObjectIdentifier: Group] = [:]
    private var environments: [String: Environment] = [:]
    private var initWaiters: [String: (Environment, Result<Void, FunctionError>) -> Void] = [:]
    private var endWaiters: [String: [() -> Void]] = [:]
    private var caretaker: Timer?
    private var freezeTimer: Timer?
    /// Those that became idle, the earliest first, for freezing.
    private var freezeQueue: [Environment] = []
    private var isClosing = false
    private var whenEmpty: (() -> Void)?

    package init(_ engine: Engine) { self.engine = engine }

    package var all: [Environment] { environments.values.sorted { $0.createdAt < $1.createdAt } }
    package subscript(id: String) -> Environment? { environments[id] }
    package var count: Int { environments.count }

    package enum Refused: Error {
        case noRoom
        case closing
        case busy
        case notReady
    }

    // MARK: events

    /// An environment that waits takes the event; or one is made for it.
    package func invoke(_ invocation: Invocation) throws(Refused) {
        if isClosing { throw .closing }
        let group = group(of: invocation.function)
        if takeIdle(invocation, group) { return }
        // Who sends one event after the other comes back before many a runtime has asked for the next.
        if group.waiting.count < finishing(group) { return wait(invocation, group) }
        try place(invocation, group)
    }

    private func takeIdle(_ invocation: Invocation, _ group: Group) -> Bool {
        while let environment = group.idle.popLast() {
            guard environment.phase == .idle || environment.phase == .broken else { continue }
            environment.invoke(invocation)
            return true
        }
        return false
    }

    /// Less than a new environment takes.
    private static let patience: UInt64 = 20_000_000

    private func finishing(_ group: Group) -> Int {
        environments.values.count { $0.function === group.function && $0.phase == .finishing && !$0.endsWhenIdle }
    }

    private func wait(_ invocation: Invocation, _ group: Group) {
        let waiter = Waiter(invocation)
        group.waiting.append(waiter)
        waiter.timer = engine.loop.after(Self.patience) { [unowned self, unowned waiter] in
            // Cancelled before either of them goes.
            stopWaiting(waiter, group)
        }
    }

    /// It goes elsewhere, or is refused.
    private func stopWaiting(_ waiter: Waiter, _ group: Group) {
        waiter.timer?.cancel()
        group.waiting.removeAll { $0 === waiter }
        do throws(Refused) {
            if isClosing { throw .closing }
            if !takeIdle(waiter.invocation, group) { try place(waiter.invocation, group) }
        } catch {
            waiter.invocation.refuse(error)
        }
    }

    private func place(_ invocation: Invocation, _ group: Group) throws(Refused) {
        if environments.count >= engine.settings.mostEnvironments, !makeRoom() {
            engine.metrics.throttles += 1
            throw .noRoom
        }
        engine.metrics.coldStarts += 1
        let environment = make(group)
        environment.invoke(invocation)
    }

    /// To one environment that the caller has chosen.
    package func invoke(_ invocation: Invocation, on environment: Environment) throws(Refused) {
        guard environment.invocation == nil, !isClosing else { throw .busy }
        switch environment.phase {
        case .idle, .broken, .making, .starting:
            group(of: environment.function).idle.removeAll { $0 === environment }
            environment.invoke(invocation)
        default: throw .busy
        }
    }

    /// Makes an environment ahead of any event.
    package func start(
        _ function: FunctionVersion, then done: @escaping (Environment, Result<Void, FunctionError>) -> Void
    ) throws(Refused) {
        if isClosing { throw .closing }
        if environments.count >= engine.settings.mostEnvironments, !makeRoom() { throw .noRoom }
        let environment = make(group(of: function))
        initWaiters[environment.id] = done
    }

    private func make(_ group: Group) -> Environment {
        let environment = Environment(group.function, engine, self)
        environments[environment.id] = environment
        environment.begin()
        takeCare()
        return environment
    }

    private func group(of function: FunctionVersion) -> Group {
        if let group = groups[ObjectIdentifier(function)] { return group }
        let group = Group(function)
        groups[ObjectIdentifier(function)] = group
        return group
    }

    /// Ends the environment that has waited longest, of whatever function.
    private func makeRoom() -> Bool {
        let waiting = environments.values.filter(\.isWaiting)
        guard let oldest = waiting.min(by: { $0.idleSince < $1.idleSince }) else { return false }
        retire(oldest)
        return true
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

    /// Ends all environments of a function that was replaced or removed. The log of one that was removed is removed with
    /// it: what they still have to say would begin another.
    package func endAll(of function: FunctionVersion, keepingLog: Bool = true) {
        // What was sent to this version is its own.
        if let group = groups[ObjectIdentifier(function)] {
            for waiter in group.waiting { stopWaiting(waiter, group) }
        }
        for environment in environments.values where environment.function === function {
            environment.keepsLog = keepingLog
            environment.endsWhenIdle = true
            if environment.isWaiting { retire(environment) }
        }
    }

    private func retire(_ environment: Environment) {
        groups[ObjectIdentifier(environment.function)]?.idle.removeAll { $0 === environment }
        environment.shutDown()
    }

    /// Takes no more events, waits for those that run, and ends everything.
    package func close(then done: @escaping () -> Void) {
        isClosing = true
        whenEmpty = done
        caretaker?.cancel()
        freezeTimer?.cancel()
        for group in Array(groups.values) {
            for waiter in group.waiting { stopWaiting(waiter, group) }
        }
        for environment in Array(environments.values) {
            environment.endsWhenIdle = true
            if environment.invocation == nil { retire(environment) }
        }
        checkEmpty()
    }

    /// The patience is over: whatever still runs ends.
    package func closeNow() {
        for environment in Array(environments.values) { retire(environment) }
    }

    private func checkEmpty() {
        guard environments.isEmpty, let done = whenEmpty else { return }
        whenEmpty = nil
        done()
    }

    // MARK: care

    private func takeCare() {
        guard caretaker == nil else { return }
        let seconds = max(1, min(engine.settings.idleAfterSeconds / 4, 30))
        caretaker = engine.loop.after(seconds * 1_000_000_000) { [unowned self] in endIdleOnes() }
    }

    private func endIdleOnes() {
        caretaker = nil
        let limit = engine.settings.idleAfterSeconds * 1_000_000_000
        for environment in Array(environments.values)
        where environment.isWaiting && engine.loop.now - min(engine.loop.now, environment.idleSince) >= limit {
            retire(environment)
        }
        if !environments.isEmpty { takeCare() }
    }

    private func freezeLater(_ environment: Environment) {
        freezeQueue.append(environment)
        if freezeTimer == nil { setFreezeTimer(environment.idleSince) }
    }

    private func setFreezeTimer(_ idleSince: UInt64) {
        let delay = engine.settings.freezeAfterMS * 1_000_000
        freezeTimer = engine.loop.at(idleSince + delay) { [unowned self] in freezeIdleOnes() }
    }

    private func freezeIdleOnes() {
        freezeTimer = nil
        let delay = engine.settings.freezeAfterMS * 1_000_000
        var later: [Environment] = []
        for environment in freezeQueue {
            // One that is busy now queues again when it is idle.
            guard environment.phase == .idle else {
                environment.isQueuedForFreezing = false
                continue
            }
            if environment.idleSince + delay <= engine.loop.now {
                environment.isQueuedForFreezing = false
                environment.freeze()
            } else {
                later.append(environment)
            }
        }
        freezeQueue = later
        if let next = later.lazy.map(\.idleSince).min() { setFreezeTimer(next) }
    }
}

extension Dispatcher: EnvironmentOwner {
    package func isIdle(_ environment: Environment) {
        if environment.endsWhenIdle { return retire(environment) }
        let group = group(of: environment.function)
        if !group.waiting.isEmpty {
            let waiter = group.waiting.removeFirst()
            waiter.timer?.cancel()
            return environment.invoke(waiter.invocation)
        }
        group.idle.append(environment)
        // One that is used again and again is in the queue once.
        if !environment.isQueuedForFreezing {
            environment.isQueuedForFreezing = true
            freezeLater(environment)
        }
    }

    package func isBroken(_ environment: Environment) {
        // One that has an event starts anew for it, and ends afterwards.
        guard environment.invocation == nil else { return }
        if environment.endsWhenIdle { return retire(environment) }
        let group = group(of: environment.function)
        group.idle.removeAll { $0 === environment }
        // First in the row: any that is whole is taken before it.
        group.idle.insert(environment, at: 0)
    }

    package func initEnded(_ environment: Environment, _ result: Result<Void, FunctionError>) {
        initWaiters.removeValue(forKey: environment.id)?(environment, result)
    }

    package func hasEnded(_ environment: Environment) {
        environments[environment.id] = nil
        if let group = groups[ObjectIdentifier(environment.function)] {
            group.idle.removeAll { $0 === environment }
            // Events that wait for it have no other to wait for.
            for waiter in group.waiting.dropFirst(finishing(group)) { stopWaiting(waiter, group) }
            if !environments.values.contains(where: { $0.function === environment.function }) {
                groups[ObjectIdentifier(environment.function)] = nil
            }
        }
        for done in endWaiters.removeValue(forKey: environment.id) ?? [] { done() }
        checkEmpty()
    }
}
