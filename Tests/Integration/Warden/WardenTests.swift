// The warden as a program of its own, spoken to over its socket: what a supervisor without rights will do.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct WardenProgram {
    private func request(_ id: UInt32, _ line: String) -> SandboxRequest {
        SandboxRequest(
            id: id, command: ["/bin/sh", "-c", line], environment: ["PATH=/usr/bin"], root: WardenUnderTest.root,
            memoryMB: 256)
    }

    private struct NotAnEnd: Error {
        let reply: WardenReply?
    }

    private func reason(_ reply: WardenReply?) throws -> Wire.Outcome.Reason {
        guard case .ended(_, let outcome)? = reply else {
            throw NotAnEnd(reply: reply)
        }
        return outcome.reason
    }

    @Test func manySandboxesAtOnceEachWithItsOwnEnd() throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        try warden.send(.sweep)
        _ = try warden.reply()
        let descriptors = HostFiles.names(in: "/proc/\(warden.pid)/fd").count
        for id in UInt32(1)...20 { try warden.create(request(id, "sleep 0.1; exit \(id)")) }
        var ends: [UInt32: Wire.Outcome.Reason] = [:]
        while ends.count < 20, let reply = try warden.reply() {
            if case .ended(let id, let outcome) = reply { ends[id] = outcome.reason }
            if case .refused(let id, let refusal) = reply { Issue.record("\(id): \(refusal.message)") }
        }
        for id in UInt32(1)...20 { #expect(ends[id] == .exited(Int32(id))) }
        #expect(HostFiles.names(in: "/proc/\(warden.pid)/fd").count == descriptors)
        kill(warden.pid, SIGKILL)
        _ = try warden.waitForExit()
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func signalsAndKillsReachTheirSandbox() throws {
        let warden = try WardenUnderTest()
        try warden.create(request(1, "trap 'exit 9' USR1; while :; do sleep 0.02; done"))
        try warden.create(request(2, "sleep 300"))
        var started = 0
        while started < 2 { if case .started? = try warden.reply() { started += 1 } }
        // The shell may not have set its trap yet.
        usleep(200_000)
        try warden.send(.signal(id: 1, process: 0, number: SIGUSR1))
        #expect(try reason(warden.end(of: 1)) == .exited(9))
        try warden.send(.kill(id: 2))
        #expect(try reason(warden.end(of: 2)) == .killed)
    }

    @Test func whenTheOtherSideGoesEverythingGoes() throws {
        let before = Leftovers.now()
        var warden: WardenUnderTest? = try WardenUnderTest()
        for id in UInt32(1)...5 { try warden?.create(request(id, "sleep 300")) }
        for _ in 0..<5 { _ = try warden?.reply() }
        try warden?.send(raw: [])  // an empty message is what a closed socket looks like
        #expect(try warden?.waitForExit() == .exited(0))
        warden = nil
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func whatAKilledWardenLeftIsSweptByTheNext() throws {
        let before = Leftovers.now()
        let first = try WardenUnderTest()
        for id in UInt32(1)...5 { try first.create(request(id, "sleep 300 & setsid sleep 300 & wait")) }
        for _ in 0..<5 { _ = try first.reply() }
        kill(first.pid, SIGKILL)
        _ = try first.waitForExit()
        let second = try WardenUnderTest()
        try second.send(.sweep)
        guard case .swept? = try second.reply() else {
            Issue.record("no answer to the sweep")
            return
        }
        try second.killNow()
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func aSweepTouchesNothingThatLives() throws {
        let living = try WardenUnderTest()
        try living.create(request(1, "sleep 1; exit 5"))
        guard case .started? = try living.reply() else {
            Issue.record("did not start")
            return
        }
        let other = try WardenUnderTest()
        try other.send(.sweep)
        #expect(try other.reply() == .swept(0))
        #expect(try reason(living.end(of: 1)) == .exited(5))
    }

    // MARK: a hostile supervisor

    struct Demand: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout SandboxRequest) -> Void
        let kind: Refusal.Kind
    }

    static let demands = [
        Demand(testDescription: "no memory", change: { $0.memoryMB = 0 }, kind: .request),
        Demand(testDescription: "all memory", change: { $0.memoryMB = .max }, kind: .request),
        Demand(testDescription: "an endless /tmp", change: { $0.tmpMB = .max }, kind: .request),
        Demand(
            testDescription: "a thousand layers", change: { $0.layers = Array(repeating: "/", count: 1000) },
            kind: .request),
        Demand(testDescription: "an endless deadline", change: { $0.timeoutMS = .max }, kind: .request),
        Demand(testDescription: "a relative root", change: { $0.root = "../.." }, kind: .request),
        Demand(
            testDescription: "the warden's own root through /proc", change: { $0.root = "/proc/self/root" },
            kind: .input),
        Demand(testDescription: "the warden's descriptors", change: { $0.layers = ["/proc/self/fd/3"] }, kind: .input),
        Demand(testDescription: "less isolation", change: { $0.without = [.readOnly, .capabilities] }, kind: .request),
        Demand(testDescription: "a command without a name", change: { $0.command = [""] }, kind: .request),
    ]

    @Test(arguments: demands) func whatCannotBeIsRefusedAndTheWardenGoesOn(_ demand: Demand) throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        var bad = request(1, "true")
        demand.change(&bad)
        try warden.create(bad)
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == demand.kind, "\(refusal.message)")
        try warden.create(request(2, "exit 3"))
        #expect(try reason(warden.end(of: 2)) == .exited(3))
        kill(warden.pid, SIGKILL)
        _ = try warden.waitForExit()
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func idsOfOthersAreNoHandle() throws {
        let warden = try WardenUnderTest()
        try warden.send(.signal(id: 77, process: 0, number: SIGKILL))
        try warden.send(.kill(id: 78))
        try warden.create(request(1, "exit 4"))
        #expect(try reason(warden.end(of: 1)) == .exited(4))
    }

    @Test func anIdIsGivenOnce() throws {
        let warden = try WardenUnderTest()
        try warden.create(request(1, "sleep 300"))
        try warden.create(request(1, "true"))
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.message.contains("in use"))
    }

    @Test func streamsMustBeThree() throws {
        let warden = try WardenUnderTest()
        try warden.send(.create(request(1, "true")), streams: [])
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.message.contains("three"))
    }

    @Test(arguments: [[UInt8](), [0], [255, 255], [1], Array(repeating: 1, count: 5000)])
    func whatIsNoRequestEndsTheConversation(_ bytes: [UInt8]) throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        try warden.create(request(1, "sleep 300"))
        _ = try warden.reply()
        try warden.send(raw: bytes)
        #expect(try warden.waitForExit() == .exited(0))
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func itIsNotForPeople() throws {
        let outcome = try Program([Binaries.warden]).run()
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("martlet --help"))
    }
}
