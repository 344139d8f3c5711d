// The warden as a program of its own, spoken to over its socket: what a supervisor without rights will do.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct WardenProgram {
    @Test func manySandboxesAtOnceEachWithItsOwnEnd() throws {
        let before = Leftovers.now()
        let warden = try WardenUnderTest()
        try warden.send(.sweep)
        _ = try warden.reply()
        let descriptors = HostFiles.names(in: "/proc/\(warden.pid)/fd").count
        for id in UInt32(1)...20 { try warden.create(WardenUnderTest.request(id, "sleep 0.1; exit \(id)")) }
        var ends: [UInt32: Wire.Outcome.Reason] = [:]
        while ends.count < 20, let reply = try warden.reply() {
            if case .ended(let id, let outcome) = reply { ends[id] = outcome.reason }
            if case .refused(let id, let refusal) = reply { Issue.record("\(id): \(refusal.message)") }
        }
        for id in UInt32(1)...20 { #expect(ends[id] == .exited(Int32(id))) }
        // The last one's descriptors are closed a moment after its end is told.
        try WardenUnderTest.settle(warden)
        #expect(HostFiles.names(in: "/proc/\(warden.pid)/fd").count == descriptors)
        kill(warden.pid, SIGKILL)
        _ = try warden.waitForExit()
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func signalsAndKillsReachTheirSandbox() throws {
        let warden = try WardenUnderTest()
        try warden.create(WardenUnderTest.request(1, "trap 'exit 9' USR1; while :; do sleep 0.02; done"))
        try warden.create(WardenUnderTest.request(2, "sleep 300"))
        var started = 0
        while started < 2 { if case .started? = try warden.reply() { started += 1 } }
        // The shell may not have set its trap yet.
        usleep(200_000)
        try warden.send(.signal(id: 1, process: 0, number: SIGUSR1))
        #expect(try WardenUnderTest.reason(warden.end(of: 1)) == .exited(9))
        try warden.send(.kill(id: 2))
        #expect(try WardenUnderTest.reason(warden.end(of: 2)) == .killed)
    }

    @Test func whenTheOtherSideGoesEverythingGoes() throws {
        let before = Leftovers.now()
        var warden: WardenUnderTest? = try WardenUnderTest()
        for id in UInt32(1)...5 { try warden?.create(WardenUnderTest.request(id, "sleep 300")) }
        for _ in 0..<5 { _ = try warden?.reply() }
        try warden?.send(raw: [])  // an empty message is what a closed socket looks like
        #expect(try warden?.waitForExit() == .exited(0))
        warden = nil
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func whatAKilledWardenLeftIsSweptByTheNext() throws {
        let before = Leftovers.now()
        let first = try WardenUnderTest()
        for id in UInt32(1)...5 { try first.create(WardenUnderTest.request(id, "sleep 300 & setsid sleep 300 & wait")) }
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
        try living.create(WardenUnderTest.request(1, "sleep 1; exit 5"))
        guard case .started? = try living.reply() else {
            Issue.record("did not start")
            return
        }
        let other = try WardenUnderTest()
        try other.send(.sweep)
        #expect(try other.reply() == .swept(0))
        #expect(try WardenUnderTest.reason(living.end(of: 1)) == .exited(5))
    }

    @Test func itIsNotForPeople() throws {
        let outcome = try Program([Binaries.warden]).run()
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("martlet --help"))
    }

    @Test(arguments: [[], ["--state", "relative"], ["--state"]])
    func itDoesNotStartWithoutAStateDirectory(_ arguments: [String]) throws {
        let ends = try MessageSocket.pair()
        let here = MessageSocket(raw: ends.here)
        var program = Program([Binaries.warden] + arguments)
        program.inherited = [ends.there: 3]
        let outcome = try program.run()
        _ = FileDescriptor(owning: ends.there)
        #expect(outcome.status == 64)
        #expect(!outcome.errors.isEmpty)
        guard case .closed = try here.receive() else {
            Issue.record("it spoke")
            return
        }
    }

    @Test func aStateDirectoryThatIsNotThereIsSaidSo() throws {
        let warden = try WardenUnderTest(state: "/no/such/directory")
        guard case .refused(0, let refusal)? = try warden.reply() else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == .state)
        #expect(refusal.message.contains("/no/such/directory"))
    }

    @Test func signalsThatEndAServiceDoNotEndItsSandboxes() throws {
        let warden = try WardenUnderTest()
        let sandbox = try WaitingSandbox(in: warden)
        for number in [SIGTERM, SIGINT, SIGHUP] { kill(warden.pid, number) }
        // Nor are they ignored by what is started inside.
        try sandbox.start(1, "sleep 300")
        try warden.send(.signal(id: 1, process: 1, number: SIGTERM))
        #expect(try sandbox.ending(of: 1) == .signalled(SIGTERM))
        try sandbox.start(2, "sleep 300")
        try warden.send(.signal(id: 1, process: 2, number: SIGHUP))
        #expect(try sandbox.ending(of: 2) == .signalled(SIGHUP))
    }

    @Test func theFilesThatItShallRemoveGoWithIt() throws {
        let directory = try HostFiles.makeTemporaryDirectory("martlet-doomed")
        defer { HostFiles.remove(directory) }
        try HostFiles.makeDirectory(directory + "/own")
        try HostFiles.makeDirectory(directory + "/other")
        for name in ["own/control", "own/kept", "other/control"] { try HostFiles.write("", to: "\(directory)/\(name)") }
        let own = try Files.open(directory + "/own/control", .nameOnly)
        let warden = try WardenUnderTest(arguments: ["--remove", "9:\(directory)/own/control"], inherited: own.raw)
        try WardenUnderTest.settle(warden)
        #expect(HostFiles.names(in: directory + "/own").sorted() == ["control", "kept"])
        // A directory that is replaced by a link leads nowhere else.
        unsafe rename(directory + "/own", directory + "/moved")
        try HostFiles.makeLink(directory + "/own", to: directory + "/other")
        try warden.send(raw: [])
        #expect(try warden.waitForExit() == .exited(0))
        #expect(HostFiles.names(in: directory + "/moved") == ["kept"])
        #expect(HostFiles.names(in: directory + "/other") == ["control"])
    }

    /// Another engine may have put its own there.
    @Test func aFileThatHasTakenTheNameOfItsOwnStays() throws {
        let directory = try HostFiles.makeTemporaryDirectory("martlet-doomed")
        defer { HostFiles.remove(directory) }
        for name in ["control", "newer"] { try HostFiles.write(name, to: "\(directory)/\(name)") }
        let own = try Files.open(directory + "/control", .nameOnly)
        let warden = try WardenUnderTest(arguments: ["--remove", "9:\(directory)/control"], inherited: own.raw)
        try WardenUnderTest.settle(warden)
        unsafe rename(directory + "/newer", directory + "/control")
        try warden.send(raw: [])
        #expect(try warden.waitForExit() == .exited(0))
        #expect(HostProcesses.text(directory + "/control") == "newer")
    }
}
