// What a dispatcher hears of its environments, and does about it.

package import Lambda
import Reactor
package import Wire

extension Dispatcher: EnvironmentOwner {
    package func isIdle(_ environment: Environment) {
        if environment.endsWhenIdle { return retire(environment) }
        let group = group(of: environment.function)
        if !group.waiting.isEmpty {
            let waiter = group.waiting.removeFirst()
            waiter.timer?.cancel()
            // On its way into the pool, it was restored ahead.
            if environment.isToBeParked { waiter.invocation.result.phases.start = .pooled }
            environment.isToBeParked = false
            return environment.invoke(waiter.invocation)
        }
        if environment.isToBeParked {
            environment.isToBeParked = false
            guard environment.park() else { return }
            group.parked.append(environment)
            freezeLater(environment)
            return pools.look(soon: true)
        }
        group.idle.append(environment)
        if environment.isSurplus, group.idle.count > Self.mostSurplus {
            endSurplusLater()
        } else {
            freezeLater(environment)
        }
    }

    package func isBroken(_ environment: Environment) {
        // One that has an event starts anew for it, and ends afterwards.
        guard environment.invocation == nil else { return }
        if environment.endsWhenIdle || environment.maker != nil || environment.ready != nil && environment.served == 0 {
            return retire(environment)
        }
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
            group.forget(environment)
            group.members[ObjectIdentifier(environment)] = nil
            // Events that wait for it have no other to wait for.
            for waiter in group.waiting.dropFirst(group.finishing) { stopWaiting(waiter, group) }
            if environment.isForPool { pools.look(soon: false) }
            dropIfUnused(group)
        }
        for done in endWaiters.removeValue(forKey: environment.id) ?? [] { done() }
        checkEmpty()
    }

    /// A group without environments is remembered as long as its function may be wanted again soon.
    func dropIfUnused(_ group: Group) {
        guard group.members.isEmpty, group.waiting.isEmpty else { return }
        if group.snapshot.ready != nil, !isClosing {
            if group.demand.isInUse(at: engine.loop.now) || group.function.configuration.provisioned > 0 { return }
            engine.warden.releaseSnapshot(group.snapshot.name)
        }
        groups[ObjectIdentifier(group.function)] = nil
        snapshots.drop(group.snapshot)
    }

    // MARK: those that come out of a snapshot

    package func isShell(_ environment: Environment) {
        // Somebody waits for its init.
        if initWaiters[environment.id] != nil { return environment.restore() }
        if environment.endsWhenIdle || isClosing { return retire(environment) }
        group(of: environment.function).shells.append(environment)
        pools.look(soon: true)
    }

    package func restoreEnded(_ environment: Environment) { environment.snapshot?.failuresInARow = 0 }

    package func restoreFailed(_ environment: Environment, _ reason: Refusal, _ invocation: Invocation?) {
        engine.metrics.restoreFailures += 1
        let group = group(of: environment.function)
        group.pausedUntil = engine.loop.now + 1_000_000_000
        let isKnown = environment.snapshot.map { snapshots.restoreFailed($0, environment.ready, reason) } ?? false
        if !isKnown { engine.complain("a restore failed", of: environment, reason.message) }
        if let invocation { startCold(insteadOf: invocation, group) }
        if environment.invocation == nil, let done = initWaiters.removeValue(forKey: environment.id) {
            startCold(for: done, group)
        }
    }

    package func hooksFailed(_ environment: Environment) {
        // Those of the pool would fail as well, again and again.
        group(of: environment.function).pausedUntil = engine.loop.now + 30_000_000_000
    }

    /// Its shells were made for a snapshot that is no more.
    func dropShells(of function: FunctionVersion) {
        for shell in groups[ObjectIdentifier(function)]?.shells ?? [] { retire(shell) }
    }

    func isMaking(_ function: FunctionVersion) -> Bool {
        groups[ObjectIdentifier(function)]?.members.values.contains(where: \.isBeingCaptured) ?? false
    }

    /// It is not wanted any more.
    func endMaker(of snapshot: Snapshot) {
        for environment in Array(environments.values)
        where environment.isBeingCaptured && environment.maker?.snapshot === snapshot {
            retire(environment)
        }
    }
}
