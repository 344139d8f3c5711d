// Between two events nothing of a function runs, and it is no slower for that.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.fixedAddresses, .enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Freezing {
    private static let cpu: [(String, JSON)] = [("memory", .integer(1769))]

    private static let timeout = Int64(min(900, 5 * Binaries.patience))

    /// How often a thread in the background has had its turn within a second without an event; more than one on a slow
    /// machine, where more of it belongs to the events before and after.
    private func ticks(_ server: ServerUnderTest) throws -> Int64 {
        try server.deployLifecycle("ticking", "events.handler", timeout: Self.timeout, [], Self.cpu)
        #expect(try server.invoke("ticking", #"{"do":"start_ticking"}"#).text == "null")
        usleep(100_000)
        let before = try server.invoke("ticking")
        usleep(UInt32(800_000 + 200_000 * min(20, Binaries.patience)))
        let after = try server.invoke("ticking")
        #expect(after.environment == before.environment && after.json?["events"] == .integer(3), "\(after)")
        return (after.json?["ticks"]?.integer ?? 0) - (before.json?["ticks"]?.integer ?? 0)
    }

    @Test func aThreadInTheBackgroundStandsStill() throws {
        let freezing = try ServerUnderTest(["--freeze-after", "10"])
        let frozen = try ticks(freezing)
        try freezing.end()
        let other = try ServerUnderTest(["--freeze-after", "60000"])
        let running = try ticks(other)
        // 10 ms until it is frozen, and what the timer adds.
        #expect(frozen < running / 5, "\(frozen) turns of a millisecond, and \(running) of one that is not frozen")
        try other.end()
    }

    @Test func theKernelSaysSo() throws {
        let server = try ServerUnderTest(["--freeze-after", "10"])
        try server.deployLifecycle("frozen", "events.handler", timeout: Self.timeout)
        _ = try server.invoke("frozen", "{}", ServerUnderTest.withLog)
        func says(_ state: String, _ pid: Int32) -> Bool {
            HostProcesses.group("cgroup.events", of: pid)?.contains("frozen \(state)") == true
        }
        var inside: [Int32] = []
        let isFrozen = waitUntil {
            inside = HostProcesses.descendants(of: server.process.pid).filter { says("1", $0) }
            return inside.count >= 2
        }
        #expect(isFrozen, "pid 1 and the runtime")
        #expect(try server.environments(of: "frozen").first?["frozen"] == .bool(true))
        // Long enough to be looked at.
        let seconds = Double(4 + min(20, Binaries.patience)) / 10
        let pending = try server.begin("frozen", #"{"do":"sleep","seconds":\#(seconds)}"#)
        #expect(waitUntil(limit: .milliseconds(500)) { inside.allSatisfy { says("0", $0) } })
        #expect(try pending.finish().text == #""slept""#)
        try server.end()
    }

    @Test func theNextEventIsNotSlowerThanAMillisecondForIt() throws {
        let freezing = try ServerUnderTest(["--freeze-after", "5"])
        let other = try ServerUnderTest(["--freeze-after", "60000"])
        var medians: [Double] = []
        for server in [freezing, other] {
            try server.deployLifecycle("timed", "events.handler", timeout: Self.timeout, [], Self.cpu)
            _ = try server.invoke("timed", #"{"do":"keep"}"#)
        }
        // By turns, so that what else the host does falls on both.
        var times: [[Double]] = [[], []]
        for _ in 0..<60 {
            for (index, server) in [freezing, other].enumerated() {
                usleep(20_000)
                let start = ContinuousClock().now
                _ = try server.invoke("timed", #"{"do":"keep"}"#)
                times[index].append((ContinuousClock().now - start) / .milliseconds(1))
            }
        }
        medians = times.map { $0.sorted()[$0.count / 2] }
        print("an event after a pause, median: \(medians[0]) ms when frozen, \(medians[1]) ms when not")
        #expect(medians[0] < medians[1] + 1 * Double(Binaries.patience), "\(medians)")
        try freezing.end()
        try other.end()
    }
}
