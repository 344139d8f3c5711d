// Making snapshots, restoring them, and what becomes of an event when that goes wrong, with a warden that is played.

import Lambda
import Linux
import Testing
import Wire

@testable import Environments
@testable import Reactor

@Suite struct Making {
    @Test(arguments: [true, false]) func aSnapshotIsMadeAndItsMakerServes(_ knowsSnapStart: Bool) throws {
        let engine = try EngineUnderTest()
        engine.warden.knowsSnapStart = knowsSnapStart
        let function = try engine.function()
        engine.dispatcher.snapshots.deployed(function)
        let snapshot = engine.dispatcher.snapshots[function]
        try engine.turn { snapshot.ready != nil }
        let memo = try #require(SnapshotMemo(engine.warden.memos[snapshot.name] ?? ""))
        #expect(memo.connections == [.init(port: nil, pending: knowsSnapStart ? .restoreNext : .invocationNext)])
        #expect(memo.processes == [.init(number: 1, name: nil)])
        // With the pipe that it logs to.
        #expect(engine.warden.captureDescriptors == [1])
        try engine.turn { engine.dispatcher.all.first?.phase == .idle }
        #expect(try engine.invoke(function).started == .warm)
        #expect(engine.count("create") == 1)
    }

    @Test func slowOnesDoNotKeepAllPlaces() throws {
        let engine = try EngineUnderTest()
        engine.warden.hangsCapturesOf = ["slow", "slower"]
        let snapshots = engine.dispatcher.snapshots!
        snapshots.longestBegun = 300_000_000
        let slow = try (0..<2).map { _ in try engine.function(name: "slow") }
        let slower = try engine.function(name: "slower")
        let other = try engine.function(name: "other")
        for function in slow + [slower, other] { snapshots.deployed(function) }
        try engine.turn { engine.warden.asked.count { $0.hasPrefix("capture slow") } == 2 }
        #expect(snapshots[other].isBeingMade && engine.count("create") == 2)
        try engine.turn { snapshots[other].ready != nil }
        // A function has one place, however many of its versions wait.
        #expect(engine.warden.asked.count { $0.hasPrefix("capture slow@") } == 1)
    }

    @Test func anInitThatTheWardenHasEndedIsToldAsATimeout() throws {
        let engine = try EngineUnderTest()
        engine.warden.timesOut = true
        let caller = try engine.invoke(try engine.function("{}"), .cold)
        #expect(caller.text.contains("Sandbox.Timedout") && caller.text.contains("Init took longer"), "\(caller.text)")
    }

    @Test func whatIsRefusedIsServedCold() throws {
        let engine = try EngineUnderTest()
        engine.warden.refusesCapture = Refusal(.snapshot, "shared memory with an outsider")
        let function = try engine.function()
        engine.dispatcher.snapshots.deployed(function)
        let snapshot = engine.dispatcher.snapshots[function]
        try engine.turn { snapshot.state.reason != nil }
        #expect(snapshot.state.name == "refused" && snapshot.state.reason == "shared memory with an outsider")
        #expect(
            engine.complaints == ["there will be no snapshot, and cold starts instead: shared memory with an outsider"])
        try engine.turn { engine.dispatcher.all.first?.phase == .idle }
        #expect(try engine.invoke(function).started == .warm)
        #expect(try engine.invoke(function, .cold).started == .cold)
        guard case .noSnapshot(let words)? = try engine.invoke(function, .restore).refused else {
            Issue.record("it was not refused")
            return
        }
        #expect(words.contains("shared memory with an outsider"))
    }

    @Test func eventsWarmUpAheadOfTheHooks() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function(
            #"{"runtime": "python3.11", "handler": "a.b", "snapshot": true, "warm_up": [{"a": 1}, 2]}"#)
        engine.dispatcher.snapshots.deployed(function)
        let snapshot = engine.dispatcher.snapshots[function]
        try engine.turn { snapshot.ready != nil }
        let memo = try #require(SnapshotMemo(engine.warden.memos[snapshot.name] ?? ""))
        #expect(memo.connections.map(\.pending) == [.restoreNext])
        let maker = try #require(engine.dispatcher.all.first)
        #expect(maker.served == 2)
        try engine.turn { maker.phase == .idle }
        // No time runs for one that waits.
        #expect(maker.deadlineTimer?.isCancelled == true)
    }

    @Test func aForeignRuntimeIsWarmedUpAndCapturedWhereItAsks() throws {
        let engine = try EngineUnderTest()
        engine.warden.knowsSnapStart = false
        let function = try engine.function(#"{"snapshot": true, "warm_up": [1, 2, 3]}"#)
        engine.dispatcher.snapshots.deployed(function)
        let snapshot = engine.dispatcher.snapshots[function]
        try engine.turn { snapshot.ready != nil }
        #expect(snapshot.ready?.memo.connections.map(\.pending) == [.invocationNext])
        #expect(engine.dispatcher.all.first?.served == 3)
    }

    @Test func aVersionThatGoesTakesItsSnapshotAlong() throws {
        let engine = try EngineUnderTest()
        let function = try engine.ready()
        let name = engine.dispatcher.snapshots[function].name
        engine.dispatcher.endAll(of: function)
        try engine.turn { engine.warden.memos.isEmpty }
        #expect(engine.warden.asked.last == "remove \(name)")
        #expect(engine.dispatcher.snapshots.known.isEmpty)
    }

    @Test func aVersionThatGoesWhileItIsMadeLeavesNothing() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function()
        var isDone = false
        engine.dispatcher.snapshots.make(function) { isDone = true }
        engine.dispatcher.endAll(of: function)
        #expect(isDone)
        try engine.turn { engine.dispatcher.count == 0 }
        #expect(engine.warden.memos.isEmpty)
    }

    @Test func whatAnEarlierEngineLeftIsTakenUp() throws {
        let first = try EngineUnderTest()
        let known = try first.ready()
        let missing = try first.function(#"{"snapshot": true}"#, name: "g")
        let name = first.dispatcher.snapshots[known].name
        // Another supervisor of the same warden.
        let second = Dispatcher(first.engine)
        first.warden.send(.snapshotRemoved("x"))
        second.snapshots.load { [known, missing] }
        try first.turn { second.snapshots[known].ready != nil && second.snapshots[missing].ready != nil }
        #expect(second.snapshots[known].ready?.figures == nil)
        #expect(first.count("capture \(name)") == 1)
        // Those of nobody go.
        second.snapshots.load { [missing] }
        try first.turn { first.warden.memos.count == 1 }
    }
}

@Suite struct Restoring {
    @Test(arguments: [true, false]) func aNewEnvironmentComesOutOfIt(_ knowsSnapStart: Bool) throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        engine.warden.knowsSnapStart = knowsSnapStart
        let function = try engine.ready()
        let caller = try engine.invoke(function, .restore, #""x""#)
        #expect(caller.started == .restored && caller.text == #""x""# && caller.result?.error == nil)
        #expect((caller.result?.phases.restoreUS ?? 0) > 0)
        #expect(engine.count("create shell") == 1 && engine.count("start") == 1)
        // Used, it is one as any other.
        #expect(try engine.invoke(function).started == .warm)
        #expect(try engine.invoke(function, .restore).started == .restored)
        #expect(try engine.invoke(function, .cold).started == .cold)
    }

    @Test func aShellIsTakenWhereThereIsOne() throws {
        let engine = try EngineUnderTest { $0.pools.shells = 2 }
        let function = try engine.ready()
        _ = try engine.invoke(function, .restore)
        try engine.turn { engine.dispatcher.pools.kept(function).shells == 2 }
        let caller = engine.begin(function, .restore)
        #expect(engine.dispatcher.pools.kept(function).shells == 1)
        try engine.turn { caller.isDone }
        #expect(caller.started == .restored && caller.result?.phases.sandboxUS == 0)
        try engine.turn { engine.dispatcher.pools.kept(function).shells == 2 }
    }

    @Test func whoAsksWhileItIsMadeWaits() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function()
        engine.dispatcher.snapshots.deployed(function)
        #expect(try engine.invoke(function, .restore).started == .restored)
    }

    @Test func whatCannotBeRestoredStartsInTheSameSandbox() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        engine.warden.refusesRestore = Refusal(.step, "mmap: no")
        for _ in 0..<2 {
            let caller = try engine.invoke(function, .restore)
            #expect(caller.started == .cold && caller.text == "1")
        }
        #expect(engine.count("create") == 1 && engine.count("create shell") == 2 && engine.count("start") == 3)
        #expect(engine.dispatcher.snapshots[function].ready != nil)
        // The third time it is given up, and made anew.
        #expect(try engine.invoke(function, .restore).started == .cold)
        #expect(engine.dispatcher.snapshots[function].state.name == "to-be-made-anew")
        // Each is told once.
        #expect(
            engine.complaints == [
                "a restore failed: mmap: no", "a restore failed: mmap: no",
                "a snapshot cannot be used, and is made anew: mmap: no",
            ])
        engine.warden.refusesRestore = nil
        #expect(try engine.invoke(function, .restore).started == .cold)
        try engine.turn { engine.dispatcher.snapshots[function].ready != nil }
        #expect(try engine.invoke(function, .restore).started == .restored)
    }

    /// The event was on its way to it, and nobody has read it.
    @Test func aRestoreThatFailsBehindItsConnectionGivesItsEventAway() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        engine.warden.knowsSnapStart = false
        let function = try engine.ready()
        engine.warden.failsLate = Refusal(.step, "a process ended")
        let caller = try engine.invoke(function, .restore)
        #expect(caller.started == .cold && caller.result?.error == nil && caller.text == "1")
        #expect(engine.complaints == ["a restore failed: a process ended"])
        #expect(engine.count("create") == 2)
    }

    @Test func whatWasMadeElsewhereIsMadeAnewAtOnce() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        engine.warden.refusesSnapshots = Refusal(.snapshot, "it was made by another kernel")
        let caller = try engine.invoke(function)
        #expect(caller.started == .cold && caller.result?.error == nil)
        #expect(engine.dispatcher.snapshots[function].state.reason == "it was made by another kernel")
        #expect(engine.complaints.count { $0.hasSuffix("it was made by another kernel") } == 1)
        engine.warden.refusesSnapshots = nil
        try engine.turn { engine.dispatcher.snapshots[function].ready != nil }
        #expect(try engine.invoke(function, .restore).started == .restored)
    }

    @Test func whatCrashesStartsAnew() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        (engine.warden.isMute, engine.warden.crashes) = (true, true)
        let caller = try engine.invoke(function, .restore)
        #expect(caller.text == "1" && caller.result?.error == nil && caller.started == .cold)
    }

    @Test func aSandboxThatEndsGivesItsEventToAnother() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        engine.warden.isMute = true
        let caller = engine.begin(function, .restore)
        try engine.turn { engine.count("restore") == 1 }
        let id = engine.warden.sandboxes.first { $0.value.snapshot != nil }!.key
        engine.warden.end(id)
        try engine.turn { caller.isDone }
        #expect(caller.text == "1" && caller.started == .cold)
    }

    @Test func aHookThatFailsIsTheAnswer() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        engine.warden.hookFails = true
        let caller = try engine.invoke(function, .restore)
        #expect(caller.result?.error?.type == "Runtime.AfterRestoreError")
        #expect(caller.text == #"{"errorMessage":"no"}"#)
        try engine.turn { engine.dispatcher.count == 0 }
    }

    @Test func whoWaitsForInitHasOneThatIsRestored() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        var results: [Bool] = []
        try engine.dispatcher.start(function) { environment, result in
            results.append(environment.wasRestored && (try? result.get()) != nil)
        }
        try engine.turn { results.count == 1 }
        engine.warden.refusesSnapshots = Refusal(.step, "no")
        try engine.dispatcher.start(function) { environment, result in
            results.append(!environment.wasRestored && (try? result.get()) != nil)
        }
        try engine.turn { results == [true, true] }
    }

    @Test func theFunctionMaySayHow() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready(#"{"snapshot": true, "start": "restore"}"#)
        #expect(try engine.invoke(function).started == .restored)
        #expect(try engine.invoke(function).started == .restored)
        #expect(try engine.invoke(function, .warm).started == .warm)
        #expect(try engine.invoke(function, .auto).started == .warm)
    }
}
