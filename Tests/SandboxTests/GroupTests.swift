import Sandbox
import Testing
import Wire

@Suite struct Limits {
    @Test func oneCPUFor1769MB() {
        let limits = GroupLimits(memoryMB: 1769)
        #expect(limits.quotaUS == GroupLimits.periodUS)
        #expect(limits.memoryBytes == 1769 << 20)
        #expect(limits.weight == 100)
        #expect(limits.shares == 1024)
    }

    @Test func aQuarterFor442MB() {
        let limits = GroupLimits(memoryMB: 442)
        #expect(abs(Double(limits.quotaUS) / Double(GroupLimits.periodUS) - 0.25) < 0.001)
    }

    @Test func aBoostIsAWholeCPUAndTakesNothingAway() {
        #expect(GroupLimits(memoryMB: 128).boostedQuotaUS == GroupLimits.periodUS)
        #expect(GroupLimits(memoryMB: 3538).boostedQuotaUS == 2 * GroupLimits.periodUS)
    }

    @Test func theSmallestIsStillValidForTheKernel() {
        // The kernel takes no quota below a millisecond, no weight below 1 and no shares below 2.
        let limits = GroupLimits(memoryMB: SandboxRequest.memoryRange.lowerBound)
        #expect(limits.quotaUS >= 1000)
        #expect(limits.weight >= 1)
        #expect(limits.shares >= 2)
    }

    @Test func allSandboxesTogetherLeaveAQuarterOfTheNumbersToTheHost() {
        #expect(ProcessCeiling.most(numbers: 32_768, threads: 192_730) == 24_576)
        #expect(ProcessCeiling.most(numbers: 4_194_304, threads: 8_000) == 6_000)
        #expect(ProcessCeiling.most(numbers: 300, threads: 300) == GroupLimits.mostPids)
    }

    @Test func theLargestIsStillValidForTheKernel() {
        #expect(GroupLimits(memoryMB: SandboxRequest.memoryRange.upperBound).weight <= 10_000)
    }
}

@Suite struct Trees {
    private let hybrid = """
        22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
        31 22 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
        32 22 0:27 / /sys/fs/cgroup/cpuacct rw,relatime shared:3 master:4 - cgroup cgroup rw,cpuacct
        33 22 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        34 22 0:29 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
        35 22 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        """
    private let hybridMembership = "8:pids:/\n4:memory:/a/b\n2:cpuacct:/\n1:cpu:/\n0::/\n"

    @Test func aHybridHostIsUnderstood() {
        let found = Hierarchies(mounts: hybrid, membership: hybridMembership, named: nil)
        #expect(found.unified == "/sys/fs/cgroup/unified")
        #expect(
            found.legacy == [
                .cpu: "/sys/fs/cgroup/cpu", .memory: "/sys/fs/cgroup/memory/a/b", .pids: "/sys/fs/cgroup/pids",
            ])
        #expect(found.place(of: .memory) == .legacy("/sys/fs/cgroup/memory/a/b"))
    }

    @Test func aPureV2HostIsUnderstood() {
        var found = Hierarchies(
            mounts: "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", membership: "0::/user.slice/x\n", named: nil)
        #expect(found.unified == "/sys/fs/cgroup/user.slice/x")
        found.unifiedControllers = ["memory", "cpu", "pids"]
        for limit in Limit.allCases { #expect(found.place(of: limit) == .unified) }
    }

    @Test func anOperatorsGroupReplacesOurOwnEverywhere() {
        let found = Hierarchies(mounts: hybrid, membership: hybridMembership, named: "/engine")
        #expect(found.unified == "/sys/fs/cgroup/unified/engine")
        #expect(found.legacy[.memory] == "/sys/fs/cgroup/memory/engine")
    }

    @Test func aMountThatShowsOnlyAPartIsUnderstood() {
        let found = Hierarchies(
            mounts: "30 22 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw", membership: "0::/box/me\n", named: nil)
        #expect(found.unified == "/sys/fs/cgroup/me")
    }

    @Test func aGroupOutsideOfWhatIsMountedIsNotGuessed() {
        let found = Hierarchies(
            mounts: "30 22 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw", membership: "0::/other\n", named: nil)
        #expect(found.unified == nil)
    }

    @Test func ControllersMountedTogetherAreFound() {
        let found = Hierarchies(
            mounts: "31 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
            membership: "3:cpu,cpuacct:/x\n", named: nil)
        #expect(found.legacy == [.cpu: "/sys/fs/cgroup/cpu,cpuacct/x"])
    }

    @Test(arguments: ["", "x", "1 2 3", "- - - -", "30 22 0:26 / /p rw - cgroup2", "a:b", "::::\n::", "\n\n\n"])
    func nonsenseIsNoGroup(_ text: String) {
        let found = Hierarchies(mounts: text, membership: text, named: nil)
        #expect(found.unified == nil)
        #expect(found.legacy.distinct.isEmpty)
    }

    @Test func aMissingControllerIsRefusedByNameUntilItIsWaived() throws {
        let engine = EngineGroup(Hierarchies(unified: nil, unifiedControllers: [], legacy: [.cpu: "/c", .pids: "/p"]))
        let refusal = #expect(throws: Refusal.self) { try engine.check(waived: []) }
        #expect(refusal?.kind == .limit)
        #expect(refusal?.message.contains("memory") == true)
        #expect(refusal?.message.contains("--waive memory") == true)
        // There is no /p, so the group of all sandboxes cannot be made there.
        #expect(engine.missing[.pids]?.contains("/p/martlet") == true)
        #expect(throws: Never.self) { try engine.check(waived: [.memory, .pids]) }
    }
}
