// How a new environment comes to be for an event: out of the pool, out of a snapshot, or from nothing. Whatever fails on
// the first two ways, the third is left.

package import Lambda
import Linux
import Reactor
import Wire

extension Dispatcher {
    /// By the quickest way that there is.
    func place(_ invocation: Invocation, _ group: Group) throws(Refused) {
        if takeParked(invocation, group) { return }
        if group.snapshot.ready != nil { return try restore(invocation, group) }
        try startCold(invocation, group)
    }

    /// An environment that was restored ahead of any event.
    func takeParked(_ invocation: Invocation, _ group: Group) -> Bool {
        while let environment = group.parked.popLast() {
            guard environment.phase == .parked else { continue }
            engine.metrics.poolHits += 1
            group.demand.start(at: engine.loop.now)
            environment.isSurplus = invocation.mode == .pooled
            environment.invoke(invocation)
            pools.look(soon: true)
            return true
        }
        return false
    }

    /// A new one and from the snapshot: as somebody wants it.
    func placeRestored(_ invocation: Invocation, _ group: Group) throws(Refused) {
        switch group.snapshot.state {
        case .ready: try restore(invocation, group)
        case .making: waitForSnapshot(invocation, group)
        // The fault is ours, and does not become the event's.
        case .toBeMadeAnew: try startCold(invocation, group)
        // What a function asks for it gets where it can be had; who asks with an event is told that it cannot.
        case .none:
            guard invocation.mode != nil else { return try startCold(invocation, group) }
            throw .noSnapshot("nobody has asked for a snapshot of \(group.function.name)")
        case .refused(let reason):
            guard invocation.mode != nil else { return try startCold(invocation, group) }
            throw .noSnapshot("there is no snapshot of \(group.function.name): \(reason)")
        }
    }

    func placeCold(_ invocation: Invocation, _ group: Group) throws(Refused) { try startCold(invocation, group) }

    private func restore(_ invocation: Invocation, _ group: Group) throws(Refused) {
        try checkReserved(group)
        expectMore(like: invocation, group)
        defer { pools.look(soon: true) }
        while let shell = group.shells.popLast() {
            guard shell.phase == .shell else { continue }
            shell.isSurplus = invocation.mode == .restore || invocation.mode == .pooled
            return shell.invoke(invocation)
        }
        try checkRoom()
        let environment = make(group, from: group.snapshot)
        environment.isSurplus = invocation.mode == .restore || invocation.mode == .pooled
        environment.invoke(invocation)
    }

    private func startCold(_ invocation: Invocation, _ group: Group) throws(Refused) {
        try checkReserved(group)
        try checkRoom()
        expectMore(like: invocation, group)
        engine.metrics.coldStarts += 1
        let environment = make(group)
        environment.isSurplus = invocation.mode == .cold
        environment.invoke(invocation)
    }

    /// Who asks for a new one past the pool would have no use for a larger pool.
    private func expectMore(like invocation: Invocation, _ group: Group) {
        if invocation.mode != .restore, invocation.mode != .cold { group.demand.start(at: engine.loop.now) }
    }

    /// One whose event has to go elsewhere, because of the snapshot it should have come from.
    func startCold(insteadOf invocation: Invocation, _ group: Group) {
        do throws(Refused) {
            if isClosing { throw .closing }
            try startCold(invocation, group)
        } catch {
            invocation.refuse(error)
        }
    }

    /// For somebody who waits for its init.
    func startCold(for done: @escaping (Environment, Result<Void, FunctionError>) -> Void, _ group: Group) {
        if isClosing || environments.count >= engine.settings.mostEnvironments { return }
        initWaiters[make(group).id] = done
    }

    /// Until the snapshot is there, or it is clear that it will not be.
    private func waitForSnapshot(_ invocation: Invocation, _ group: Group) {
        let waiter = Waiter(invocation)
        waiter.timer = engine.loop.after(Environment.initLimit) { [weak self, weak waiter] in
            guard let self, let waiter, !waiter.isOver else { return }
            waiter.isOver = true
            if waiter.invocation.mode == nil { return startCold(insteadOf: waiter.invocation, group) }
            waiter.invocation.refuse(.noSnapshot("the snapshot of \(group.function.name) is still being made"))
        }
        group.snapshot.waiters.append { [weak self] in
            guard let self, !waiter.isOver else { return }
            waiter.isOver = true
            waiter.timer?.cancel()
            do throws(Refused) {
                try invoke(waiter.invocation)
            } catch {
                waiter.invocation.refuse(error)
            }
        }
    }

    // MARK: ahead of any event

    /// Makes an environment ahead of any event.
    package func start(
        _ function: FunctionVersion, then done: @escaping (Environment, Result<Void, FunctionError>) -> Void
    ) throws(Refused) {
        if isClosing { throw .closing }
        let group = group(of: function)
        try checkReserved(group)
        try checkRoom()
        let environment = make(group, from: group.snapshot.ready == nil ? nil : group.snapshot)
        initWaiters[environment.id] = done
    }

    /// One that a snapshot is made of; nothing when there is no room.
    func startMaker(_ maker: Maker) -> Environment? {
        if isClosing || engine.settings.mostEnvironments <= environments.count && !makeRoom() { return nil }
        return make(group(of: maker.snapshot.function), maker)
    }

    /// For the pool: an empty sandbox, or one that is restored and parked.
    func startForPool(_ group: Group, isToBeParked: Bool) {
        let environment = make(group, from: group.snapshot)
        environment.isForPool = true
        environment.isToBeParked = isToBeParked
    }

    private func make(_ group: Group, from snapshot: Snapshot? = nil, _ maker: Maker? = nil) -> Environment {
        let environment = Environment(group.function, engine, self, from: snapshot)
        environment.maker = maker
        environments[environment.id] = environment
        group.members[ObjectIdentifier(environment)] = environment
        environment.begin()
        takeCare()
        return environment
    }

    private func make(_ group: Group, _ maker: Maker) -> Environment { make(group, from: nil, maker) }

    // MARK: room

    private func checkReserved(_ group: Group) throws(Refused) {
        guard let most = group.function.configuration.reserved else { return }
        while group.inUse >= most {
            // One that waits makes room for one that somebody wants to be new.
            guard let waiting = group.parked.first ?? group.idle.first else {
                engine.metrics.throttles += 1
                throw .reserved(most)
            }
            retire(waiting)
        }
    }

    private func checkRoom() throws(Refused) {
        if environments.count >= engine.settings.mostEnvironments, !makeRoom() {
            engine.metrics.throttles += 1
            throw .noRoom
        }
    }

    /// Ends what is only kept ready, empty ones first; then the environment that has waited longest, of whatever function.
    private func makeRoom() -> Bool {
        if let group = groups.values.first(where: { !$0.shells.isEmpty }) {
            retire(group.shells[0])
            return true
        }
        if let group = groups.values.max(by: { $0.parked.count < $1.parked.count }), !group.parked.isEmpty {
            retire(group.parked[0])
            return true
        }
        let waiting = environments.values.filter(\.isWaiting)
        guard let oldest = waiting.min(by: { $0.idleSince < $1.idleSince }) else { return false }
        retire(oldest)
        return true
    }
}
