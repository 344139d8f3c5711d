// An engine whose warden is played, and what tests say to it.

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

    func function(_ text: String = #"{"snapshot": true}"#, name: String = "f") throws -> FunctionVersion {
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
