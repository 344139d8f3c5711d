// The supervisor or the warden is killed, and a new engine starts on the same places at once, as a service manager starts
// it, while what the old one made is still being ended. It takes nothing over but files, and nothing of it is taken away:
// it is reachable, also when the last of the old engine has gone, and serves; and after an orderly end nothing is left.
// Twenty rounds for each; 100 with MARTLET_LONG=1.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Restarts {
    private static let rounds = Binaries.environment("MARTLET_LONG") == "1" ? 100 : 20

    enum Victim: CaseIterable, Sendable { case supervisor, warden }

    /// What the rounds came to.
    private struct Figures {
        var unreachable = 0
        var unreachableLater = 0
        var unserved = 0
        var slowest = Duration.zero
    }

    @Test(arguments: Victim.allCases) func aNewEngineIsReachableAtOnceAndForGood(_ victim: Victim) throws {
        let before = Leftovers.now()
        var server = try ServerUnderTest()
        try deploy(to: server)
        var figures = Figures()
        for round in 0..<Self.rounds {
            // Two that have answered, and an event in a third: the warden has something to end.
            for _ in 0..<2 { _ = try? server.invoke("restarted") }
            let pending = round % 2 == 0 ? try? server.begin("restarted") : nil
            let warden = try #require(Self.warden(of: server))
            let old = [try ProcessHandle(server.process.pid), try ProcessHandle(warden)]
            kill(victim == .supervisor ? server.process.pid : warden, SIGKILL)
            usleep(UInt32.random(in: 0...10_000))
            let start = ContinuousClock().now
            let place = server.place
            let previous = server
            do {
                server = try ServerUnderTest(["--log", "text"], after: place)
            } catch {
                figures.unreachable += 1
                Issue.record("round \(round): \(error)")
                _ = try? previous.end(keeping: true)
                // Whatever was wrong then, the next one shall have its chance.
                server = try ServerUnderTest(["--log", "text"], after: place)
            }
            let took = ContinuousClock().now - start
            figures.slowest = max(figures.slowest, took)
            _ = try? pending?.finish()
            _ = try previous.end(keeping: true)
            for one in old { #expect(one.hasEnded(within: .seconds(20)), "round \(round): the old engine runs on") }
            if (try? server.request("GET", "/healthz"))?.status != 200 {
                figures.unreachableLater += 1
                Issue.record("round \(round): the new engine lost its socket")
                _ = try server.end(keeping: true)
                server = try ServerUnderTest(["--log", "text"], after: place)
            }
            let answer = try server.invoke("restarted")
            if answer.reply.status != 200 || answer.isError {
                figures.unserved += 1
                Issue.record("round \(round): \(answer)")
            }
        }
        print("\(Self.rounds) SIGKILLs of the \(victim), each followed by a new engine within 10 ms: \(figures)")
        try theLastLeavesNothing(server, before)
    }

    private func theLastLeavesNothing(_ server: ServerUnderTest, _ before: Leftovers) throws {
        let (run, state) = (server.run, server.state)
        defer { HostFiles.remove(server.place) }
        #expect(try server.end(keeping: true).status == 0)
        #expect(HostFiles.names(in: run).sorted() == ["seccomp.filter", "stage"])
        #expect(HostFiles.names(in: "\(state)/passing") == [])
        #expect(HostFiles.names(in: "\(state)/snapshots") == [])
        #expect(HostFiles.names(in: "\(state)/functions").sorted() == [".lock", "restarted"])
        #expect(HostProcesses.having(state) == [])
        #expect(Leftovers.settled(since: before) == "")
    }

    private func deploy(to server: ServerUnderTest) throws {
        let members: [(String, JSON)] = [
            ("runtime", .text("provided")), ("code", try Zoo.code(Binaries.staticC)),
        ]
        let reply = try server.request("PUT", "/v1/functions/restarted", body: JSON.object(members).bytes)
        try #require(reply.status == 201, "\(reply.text)")
    }

    private static func warden(of server: ServerUnderTest) -> Int32? {
        HostProcesses.descendants(of: server.process.pid).first {
            HostProcesses.text("/proc/\($0)/cmdline")?.hasPrefix("martlet-warden\0") == true
        }
    }

    @Test func aSecondEngineOfTheSameSocketIsRefused() throws {
        let server = try ServerUnderTest()
        let outcome = try server.command(["serve", "--socket", server.socket]).run()
        #expect(outcome.status != 0 && outcome.errors.contains("another engine serves it"), "\(outcome)")
        #expect(try server.request("GET", "/healthz").status == 200)
        try server.end()
    }

    /// It would remove what the other one is about to store.
    @Test func aSecondEngineOfTheSameStateDirectoryIsRefused() throws {
        let server = try ServerUnderTest()
        let other = "\(server.place)/other.sock"
        let outcome = try server.command(["serve", "--socket", other]).run()
        #expect(outcome.status != 0 && outcome.errors.contains("another engine serves it"), "\(outcome)")
        #expect(try server.request("GET", "/healthz").status == 200)
        try server.end(keeping: true)
        // Its own socket went with it.
        #expect(HostFiles.names(in: server.place).sorted() == ["run", "state"])
        HostFiles.remove(server.place)
    }

    /// What is no socket is nobody's to remove.
    @Test func aFileInThePlaceOfTheSocketStays() throws {
        let place = try HostFiles.makeTemporaryDirectory("martlet-in-the-way")
        defer { HostFiles.remove(place) }
        try HostFiles.write("mine", to: "\(place)/control.sock")
        var program = Martlet().program(["serve", "--socket", "\(place)/control.sock"])
        program.environment["MARTLET_STATE"] = "\(place)/state"
        program.environment["MARTLET_RUN"] = "\(place)/run"
        let outcome = try program.run()
        #expect(outcome.status != 0 && outcome.errors.contains("no socket"), "\(outcome)")
        #expect(HostFiles.names(in: place).contains("control.sock"))
    }
}

/// A process that is not ours to wait for.
private final class ProcessHandle {
    private let descriptor: FileDescriptor

    init(_ pid: Int32) throws { descriptor = try Processes.open(pid) }

    func hasEnded(within limit: Duration) -> Bool {
        Processes.hasEnded(
            descriptor, within: Int32(limit.components.seconds) * 1000 * Int32(Binaries.patience))
    }
}
