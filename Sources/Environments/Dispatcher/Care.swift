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
