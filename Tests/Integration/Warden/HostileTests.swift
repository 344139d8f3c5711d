// What a supervisor that has been taken over may try with the warden: requests that cannot be, numbers of others,
// descriptors of the wrong kind, garbage, and not listening.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct HostileSupervisor {
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
        var bad = WardenUnderTest.request(1, "true")
        demand.change(&bad)
        try warden.create(bad)
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == demand.kind, "\(refusal.message)")
        try warden.create(WardenUnderTest.request(2, "exit 3"))
        #expect(try WardenUnderTest.reason(warden.end(of: 2)) == .exited(3))
        kill(warden.pid, SIGKILL)
        _ = try warden.waitForExit()
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func idsOfOthersAreNoHandle() throws {
        let warden = try WardenUnderTest()
        try warden.send(.signal(id: 77, process: 0, number: SIGKILL))
        try warden.send(.kill(id: 78))
        try warden.create(WardenUnderTest.request(1, "exit 4"))
        #expect(try WardenUnderTest.reason(warden.end(of: 1)) == .exited(4))
    }

    @Test func anIdIsGivenOnce() throws {
        let warden = try WardenUnderTest()
        try warden.create(WardenUnderTest.request(1, "sleep 300"))
        try warden.create(WardenUnderTest.request(1, "true"))
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.message.contains("in use"))
    }

    @Test func streamsMustBeThree() throws {
        let warden = try WardenUnderTest()
        try warden.send(.create(WardenUnderTest.request(1, "true")), streams: [])
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
        try warden.create(WardenUnderTest.request(1, "sleep 300"))
        _ = try warden.reply()
        try warden.send(raw: bytes)
        #expect(try warden.waitForExit() == .exited(0))
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    // MARK: numbers and descriptors

    @Test func whatIsSaidToNobodyIsAnsweredOrIgnored() throws {
        let warden = try WardenUnderTest()
        for id in [UInt32(0), 77, .max] {
            try warden.send(.killAll(id: id))
            try warden.send(.settle(id: id))
            try warden.send(.signal(id: id, process: 1, number: 9))
            try warden.send(.kill(id: id))
            try warden.send(.socket(id: id))
            guard case .refused(id, let refusal)? = try warden.reply() else {
                Issue.record("a socket of \(id) was not refused")
                continue
            }
            #expect(refusal.kind == .request)
            try warden.send(.start(id: id, ProcessRequest(number: 5, command: ["sh"])))
            guard case .processRefused(id, 5, let other)? = try warden.reply() else {
                Issue.record("a process in \(id) was not refused")
                continue
            }
            #expect(other.kind == .request)
        }
    }

    @Test func aSandboxWithACommandTakesNoProcess() throws {
        let warden = try WardenUnderTest()
        try warden.create(WardenUnderTest.request(1, "sleep 300"))
        _ = try warden.first { if case .started(1, _, []) = $0 { true } else { false } }
        let null = try Files.open("/dev/null", .readWrite)
        try warden.send(
            .start(id: 1, ProcessRequest(number: 5, command: ["sh"])), streams: [null.raw, null.raw, null.raw])
        guard case .processRefused(1, 5, let refusal)? = try warden.reply() else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == .request)
        // Nor is it emptied, settled for less, or signalled through a number that it does not have.
        try warden.send(.killAll(id: 1))
        try warden.send(.settle(id: 1))
        try warden.send(.signal(id: 1, process: 5, number: SIGKILL))
        try warden.send(.signal(id: 1, process: 0, number: 0))
        try warden.send(.signal(id: 1, process: 0, number: -1))
        try warden.send(.signal(id: 1, process: 0, number: .max))
        usleep(100_000)
        try warden.send(.signal(id: 1, process: 0, number: SIGTERM))
        #expect(try WardenUnderTest.reason(warden.end(of: 1)) == .signalled(SIGTERM))
    }

    @Test(arguments: [0, 1, 2, 4, 16]) func streamsOfAProcessMustBeThree(_ count: Int) throws {
        let warden = try WardenUnderTest()
        let sandbox = try WaitingSandbox(in: warden)
        let null = try Files.open("/dev/null", .readWrite)
        try warden.send(
            .start(id: 1, ProcessRequest(number: 5, command: ["sh"])), streams: Array(repeating: null.raw, count: count)
        )
        guard case .processRefused(1, 5, let refusal) = try sandbox.answer(to: 5) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == .request)
        #expect(try sandbox.output(5, "echo well") == "well")
    }

    @Test func aDirectoryIsNoStream() throws {
        let warden = try WardenUnderTest()
        let sandbox = try WaitingSandbox(in: warden)
        let null = try Files.open("/dev/null", .readWrite)
        for flags: Files.Flags in [.directory, [.directory, .nameOnly]] {
            let directory = try Files.open("/", flags)
            for place in 0..<3 {
                var streams = [null.raw, null.raw, null.raw]
                streams[place] = directory.raw
                try warden.send(.start(id: 1, ProcessRequest(number: 5, command: ["sh"])), streams: streams)
                guard case .processRefused(1, 5, let refusal) = try sandbox.answer(to: 5) else {
                    Issue.record("not refused")
                    continue
                }
                #expect(refusal.kind == .input)
            }
        }
    }

    @Test func descriptorsThatNobodyAskedForAreClosed() throws {
        let warden = try WardenUnderTest()
        let sandbox = try WaitingSandbox(in: warden)
        try WardenUnderTest.settle(warden)
        let before = HostFiles.names(in: "/proc/\(warden.pid)/fd").count
        let null = try Files.open("/dev/null", .readWrite)
        let many = Array(repeating: null.raw, count: 16)
        for request in [
            WardenRequest.killAll(id: 1), .settle(id: 1), .kill(id: 9), .signal(id: 1, process: 1, number: 1),
        ] {
            try warden.send(request, streams: many)
        }
        try warden.send(.create(WaitingSandbox.request(2)), streams: many)
        guard case .refused(2, _)? = try warden.end(of: 2) else {
            Issue.record("a sandbox that waits took streams")
            return
        }
        #expect(try sandbox.output(1, "echo well") == "well")
        try WardenUnderTest.settle(warden)
        #expect(HostFiles.names(in: "/proc/\(warden.pid)/fd").count == before)
    }

    // MARK: not listening

    /// What is not read is kept; what is kept has an end; the sandboxes go on meanwhile.
    @Test func repliesThatAreNotReadAreKeptInOrder() throws {
        let warden = try WardenUnderTest()
        for id in UInt32(0)..<3000 { try warden.send(.socket(id: id)) }
        for id in UInt32(0)..<3000 {
            guard case .refused(id, _)? = try warden.reply() else {
                Issue.record("the refusal of \(id) is missing")
                return
            }
        }
        let sandbox = try WaitingSandbox(in: warden)
        #expect(try sandbox.output(1, "echo well") == "well")
    }

    @Test func whoNeverReadsEndsTheWarden() throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        _ = try WaitingSandbox(in: warden)
        var sent = 0
        // More than the kernel and the warden keep together. The socket is closed by the warden when it has enough.
        while sent < 100_000, (try? warden.send(.socket(id: 7))) != nil { sent += 1 }
        #expect(sent < 100_000)
        #expect(try warden.waitForExit() == .exited(0))
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    /// A frozen pid 1 reads nothing: it is not waited for, and the others live on.
    @Test func aSandboxThatDoesNotReadIsEndedAlone() throws {
        let warden = try WardenUnderTest()
        let frozen = try WaitingSandbox(in: warden)
        let other = try WaitingSandbox(in: warden, WaitingSandbox.request(2))
        try Files.write(Array("1".utf8), to: frozen.descriptor(.freeze), named: "cgroup.freeze")
        for _ in 0..<2000 { try warden.send(.killAll(id: 1)) }
        guard case .refused(1, let refusal)? = try warden.end(of: 1) else {
            Issue.record("it was not ended")
            return
        }
        #expect(refusal.message.contains("does not read"))
        #expect(try other.output(1, "echo well") == "well")
    }

    @Test func tooManyAtOnceAreRefusedAndTheRestStart() throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        for id in UInt32(0)..<400 { try warden.send(.create(WaitingSandbox.request(id))) }
        var started = 0
        var refused = 0
        while started + refused < 400, let reply = try warden.reply() {
            switch reply {
            case .started: started += 1
            case .refused(_, let refusal):
                #expect(refusal.kind == .request, "\(refusal.message)")
                refused += 1
            default: break
            }
        }
        #expect(started >= 256)
        #expect(started + refused == 400)
        try warden.killNow()
        let next = try WardenUnderTest()
        try WardenUnderTest.settle(next)
        try next.send(raw: [])
        _ = try next.waitForExit()
        #expect(Leftovers.settled(since: before).isEmpty)
    }
}
