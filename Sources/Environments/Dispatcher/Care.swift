// What becomes of environments that wait for an event: they are frozen after a moment, and ended after a while.

import Lambda
import Reactor

extension Dispatcher {
    func takeCare() {
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

    /// Of those that were made because somebody wanted a new one, so many are kept for others; the rest would fill the
    /// host.
    static let mostSurplus = 4
    /// To end one takes a processor, which others of the same crowd may still want: until nobody waits for an answer, but
    /// not longer than this.
    private static let patienceWithSurplus: UInt64 = 2_000_000_000
    private static let surplusInterval: UInt64 = 50_000_000

    func endSurplusLater() {
        guard surplusTimer == nil else { return }
        surplusTimer = engine.loop.after(Self.surplusInterval) { [unowned self] in endSurplus() }
    }

    private func endSurplus() {
        surplusTimer = nil
        let isQuiet = !environments.values.contains { $0.invocation != nil }
        var isAnyLeft = false
        for group in Array(groups.values) {
            var surplus = group.idle.count - Self.mostSurplus
            for environment in group.idle where environment.isSurplus && surplus > 0 {
                surplus -= 1
                if isQuiet || engine.loop.now - min(engine.loop.now, environment.idleSince) > Self.patienceWithSurplus {
                    retire(environment)
                } else {
                    isAnyLeft = true
                }
            }
        }
        if isAnyLeft { endSurplusLater() }
    }

    /// One that is used again and again is in the queue once.
    func freezeLater(_ environment: Environment) {
        if environment.isQueuedForFreezing { return }
        environment.isQueuedForFreezing = true
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
            guard environment.phase == .idle || environment.phase == .parked else {
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
