// What one party may take of the loop over time. All that the loop does for an environment is charged to its share: the
// time of each of its turns. A share is refilled slowly, and by each event that is delivered or answered, for that is what
// the loop is there for. One that is used up has no turns until it is paid back; others do not notice.

import Linux

package final class LoopShare {
    /// What may be taken at once, in nanoseconds of the loop.
    static let burst: Int64 = 20_000_000
    /// One part in so many of the time that passes.
    static let divisor: Int64 = 10
    /// And of all that are used up, together, three parts in ten.
    private static func divisor(_ pausedShares: Int) -> Int64 { max(divisor, Int64(pausedShares) * 10 / 3) }
    /// A turn that took longer was interrupted: the budget of a turn allows no more.
    static let longestTurn: UInt64 = 1_000_000
    private static let longestPause: UInt64 = 1_000_000_000

    /// For one event, whatever it took; and for each byte of it and of its answer.
    package static let forEvent = 300_000
    package static let forByte = 2

    private var credit = LoopShare.burst
    private var refilledAt = Clock.now
    private var currentDivisor = LoopShare.divisor
    private(set) var isPaused = false
    /// Slots that are ready and have to wait.
    var waiting: [Int] = []
    /// All that was ever charged.
    package private(set) var taken: UInt64 = 0
    package private(set) var pauses = 0

    package init() {}

    /// An event was delivered or answered.
    package func earn(_ nanoseconds: Int) { credit = min(Self.burst, credit + Int64(nanoseconds)) }

    /// For how long there are no turns now; nil when there is something left.
    func charge(_ nanoseconds: UInt64, now: UInt64, pausedShares: Int) -> UInt64? {
        refill(now)
        let time = min(nanoseconds, Self.longestTurn)
        taken += time
        credit -= Int64(time)
        guard credit < 0 else { return nil }
        isPaused = true
        pauses += 1
        currentDivisor = Self.divisor(pausedShares + 1)
        return min(UInt64(-credit * currentDivisor), Self.longestPause)
    }

    func resume(_ now: UInt64) -> [Int] {
        isPaused = false
        refill(now)
        credit = max(credit, 0)
        currentDivisor = Self.divisor
        defer { waiting = [] }
        return waiting
    }

    private func refill(_ now: UInt64) {
        guard now > refilledAt else { return }
        credit = min(Self.burst, credit + Int64(now - refilledAt) / currentDivisor)
        refilledAt = now
    }
}

/// Who pays for the turns of what is watched.
package enum Payer {
    /// What the engine's own processes and its operators ask for.
    case engine
    case share(LoopShare)

    var share: LoopShare? {
        if case .share(let share) = self { return share }
        return nil
    }
}
