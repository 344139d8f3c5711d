// Between two events nothing of a function runs, and it is no slower for that.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Freezing {
    private static let cpu: [(String, JSON)] = [("memory", .integer(1769))]

    /// How often a thread in the background has had its turn within a second without an event.
    private func ticks(_ server: ServerUnderTest) throws -> Int64 {
        try server.deployLifecycle("ticking", "events.handler", timeout: 5, [], Self.cpu)
        #expect(try server.invoke("ticking", #"{"do":"start_ticking"}"#).text == "null")
        usleep(100_000)
        let before = try server.invoke("ticking")
        usleep(1_000_000)
        let after = try server.invoke("ticking")
        #expect(after.environment == before.environment && after.json?["events"] == .integer(3), "\(after)")
        return (after.json?["ticks"]?.integer ?? 0) - (before.json?["ticks"]?.integer ?? 0)
    }

    @Test func aThreadInTheBackgroundStandsStill() throws {
        let freezing = try ServerUnderTest(["--freeze-after", "10"])
        let frozen = try ticks(freezing)
        // 10 ms until it is frozen, and what the timer adds.
        #expect(frozen < 60, "\(frozen) turns of a millisecond in a second")
        try freezing.end()
        let other = try ServerUnderTest(["--freeze-after", "60000"])
        let running = try ticks(other)
        #expect(running > 200, "\(running) turns")
        try other.end()
    }

    @Test func theKernelSaysSo() throws {
        let server = try ServerUnderTest(["--freeze-after", "10"])
        try server.deployLifecycle("frozen", "events.handler", timeout: 5)
        _ = try server.invoke("frozen", "{}", ServerUnderTest.withLog)
        usleep(200_000)
        let inside = HostProcesses.descendants(of: server.process.pid).filter {
            HostProcesses.group("cgroup.events", of: $0)?.contains("frozen 1") == true
        }
        #expect(inside.count >= 2, "pid 1 and the runtime")
        #expect(try server.environments(of: "frozen").first?["frozen"] == .bool(true))
        let pending = try server.begin("frozen", #"{"do":"sleep","seconds":0.5}"#)
        usleep(200_000)
        for pid in inside { #expect(HostProcesses.group("cgroup.events", of: pid)?.contains("frozen 0") == true) }
        #expect(try pending.finish().text == #""slept""#)
        try server.end()
    }

    @Test func theNextEventIsNotSlowerThanAMillisecondForIt() throws {
        let freezing = try ServerUnderTest(["--freeze-after", "5"])
        let other = try ServerUnderTest(["--freeze-after", "60000"])
        var medians: [Double] = []
        for server in [freezing, other] {
            try server.deployLifecycle("timed", "events.handler", timeout: 5, [], Self.cpu)
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
