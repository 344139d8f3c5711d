// How many environments each function version keeps ready: parked ones, restored and waiting, and shells, empty sandboxes
// that a snapshot is restored into. A pure function of what is and what was; whoever keeps the pools carries it out.
//
// First come the floors that users set, then what is expected, the function in greatest need first, until the host's
// share for pools is given away. Under pressure pools shrink before anything else does, below their floors in the end.

package enum PoolPolicy {
    /// What is known of one function version.
    package struct Version: Equatable, Sendable {
        /// At least so many parked.
        package var floor = 0
        /// At most so many environments, whatever they do.
        package var ceiling: Int?
        /// Those that have an event, or wait for another.
        package var inUse = 0
        /// Starts in a second that may be expected.
        package var peak = 0.0
        /// Whether it had an event of late.
        package var isInUse = false
        /// Whether there is a snapshot to restore.
        package var hasSnapshot = true

        package init() {}
    }

    package struct Host: Equatable, Sendable {
        /// Places that are left for environments and shells, beside those in use.
        package var room = 1000
        /// Bytes that are free or can be freed, and all that there are.
        package var available: UInt64 = 1 << 40
        package var total: UInt64 = 1 << 40
        /// How much of the time somebody waits for memory, in percent: `some avg10` of the kernel.
        package var pressure = 0.0

        package init() {}
    }

    package struct Settings: Equatable, Sendable {
        /// Shells of a version that is in use, at least.
        package var shells = 2
        /// Of all versions together.
        package var mostShells = 64
        /// False: nothing is kept but what provisioned asks for.
        package var isOn = true

        package init() {}
    }

    package struct Plan: Equatable, Sendable {
        package var parked = 0
        package var shells = 0
        package init(parked: Int = 0, shells: Int = 0) { (self.parked, self.shells) = (parked, shells) }
    }

    package enum Pressure: Equatable, Sendable {
        case none
        /// Nothing beyond the floors.
        case some
        /// Nothing at all.
        case much
    }

    /// What a parked one and a shell are taken to cost, in bytes: more than most do.
    static let parkedBytes: UInt64 = 8 << 20
    static let shellBytes: UInt64 = 1 << 20
    /// One that has been parked so long is replaced.
    package static let oldest: UInt64 = 900 * 1_000_000_000

    package static func pressure(_ host: Host) -> Pressure {
        if host.pressure >= 30 || host.available < host.total / 20 { return .much }
        if host.pressure >= 10 || host.available < host.total / 10 { return .some }
        return .none
    }

    /// A plan for each of the versions, in their order.
    package static func plan(_ versions: [Version], _ host: Host, _ settings: Settings) -> [Plan] {
        let pressure = pressure(host)
        var plans = [Plan](repeating: Plan(), count: versions.count)
        if pressure == .much { return plans }
        var budget = Budget(host)
        for (index, version) in versions.enumerated() {
            plans[index].parked = budget.parked(min(version.floor, most(version)))
        }
        if pressure == .some || !settings.isOn { return plans }
        let order = versions.indices.sorted { versions[$0].peak > versions[$1].peak }
        for index in order {
            let expected = min(Int(versions[index].peak.rounded(.up)), most(versions[index]))
            if expected > plans[index].parked {
                plans[index].parked += budget.parked(expected - plans[index].parked)
            }
        }
        var shells = max(settings.mostShells, settings.shells)
        for index in order where versions[index].isInUse && versions[index].hasSnapshot {
            // Where starts come in crowds, a pool is empty before it is filled again.
            let expected = max(settings.shells, Int(versions[index].peak.rounded(.up)) / 2)
            let wanted = min(expected, most(versions[index]) - plans[index].parked, shells)
            plans[index].shells = budget.shells(max(0, wanted))
            shells -= plans[index].shells
        }
        return plans
    }

    /// That may be parked, under the ceiling that the user has set.
    private static func most(_ version: Version) -> Int {
        guard version.hasSnapshot else { return 0 }
        guard let ceiling = version.ceiling else { return Int.max / 2 }
        return max(0, ceiling - version.inUse)
    }

    /// What the host can spare: half of what is available, and the places that are left.
    private struct Budget {
        private var bytes: UInt64
        private var room: Int

        init(_ host: Host) {
            bytes = host.available / 2
            room = max(0, host.room)
        }

        mutating func parked(_ wanted: Int) -> Int { take(wanted, PoolPolicy.parkedBytes) }
        mutating func shells(_ wanted: Int) -> Int { take(wanted, PoolPolicy.shellBytes) }

        private mutating func take(_ wanted: Int, _ each: UInt64) -> Int {
            let taken = max(0, min(wanted, room, Int(min(bytes / each, 1 << 30))))
            room -= taken
            bytes -= UInt64(taken) * each
            return taken
        }
    }
}
