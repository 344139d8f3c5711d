// The supervisor or the warden dies in the middle of captures and restores, at any moment: the next engine starts clean,
// nothing is left, the function is served, and no image is used that was not whole. Ten rounds; 100 with MARTLET_LONG=1.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct CrashTests {
    private static let rounds = Binaries.environment("MARTLET_LONG") == "1" ? 100 : 10

    enum Victim: CaseIterable, Sendable { case supervisor, warden }

    private func deploy(to server: ServerUnderTest) throws {
        let members: [(String, JSON)] = [
            ("runtime", .text("provided")), ("code", try Zoo.code(Binaries.staticC)), ("snapshot", .bool(true)),
        ]
        let reply = try server.request("PUT", "/v1/functions/crashed", body: JSON.object(members).bytes)
        try #require(reply.status == 201, "\(reply.text)")
    }

    /// The supervisor is the server's own process; the warden its child by that name.
    private func pid(of victim: Victim, _ server: ServerUnderTest) throws -> Int32 {
        if victim == .supervisor { return server.process.pid }
        let name = "martlet-warden"
        // Its forks, which hold images or make them, have hidden their arguments.
        let children = HostProcesses.descendants(of: server.process.pid)
        return try #require(
            children.first { pid in
                HostProcesses.text("/proc/\(pid)/cmdline")?.split(separator: "\0").first.map(String.init) == name
            })
    }

    private static func drafts(of server: ServerUnderTest) -> Set<String> {
        Set(HostFiles.names(in: "\(server.state)/snapshots").filter { $0.hasPrefix(".") })
    }

    private static func processesAreGone(_ before: Leftovers) -> Bool {
        let deadline = ContinuousClock().now + .seconds(10) * Binaries.patience
        while ContinuousClock().now < deadline {
            let now = Leftovers.now()
            if now.processes <= before.processes, now.networks <= before.networks, now.mounts <= before.mounts {
                return true
            }
            usleep(10_000)
        }
        return false
    }

    @Test(arguments: Victim.allCases) func nothingIsLeft(_ victim: Victim) throws {
        let before = Leftovers.now()
        var server = try ServerUnderTest()
        try deploy(to: server)
        _ = try server.invoke("crashed")
        for round in 0..<Self.rounds {
            // Captures and restores side by side, and the end somewhere in between.
            var pending = [try server.beginRequest("POST", "/v1/functions/crashed/snapshot")]
            for _ in 0..<4 { pending.append(try server.begin("crashed", "{}", [("Martlet-Start", "restore")])) }
            usleep(UInt32.random(in: 0...60_000))
            kill(try pid(of: victim, server), SIGKILL)
            for one in pending { _ = try? one.finish() }
            let outcome = try server.end(keeping: true)
            #expect(outcome.status != 0, "round \(round): \(outcome)")
            // What the kernel ends takes its moment. Groups are the next engine's to sweep.
            #expect(Self.processesAreGone(before), "round \(round): something runs on")

            // The next engine may have begun one of its own by the time that it answers.
            let drafts = Self.drafts(of: server)
            server = try ServerUnderTest(["--log", "text"], after: server.place)
            // A process that was killed in the middle of its capture may take a moment to go, and its draft with it.
            let deadline = ContinuousClock().now + .seconds(5) * Binaries.patience
            while !drafts.isDisjoint(with: Self.drafts(of: server)), ContinuousClock().now < deadline { usleep(10_000) }
            let kept = drafts.intersection(Self.drafts(of: server))
            #expect(kept.isEmpty, "round \(round): \(kept)")
            let answer = try server.invoke("crashed")
            #expect(answer.reply.status == 200 && !answer.isError, "round \(round): \(answer)")
        }
        let made = try server.request("POST", "/v1/functions/crashed/snapshot")
        #expect(made.status == 201, "\(made.text)")
        let answer = try server.invoke("crashed", "{}", [("Martlet-Start", "restore")])
        let last = try server.end()
        #expect(answer.reply.field("martlet-started") == "restored", "\(answer) \(last)")
        #expect(Leftovers.settled(since: before) == "")
    }
}
