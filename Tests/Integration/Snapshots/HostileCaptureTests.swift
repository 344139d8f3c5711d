// Functions that attack whoever captures them: no thread runs without its filter or unseen, no capture is held up, nothing
// that ends is held up by a capture, and what was captured goes on unharmed. The attacks are in Tests/Subjects/CAttacks.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite("captures under attack", Staged(), .serialized, .enabled(if: Binaries.isRoot, "needs root"))
struct HostileCaptureTests {
    /// How often each is captured; races want many attempts.
    static let attacks: [(name: String, captures: Int)] = [
        ("namespaces", 50), ("exchange", 20), ("first-thread-gone", 50), ("chain", 5), ("killing", 10),
        ("executing", 20), ("stopping", 10), ("sharing", 1),
    ]
    private static let factor = Binaries.environment("MARTLET_LONG") == "1" ? 10 : 1

    /// A sandbox in which an attack runs, and all that it says.
    private final class Attacker {
        let warden: WardenUnderTest
        let sandbox: WaitingSandbox
        private let pipe = Result { try Pipe() }
        private(set) var said = ""

        init(_ name: String, on stage: Stage, in warden: WardenUnderTest, id: UInt32 = 1) throws {
            self.warden = warden
            let request = SandboxRequest(
                id: id, command: [], root: stage.root, code: stage.code, layers: [stage.layer], memoryMB: 512)
            sandbox = try WaitingSandbox(in: warden, request)
            let process = ProcessRequest(
                number: 1, command: ["/var/task/attacks", "captured", name],
                environment: Place.armed.map { "\($0)=\($1)" })
            let reply = try sandbox.start(process, try pipe.get().writing)
            guard case .processStarted = reply else { throw Program.Failure(description: "\(reply)") }
            guard hears("ready") else { throw Program.Failure(description: "not ready: \(said)") }
        }

        func hears(_ word: String, within limit: Duration = .seconds(10)) -> Bool {
            let latest = ContinuousClock().now + limit * Binaries.patience
            while ContinuousClock().now < latest {
                said += (try? pipe.get().text()) ?? ""
                if said.contains(word) { return true }
                usleep(2000)
            }
            return false
        }

        func beginCapture() throws {
            try warden.send(
                .capture(id: sandbox.id, CaptureRequest(snapshot: "attacker-\(sandbox.id)")),
                streams: [try pipe.get().writing])
        }

        /// Nothing when it was captured, otherwise why not.
        func captureAnswer() throws -> String? {
            let id = sandbox.id
            let reply = try warden.first {
                switch $0 {
                case .captured(id, _), .notCaptured(id, _): true
                default: false
                }
            }.reply
            if case .notCaptured(_, let refusal) = reply { return refusal.message }
            return nil
        }

        func hangCapture() throws {
            try beginCapture()
            try HostileCaptureTests.stopTracers(below: warden.pid, 1)
        }

        /// It has its handlers, and nobody holds it.
        func goesOn() throws -> Bool {
            for _ in 0..<200 {
                try warden.send(.signal(id: sandbox.id, process: 1, number: SIGURG))
                if hears("alive", within: .milliseconds(50)) { return true }
            }
            return false
        }

        /// What of it is traced or stopped.
        var held: [String] {
            HostProcesses.descendants(of: warden.pid).filter {
                (HostProcesses.status("NSpid", of: "/proc/\($0)")?.split(separator: "\t").count ?? 0) > 1
            }.compactMap { pid in
                let state = HostProcesses.status("State", of: "/proc/\(pid)") ?? ""
                let tracer = HostProcesses.status("TracerPid", of: "/proc/\(pid)") ?? "0"
                return tracer != "0" || state.hasPrefix("t") ? "\(pid) \(state), traced by \(tracer)" : nil
            }
        }
    }

    /// Whoever captures hangs from now on, as if in the kernel: it does nothing, and holds what it traces.
    private static func stopTracers(below pid: Int32, _ count: Int) throws {
        let latest = ContinuousClock().now + .seconds(4) * Binaries.patience
        var tracers: Set<Int32> = []
        while ContinuousClock().now < latest {
            for pid in HostProcesses.descendants(of: pid) {
                let tracer = HostProcesses.status("TracerPid", of: "/proc/\(pid)").flatMap { Int32($0) } ?? 0
                if tracer > 0, tracers.insert(tracer).inserted { kill(tracer, SIGSTOP) }
            }
            if tracers.count == count { return }
            usleep(5000)
        }
        throw Program.Failure(description: "nobody captures")
    }

    private func warden(_ stage: Stage) throws -> WardenUnderTest {
        try WardenUnderTest(arguments: ["--run", "\(stage.directory)/run"], state: stage.directory)
    }

    @Test(arguments: attacks) func noneGetsThroughOrHoldsUp(_ name: String, _ captures: Int) throws {
        let stage = Stage.current!
        let warden = try warden(stage)
        let attacker = try Attacker(name, on: stage, in: warden)
        var reasons: [String: Int] = [:]
        // The second half with the machine under load.
        var load: [RunningProgram] = []
        defer { for program in load { program.finish() } }
        let count = captures * Self.factor
        for number in 0..<count {
            if number == count / 2, captures > 1 {
                load = try (0..<2).map { _ in try Program(["sh", "-c", "while :; do :; done"]).start() }
            }
            let begun = ContinuousClock().now
            try attacker.beginCapture()
            reasons[try attacker.captureAnswer() ?? "captured", default: 0] += 1
            #expect(ContinuousClock().now - begun < .seconds(18) * Binaries.patience, "\(name), capture \(number)")
        }
        for program in load { program.finish() }
        load = []
        let goesOn = try attacker.goesOn()
        #expect(goesOn, "\(name): \(attacker.said) \(reasons)")
        #expect(!attacker.said.contains("through") && !attacker.said.contains("broken"), "\(attacker.said)")
        #expect(attacker.held.isEmpty, "\(name): \(attacker.held)")
        // Nothing of it can be read while a part of it runs, so these are never captured; those always.
        switch name {
        case "namespaces", "exchange":
            #expect(reasons == ["captured": count], "\(reasons)")
        case "first-thread-gone":
            #expect(reasons.keys.allSatisfy { $0.contains("the first thread of process") }, "\(reasons)")
        case "sharing": #expect(reasons.keys.allSatisfy { $0.contains("do not stop") }, "\(reasons)")
        default: break
        }
        let begun = ContinuousClock().now
        try warden.send(.kill(id: 1))
        _ = try warden.end(of: 1)
        #expect(ContinuousClock().now - begun < .seconds(5) * Binaries.patience)
    }

    /// The control: what makes namespaces gets through where no filter is, and says so.
    @Test func itIsSeenWhatGetsThrough() throws {
        // All that it has started goes with it.
        let apart = ["unshare", "--pid", "--fork", "--kill-child"]
        var program = Program(apart + [Stage.current!.attacks, "captured", "namespaces"])
        program.environment.merge(Place.armed) { $1 }
        let outcome = try program.run(limit: .seconds(2))
        #expect(outcome.output.contains("through"), "\(outcome)")
    }

    // MARK: what ends while a capture hangs

    @Test func aSandboxEndsWithItsCapture() throws {
        let stage = Stage.current!
        let warden = try warden(stage)
        let attacker = try Attacker("sharing", on: stage, in: warden)
        try attacker.hangCapture()
        let begun = ContinuousClock().now
        try warden.send(.kill(id: 1))
        let reason = try #require(try attacker.captureAnswer())
        #expect(reason.contains("the sandbox was ended"), "\(reason)")
        _ = try warden.end(of: 1)
        #expect(ContinuousClock().now - begun < .seconds(1) * Binaries.patience)
        #expect(HostFiles.names(in: "\(stage.directory)/snapshots").filter { $0.hasPrefix(".") }.isEmpty)
    }

    @Test func aCaptureEndsWithTheProcessesOfItsSandbox() throws {
        let stage = Stage.current!
        let warden = try warden(stage)
        let attacker = try Attacker("sharing", on: stage, in: warden)
        try attacker.hangCapture()
        let begun = ContinuousClock().now
        try warden.send(.killAll(id: 1))
        let reason = try #require(try attacker.captureAnswer())
        #expect(reason.contains("its processes were ended"), "\(reason)")
        _ = try attacker.sandbox.ending(of: 1)
        #expect(ContinuousClock().now - begun < .seconds(1) * Binaries.patience)
    }

    @Test func aWardenEndsWithItsCaptures() throws {
        let stage = Stage.current!
        let warden = try warden(stage)
        let attackers = try (1...2).map { try Attacker("sharing", on: stage, in: warden, id: $0) }
        for attacker in attackers { try attacker.beginCapture() }
        try Self.stopTracers(below: warden.pid, 2)
        let begun = ContinuousClock().now
        shutdown(warden.socket.raw, Int32(SHUT_RDWR))
        _ = try warden.waitForExit()
        #expect(ContinuousClock().now - begun < .seconds(2) * Binaries.patience)
    }

    @Test func aFunctionIsRemovedAndAnEngineEnds() throws {
        let server = try ServerUnderTest()
        for name in ["removed", "left"] {
            try Zoo.deploy("waits-for-sharer", as: name, to: server, snapshot: true)
        }
        let pending = try ["removed", "left"].map { try server.beginRequest("POST", "/v1/functions/\($0)/snapshot") }
        try Self.stopTracers(below: server.process.pid, 2)
        var begun = ContinuousClock().now
        let reply = try server.request("DELETE", "/v1/functions/removed")
        #expect(reply.status == 204 || reply.status == 200, "\(reply.text)")
        #expect(ContinuousClock().now - begun < .seconds(2) * Binaries.patience)
        begun = ContinuousClock().now
        try server.end()
        #expect(ContinuousClock().now - begun < .seconds(3) * Binaries.patience)
        _ = pending
    }
}
