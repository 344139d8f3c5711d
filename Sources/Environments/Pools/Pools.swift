// Keeps ready what PoolPolicy says: looks at every group now and then, makes what is missing, a few at a time, and ends
// what is too much or too old. Events do not wait for it: it looks when they are on their way.

import Glibc
import Lambda
import Linux
import Reactor

package final class Pools {
    private unowned let engine: Engine
    private unowned let dispatcher: Dispatcher
    private var timer: Timer?
    private var timerAt: UInt64 = 0
    private var memory = HostMemory()
    private var memoryReadAt: UInt64 = 0
    private var isClosed = false
    /// Since when there was no processor to spare for it.
    private var postponedAt: UInt64?
    private let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// Who takes one out of a pool wants the processors for himself, until he has his answer; and a crowd for longer, but
    /// not for ever.
    private static let moment: UInt64 = 3_000_000
    private static let patience: UInt64 = 10_000_000
    private static let patienceWithCrowd: UInt64 = 300_000_000
    private static let interval: UInt64 = 1_000_000_000
    /// Sandboxes and environments that are made at the same time.
    private static let mostAtOnce = 4

    init(_ engine: Engine, _ dispatcher: Dispatcher) {
        self.engine = engine
        self.dispatcher = dispatcher
    }

    /// Looks in a moment, or within a second.
    func look(soon: Bool) {
        if isClosed { return }
        let time = engine.loop.now + (soon ? Self.moment : Self.interval)
        if timer != nil, timerAt <= time { return }
        timer?.cancel()
        timerAt = time
        timer = engine.loop.at(time) { [unowned self] in lookNow() }
    }

    func close() {
        isClosed = true
        timer?.cancel()
        timer = nil
    }

    private func lookNow() {
        timer = nil
        if isClosed { return }
        let groups = groupsWithSnapshots()
        let plans = PoolPolicy.plan(groups.map(version), host(), engine.settings.pools)
        // First what is too much: it makes room.
        for (group, plan) in zip(groups, plans) { shrink(group, plan) }
        if shallWait() { return look(soon: true) }
        var atOnce = Self.mostAtOnce - groups.reduce(0) { $0 + $1.toBeParked + $1.shellsBeingMade }
        for (group, plan) in zip(groups, plans) where group.pausedUntil <= engine.loop.now {
            grow(group, plan, &atOnce)
        }
        for group in groups { dispatcher.dropIfUnused(group) }
        // As long as there is something that may have to go, or to come.
        if groups.contains(where: isWatched) { look(soon: false) }
    }

    /// Events wait for environments to start: what would be made now would take the processors from them. Where there are
    /// as many as processors this is a crowd.
    private func shallWait() -> Bool {
        let starting = dispatcher.environments.values.count {
            $0.invocation?.hasWaitedForStart == true && $0.served == 0
        }
        guard starting > 0 else {
            postponedAt = nil
            return false
        }
        let since = postponedAt ?? engine.loop.now
        postponedAt = since
        return engine.loop.now - since < (starting < processors ? Self.patience : Self.patienceWithCrowd)
    }

    /// Also those that nobody has used since the start, where something has to be ready.
    private func groupsWithSnapshots() -> [Group] {
        for snapshot in dispatcher.snapshots.known
        where snapshot.ready != nil && snapshot.function.configuration.provisioned > 0 {
            _ = dispatcher.group(of: snapshot.function)
        }
        return dispatcher.groups.values.filter {
            $0.snapshot.ready != nil || !$0.parked.isEmpty || !$0.shells.isEmpty
        }
    }

    private func isWatched(_ group: Group) -> Bool {
        !group.parked.isEmpty || !group.shells.isEmpty || group.function.configuration.provisioned > 0
            || group.demand.isInUse(at: engine.loop.now)
    }

    private func version(_ group: Group) -> PoolPolicy.Version {
        let configuration = group.function.configuration
        let now = engine.loop.now
        var version = PoolPolicy.Version()
        version.floor = Int(configuration.provisioned)
        version.ceiling = configuration.reserved.map(Int.init)
        version.inUse = group.inUse - group.parked.count - group.toBeParked
        version.peak = group.demand.peak(at: now)
        version.isInUse = group.demand.isInUse(at: now)
        version.hasSnapshot = group.snapshot.ready != nil
        return version
    }

    private func host() -> PoolPolicy.Host {
        if memoryReadAt == 0 || engine.loop.now - memoryReadAt >= Self.interval / 2 {
            memory = HostMemory.read()
            memoryReadAt = engine.loop.now
        }
        var host = PoolPolicy.Host()
        (host.total, host.available, host.pressure) = (memory.total, memory.available, memory.pressure)
        let kept = dispatcher.groups.values.reduce(0) {
            $0 + $1.parked.count + $1.shells.count + $1.toBeParked + $1.shellsBeingMade
        }
        host.room = engine.settings.mostEnvironments - (dispatcher.count - kept)
        host.available += UInt64(max(0, kept)) << 20
        return host
    }

    // MARK: carrying it out

    private func shrink(_ group: Group, _ plan: PoolPolicy.Plan) {
        let now = engine.loop.now
        for environment in group.parked where now - min(now, environment.createdAt) > PoolPolicy.oldest {
            dispatcher.retire(environment)
        }
        while group.parked.count > plan.parked, let oldest = group.parked.first { dispatcher.retire(oldest) }
        while group.shells.count > plan.shells, let oldest = group.shells.first { dispatcher.retire(oldest) }
    }

    private func grow(_ group: Group, _ plan: PoolPolicy.Plan, _ atOnce: inout Int) {
        guard group.snapshot.ready != nil else { return }
        var parked = group.parked.count + group.toBeParked
        var shells = group.shells.count + group.shellsBeingMade
        // Shells first: they are quick to make, and a restore needs one.
        while shells < plan.shells, atOnce > 0 {
            dispatcher.startForPool(group, isToBeParked: false)
            (shells, atOnce) = (shells + 1, atOnce - 1)
        }
        while parked < plan.parked, atOnce > 0 {
            dispatcher.startForPool(group, isToBeParked: true)
            (parked, atOnce) = (parked + 1, atOnce - 1)
        }
    }

    // MARK: telling

    /// What is kept ready for a function.
    package func kept(_ function: FunctionVersion) -> (parked: Int, shells: Int) {
        guard let group = dispatcher.groups[ObjectIdentifier(function)] else { return (0, 0) }
        return (group.parked.count, group.shells.count)
    }
}
