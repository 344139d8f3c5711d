// How many new environments a function has needed of late. Only events that found no environment waiting count: however
// many a few used ones can serve, a pool has nothing to add to that.

package struct PoolDemand: Equatable, Sendable {
    /// The most starts in a second, fading: half of it is forgotten in a minute of less.
    private var peak = 0.0
    private var peakAt: UInt64 = 0
    /// Starts in the second that is counted now.
    private var count = 0
    private var countedFrom: UInt64 = 0
    /// When an event came last, also one that was served by an environment that waited.
    private var usedAt: UInt64?

    private static let second: UInt64 = 1_000_000_000
    private static let halfLife = 60.0 * 1_000_000_000
    /// One that was not used for so long is out of use.
    package static let memory: UInt64 = 300 * second
    /// Less than this is nothing.
    private static let least = 0.5

    package init() {}

    package mutating func use(at now: UInt64) { usedAt = now }

    package mutating func start(at now: UInt64) {
        use(at: now)
        if now - min(now, countedFrom) >= Self.second { (count, countedFrom) = (0, now) }
        count += 1
        let faded = peak(at: now)
        if Double(count) > faded { (peak, peakAt) = (Double(count), now) }
    }

    /// Starts in a second that may be expected.
    package func peak(at now: UInt64) -> Double {
        guard peak > 0 else { return 0 }
        let age = Double(now - min(now, peakAt)) / Self.halfLife
        if age > 30 { return 0 }
        let left = peak * Self.half(toThe: age)
        return left < Self.least ? 0 : left
    }

    package func isInUse(at now: UInt64) -> Bool {
        guard let usedAt else { return false }
        return now - min(now, usedAt) < Self.memory
    }

    /// Without a library of mathematics: whole halves, and a straight line between them.
    private static func half(toThe age: Double) -> Double {
        let whole = age.rounded(.down)
        var value = 1.0
        for _ in 0..<Int(whole) { value /= 2 }
        return value * (1 - (age - whole) / 2)
    }
}
