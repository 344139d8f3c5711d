// Pools, simulated: arrivals of many shapes, second by second, and what the policy keeps ready for them.

import Lambda
import Testing

@Suite struct PoolPolicies {
    typealias Version = PoolPolicy.Version
    typealias Host = PoolPolicy.Host
    typealias Plan = PoolPolicy.Plan
    static let second: UInt64 = 1_000_000_000

    static func plan(_ version: Version, _ host: Host = Host(), _ settings: PoolPolicy.Settings = .init()) -> Plan {
        PoolPolicy.plan([version], host, settings)[0]
    }

    /// What is parked in each second, when so many starts come in each.
    static func simulate(_ starts: [Int], floor: Int = 0, ceiling: Int? = nil, host: Host = Host()) -> [Plan] {
        var demand = PoolDemand()
        return starts.enumerated().map { second, count in
            let begin = UInt64(second + 1) * Self.second
            for index in 0..<count { demand.start(at: begin + UInt64(index) * Self.second / UInt64(count + 1)) }
            let now = begin + Self.second - 1
            var version = Version()
            version.floor = floor
            version.ceiling = ceiling
            version.peak = demand.peak(at: now)
            version.isInUse = demand.isInUse(at: now)
            return plan(version, host)
        }
    }

    @Test func aFunctionThatNobodyUsesKeepsNothing() {
        #expect(Self.plan(Version()) == Plan())
    }

    @Test func oneStartKeepsOneForAWhile() {
        let plans = Self.simulate([1] + [Int](repeating: 0, count: 400))
        #expect(plans[0] == Plan(parked: 1, shells: 2))
        #expect(plans[30].parked == 1)
        #expect(plans[90].parked == 0 && plans[90].shells == 2)
        #expect(plans[350] == Plan())
    }

    @Test func aBurstIsRememberedAndFades() {
        let plans = Self.simulate([40] + [Int](repeating: 0, count: 600)).map(\.parked)
        #expect(plans[0] == 40)
        #expect((18...22).contains(plans[60]))
        #expect((8...12).contains(plans[120]))
        #expect(plans.last == 0)
        #expect(zip(plans, plans.dropFirst()).allSatisfy { $0 >= $1 })
    }

    @Test func steadyArrivalsKeepASteadyPool() {
        let plans = Self.simulate([Int](repeating: 5, count: 300)).map(\.parked)
        #expect(plans.allSatisfy { $0 == 5 })
    }

    @Test(arguments: 0..<50) func neverAboveTheCeilingNorBelowTheFloor(_ seed: Int) {
        var numbers = Numbers(seed: UInt64(seed) + 1)
        let floor = numbers.next(20)
        let ceiling = floor + numbers.next(30)
        let starts = (0..<300).map { _ in numbers.next(10) < 2 ? numbers.next(200) : 0 }
        let plans = Self.simulate(starts + [Int](repeating: 0, count: 900), floor: floor, ceiling: ceiling)
        #expect(plans.allSatisfy { $0.parked >= floor && $0.parked + $0.shells <= ceiling })
        #expect(plans.last == Plan(parked: floor))
    }

    @Test func whatIsInUseCountsAgainstTheCeiling() {
        var version = Version()
        (version.floor, version.ceiling, version.inUse, version.isInUse) = (5, 8, 6, true)
        #expect(Self.plan(version) == Plan(parked: 2))
        version.inUse = 9
        #expect(Self.plan(version) == Plan())
    }

    @Test func withoutASnapshotThereIsNothingToKeep() {
        var version = Version()
        (version.floor, version.peak, version.isInUse, version.hasSnapshot) = (5, 9, true, false)
        #expect(Self.plan(version) == Plan())
    }

    @Test func pressureTakesWhatIsExpectedFirstAndThenTheFloors() {
        var version = Version()
        (version.floor, version.peak, version.isInUse) = (3, 10, true)
        var host = Host()
        #expect(Self.plan(version, host) == Plan(parked: 10, shells: 5))
        host.pressure = 12
        #expect(Self.plan(version, host) == Plan(parked: 3))
        host.pressure = 35
        #expect(Self.plan(version, host) == Plan())
        host.pressure = 0
        (host.total, host.available) = (10 << 30, 900 << 20)
        #expect(Self.plan(version, host) == Plan(parked: 3))
        host.available = 400 << 20
        #expect(Self.plan(version, host) == Plan())
    }

    @Test func memoryAndRoomAreDividedByNeed() {
        var host = Host()
        (host.total, host.available) = (1 << 30, 256 << 20)
        var versions = [Version](repeating: Version(), count: 10)
        for index in versions.indices { (versions[index].peak, versions[index].isInUse) = (Double(index), true) }
        versions[0].floor = 4
        let plans = PoolPolicy.plan(versions, host, .init())
        let parked = plans.map(\.parked)
        // 128 MB, 8 for each.
        #expect(parked.reduce(0, +) <= 16)
        #expect(parked[0] == 4 && parked[9] == 9 && parked[8] == 3 && parked[1] == 0)
        host = Host()
        host.room = 7
        #expect(PoolPolicy.plan(versions, host, .init()).reduce(0) { $0 + $1.parked + $1.shells } == 7)
    }

    @Test func shellsHaveABoundForAllTogether() {
        var versions = [Version](repeating: Version(), count: 100)
        for index in versions.indices { versions[index].isInUse = true }
        #expect(PoolPolicy.plan(versions, Host(), .init()).reduce(0) { $0 + $1.shells } == 64)
        var settings = PoolPolicy.Settings()
        settings.shells = 200
        #expect(Self.plan(versions[0], Host(), settings).shells == 200)
    }

    @Test func withoutPoolsTheFloorsAreLeft() {
        var version = Version()
        (version.floor, version.peak, version.isInUse) = (3, 10, true)
        var settings = PoolPolicy.Settings()
        settings.isOn = false
        #expect(Self.plan(version, Host(), settings) == Plan(parked: 3))
    }

    /// Numbers that look random and are the same each time.
    struct Numbers {
        private var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

        mutating func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
    }
}
