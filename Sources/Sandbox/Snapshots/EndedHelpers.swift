// Helpers that were told to end and have not been seen to be gone. The keeper looks for them by the clock, and waits for
// none: what was stopped for a capture goes on, and what was killed meanwhile is gone, when its helper is.

import Linux

package final class EndedHelpers {
    private struct Ended {
        let pid: Int32
        let cleanUp: (Int32) -> Void
        var next: UInt64
        var pause: UInt64
    }

    private var all: [Ended] = []

    private static let shortestPause: UInt64 = 500_000
    private static let longestPause: UInt64 = 1_000_000_000

    package init() {}

    func take(_ pid: Int32, _ cleanUp: @escaping (Int32) -> Void) {
        let pause = Self.shortestPause
        all.append(Ended(pid: pid, cleanUp: cleanUp, next: Clock.now + pause, pause: pause))
    }

    /// When to call `collect`, on the monotonic clock.
    package var nextAttempt: UInt64? { all.lazy.map(\.next).min() }

    package func collect() {
        if all.isEmpty { return }
        let now = Clock.now
        var gone: [Ended] = []
        all = all.compactMap { one in
            guard one.next <= now else { return one }
            guard Self.isGone(one.pid) else {
                let pause = min(one.pause * 2, Self.longestPause)
                return Ended(pid: one.pid, cleanUp: one.cleanUp, next: now + pause, pause: pause)
            }
            gone.append(one)
            return nil
        }
        for one in gone { one.cleanUp(one.pid) }
    }

    private static func isGone(_ pid: Int32) -> Bool {
        do throws(SystemError) {
            return try Processes.wait(for: pid, block: false) != nil
        } catch {
            // There is nobody to wait for.
            return true
        }
    }

    /// For a keeper that ends.
    package func finish(withinMS limit: UInt64) {
        let latest = Clock.now + limit * 1_000_000
        while !all.isEmpty, Clock.now < latest {
            Clock.sleep(microseconds: 200)
            collect()
        }
    }
}
