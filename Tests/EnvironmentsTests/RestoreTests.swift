// Making snapshots, restoring them, and what becomes of an event when that goes wrong, with a warden that is played.

import Lambda
import Linux
import Testing
import Wire

@testable import Environments
@testable import Reactor

final class EngineUnderTest {
    let place: Temporary
    let loop: EventLoop
    let warden: FakeWarden
    let engine: Engine
    let dispatcher: Dispatcher
    private(set) var complaints: [String] = []

    init(_ change: (inout EngineSettings) -> Void = { _ in }) throws {
        Signals.ignore(13)
        place = try Temporary()
        loop = try EventLoop()
        warden = try FakeWarden(loop, place.path)
        var settings = EngineSettings()
        settings.state = place.path
        settings.keepsLogs = false
        settings.pools.shells = 0
        change(&settings)
        engine = Engine(loop, warden.link, settings)
        dispatcher = Dispatcher(engine)
        engine.complaints = { [unowned self] message, details in
            complaints.append("\(message): \(details.last?.1 ?? "")")
        }
    }

    func function(_ text: String = #"{"snapshot": true}"#, _ name: String = "f") throws -> FunctionVersion {
        let configuration = try FunctionConfiguration(json: JSON(parsing: Array(text.utf8)), others: [])
        let content = FunctionContent(directory: place.path, ContentFigures(), isDoomed: false, remove: { _ in })
        return FunctionVersion(
            name: name, revision: Names.uuid(engine.randoms.take(16)), configuration: configuration, content: content,
            modified: WallTime(milliseconds: 0))
    }

    /// Turns the loop until then, at most for some seconds.
    func turn(until isSo: @escaping () -> Bool, _ location: SourceLocation = #_sourceLocation) throws {
        let end = Clock.now + 5_000_000_000
        var wasSo = isSo()
        func look() {
            wasSo = isSo()
            if wasSo || Clock.now > end { return loop.stop() }
            _ = loop.after(200_000) { look() }
        }
        if !wasSo {
            look()
            try loop.run()
        }
        // Not asked again: what else belongs to the loop's last turn comes after that look.
        #expect(wasSo, "it did not come to this in time", sourceLocation: location)
    }

    func turn(for milliseconds: UInt64) throws {
        _ = loop.after(milliseconds * 1_000_000) { [loop] in loop.stop() }
        try loop.run()
    }

    /// A function whose snapshot is there, and no environment.
    func ready(_ text: String = #"{"snapshot": true}"#) throws -> FunctionVersion {
        let function = try function(text)
        var isDone = false
        dispatcher.snapshots.make(function) { isDone = true }
        try turn { isDone }
        #expect(dispatcher.snapshots[function].ready != nil)
        let all = dispatcher.all
        for environment in all { dispatcher.retire(environment) }
        // Others may be made meanwhile, for a pool.
        try turn { !self.dispatcher.all.contains { one in all.contains { $0 === one } } }
        return function
    }

    final class Caller: InvocationCaller {
        var result: InvocationResult?
        var refused: Dispatcher.Refused?
        func streamBegins(contentType: String) {}
        func stream(_ part: ArraySlice<UInt8>) {}
        var pending: Int { 0 }
        func finished(_ result: InvocationResult) { self.result = result }
        func refused(_ reason: Dispatcher.Refused) { refused = reason }
        var started: Phases.Start? { result?.phases.start }
        var text: String { result.map { String(decoding: $0.payload, as: UTF8.self) } ?? "" }
        var isDone: Bool { result != nil || refused != nil }
    }

    func begin(_ function: FunctionVersion, _ mode: StartMode? = nil, _ event: String = "1") -> Caller {
        let caller = Caller()
        let invocation = Invocation(
            function, payload: Array(event.utf8), requestID: Names.uuid(engine.randoms.take(16)), traceID: "", caller)
        invocation.mode = mode
        do throws(Dispatcher.Refused) {
            try dispatcher.invoke(invocation)
        } catch {
            caller.refused = error
        }
        return caller
    }

    func invoke(_ function: FunctionVersion, _ mode: StartMode? = nil, _ event: String = "1") throws -> Caller {
        let caller = begin(function, mode, event)
        try turn { caller.isDone }
        return caller
    }

    func count(_ what: String) -> Int { warden.asked.count { $0 == what } }
}

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
        let missing = try first.function(#"{"snapshot": true}"#, "g")
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

@Suite struct Pooling {
    @Test func provisionedOnesWaitAndAreReplaced() throws {
        let engine = try EngineUnderTest { $0.freezeAfterMS = 5 }
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 2}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        let caller = try engine.invoke(function, .pooled)
        #expect(caller.started == .pooled && caller.result?.phases.restoreUS == 0)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        #expect(engine.engine.metrics.poolHits == 1)
    }

    @Test func anEmptyPoolIsPassedBy() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        #expect(try engine.invoke(function, .pooled).started == .restored)
    }

    @Test func reservedIsTheMost() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready(#"{"snapshot": true, "reserved": 1}"#)
        engine.warden.isMute = true
        let first = engine.begin(function)
        guard case .reserved(1)? = engine.begin(function).refused else {
            Issue.record("it was not refused")
            return
        }
        try engine.turn { engine.count("restore") == 1 }
        engine.warden.end(engine.warden.sandboxes.first { $0.value.snapshot != nil }!.key)
        try engine.turn { first.isDone }
        // One that waits makes room for one that shall be new.
        #expect(try engine.invoke(function, .cold).started == .cold)
        try engine.turn { engine.dispatcher.count == 1 }
    }

    @Test func aMakerTakesNobodysPlace() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function(#"{"snapshot": true, "reserved": 1}"#)
        engine.dispatcher.snapshots.deployed(function)
        #expect(engine.dispatcher.snapshots[function].isBeingMade)
        #expect(try engine.invoke(function).started == .cold)
    }

    @Test func aHostThatIsFullGivesUpWhatIsKeptReady() throws {
        let engine = try EngineUnderTest { $0.mostEnvironments = 3 }
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 3}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 3 }
        #expect(try engine.invoke(function, .cold).started == .cold)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 && engine.dispatcher.count <= 3 }
    }

    @Test func newOnesThatWereAskedForDoNotFillTheHost() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        let callers = (0..<20).map { _ in engine.begin(function, .restore) }
        try engine.turn { callers.allSatisfy(\.isDone) }
        #expect(callers.allSatisfy { $0.started == .restored })
        try engine.turn { engine.dispatcher.count == 4 }
    }

    @Test func whatIsReplacedIsKeptNoLonger() throws {
        let engine = try EngineUnderTest()
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 2}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        engine.dispatcher.endAll(of: function)
        try engine.turn { engine.dispatcher.count == 0 }
        #expect(engine.dispatcher.groups.isEmpty)
    }
}
