// The supervisor has no rights, and however it ends, nothing of it is left.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct SupervisorOnItsOwn {
    @Test func hasNoRightsInAnyThread() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("any", "events.handler", timeout: 5)
        _ = try server.invoke("any")
        let tasks = HostFiles.names(in: "/proc/\(server.process.pid)/task")
        #expect(!tasks.isEmpty)
        for task in tasks {
            let path = "/proc/\(server.process.pid)/task/\(task)"
            func status(_ name: String) -> String? { HostProcesses.status(name, of: path) }
            let all = Array(repeating: "1879048191", count: 4).joined(separator: "\t")
            #expect(status("Uid") == all && status("Gid") == all, "\(task)")
            #expect(status("Groups") == "", "\(task)")
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(status(set).map { $0.allSatisfy { $0 == "0" } } == true, "\(task): \(set)")
            }
            #expect(status("NoNewPrivs") == "1", "\(task)")
        }
        try server.end()
    }

    /// Two environments that wait, and two that have an event.
    private func startBusy() throws -> (server: ServerUnderTest, pending: [PendingAnswer], before: Leftovers) {
        // The first makes what stays.
        try ServerUnderTest().end()
        let before = Leftovers.now()
        let server = try ServerUnderTest()
        for name in ["busy", "idle"] { try server.deployLifecycle(name, "events.handler", timeout: 20) }
        let waiting = try (0..<2).map { _ in try server.begin("idle", #"{"do":"leave_child"}"#) }
        for one in waiting { #expect(try !one.finish().isError) }
        let pending = try (0..<2).map { _ in try server.begin("busy", #"{"do":"sleep","seconds":1}"#) }
        _ = try server.log("busy", until: "sleeping\n")
        usleep(200_000)
        return (server, pending, before)
    }

    @Test func killed() throws {
        let (server, pending, before) = try startBusy()
        server.process.signal(SIGKILL)
        for one in pending { #expect(throws: (any Error).self) { try one.finish() } }
        #expect(try server.process.end().status == 128 + SIGKILL)
        // The warden sees it, and ends everything that it made.
        let left = Leftovers.settled(since: before)
        #expect(left.isEmpty, "\(left)")
        #expect(!HostFiles.exists(server.socket), "the control socket is still there")
        try server.end()
    }

    @Test func wardenKilled() throws {
        let (server, pending, before) = try startBusy()
        let warden = try #require(
            HostProcesses.descendants(of: server.process.pid).first {
                HostProcesses.text("/proc/\($0)/comm") == "martlet-warden\n"
            })
        kill(warden, SIGKILL)
        for one in pending { #expect(throws: (any Error).self) { try one.finish() } }
        #expect(try server.process.end().status == 1)
        // The kernel ends what it made; its groups are cleared away by whoever comes next.
        var next = Martlet()
        next.environment = ["MARTLET_RUN": server.run]
        #expect(try next.exec("/bin/true").run().status == 0)
        let left = Leftovers.settled(since: before)
        #expect(left.isEmpty, "\(left)")
        try server.end()
    }

    @Test func toldToEnd() throws {
        let (server, pending, before) = try startBusy()
        server.process.signal(SIGTERM)
        usleep(100_000)
        #expect(throws: (any Error).self) { try server.request("GET", "/healthz") }
        // What runs comes to its end, and is answered.
        for one in pending { #expect(try one.finish().text == #""slept""#) }
        #expect(try server.process.end().status == 0)
        let left = Leftovers.settled(since: before)
        #expect(left.isEmpty, "\(left)")
        #expect(!HostFiles.exists(server.socket), "the control socket is still there")
        try server.end()
    }

    @Test func toldToEndTwice() throws {
        let (server, pending, before) = try startBusy()
        let start = ContinuousClock().now
        for _ in 0..<2 {
            server.process.signal(SIGTERM)
            usleep(50_000)
        }
        for one in pending { #expect(try one.finish().errorType == "Sandbox.Failure") }
        #expect(try server.process.end().status == 0)
        #expect(ContinuousClock().now - start < .milliseconds(800))
        let left = Leftovers.settled(since: before)
        #expect(left.isEmpty, "\(left)")
        try server.end()
    }
}
