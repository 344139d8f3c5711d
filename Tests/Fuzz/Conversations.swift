// Whole conversations of a hostile sandbox with the Runtime API: requests of any form in any order, while events come and
// processes end. No sandbox is there; everything on our side of it is real. Whatever happens, nothing crashes, and who
// waits for an answer gets exactly one.

import Glibc
import Lambda
import Linux
import Wire

@testable import Environments
@testable import Reactor

/// The first byte chooses the function and its events. What follows is requests; between tildes stand parts that are sent
/// one after the other. One that begins with an exclamation mark is the end of all processes, one with a plus or a minus
/// sign what the warden says about a snapshot: that all went well, or not.
@Sendable func fuzzRuntimeAPI(_ bytes: [UInt8]) {
    guard let flags = bytes.first, let stage = unsafe Stage.only else { return }
    stage.play(flags, bytes.dropFirst())
}

private final class Stage {
    nonisolated(unsafe) static let only = try? Stage()

    private let loop: EventLoop
    private let engine: Engine
    private let warden: Warden
    private let service = Silence()
    private let connection: HTTPConnection
    private let server: HTTPServer

    /// Takes what is asked of the warden, and does nothing.
    private final class Warden {
        let socket: MessageSocket
        init(_ raw: Int32) { socket = MessageSocket(raw: raw) }

        func drain() {
            while case .message(let message)? = try? socket.receive(block: false, limit: MessageSocket.longest) {
                _ = message.takeDescriptors()
            }
        }
    }

    private final class Silence: HTTPService {
        func plan(_ exchange: HTTPExchange) -> BodyPlan { .collect(limit: 0) }
        func serve(_ exchange: HTTPExchange) {}
    }

    private final class Caller: InvocationCaller {
        var isStreaming = false
        var ends = 0
        func streamBegins(contentType: String) {
            precondition(!isStreaming && ends == 0)
            isStreaming = true
        }
        func stream(_ part: ArraySlice<UInt8>) { precondition(isStreaming && ends == 0) }
        var pending: Int { 0 }
        func finished(_ result: InvocationResult) { ends += 1 }
    }

    /// Gives the environment its next event when it waits for one.
    private final class Owner: EnvironmentOwner {
        var waiting: [Invocation] = []
        var hasEnded = false

        func isIdle(_ environment: Environment) {
            if let next = waiting.popLast() { environment.invoke(next) }
        }
        func isBroken(_ environment: Environment) {}
        func isShell(_ environment: Environment) { environment.restore() }
        func restoreEnded(_ environment: Environment) {}
        func hooksFailed(_ environment: Environment) {}
        func restoreFailed(_ environment: Environment, _ reason: Refusal, _ invocation: Invocation?) {
            invocation?.refuse(.notReady)
        }
        func initEnded(_ environment: Environment, _ result: Result<Void, FunctionError>) {}
        func hasEnded(_ environment: Environment) {
            precondition(!hasEnded)
            hasEnded = true
        }
    }

    private init() throws {
        loop = try EventLoop()
        let ends = try MessageSocket.pair()
        warden = Warden(ends.there)
        var settings = EngineSettings()
        settings.state = "/nowhere"
        engine = Engine(loop, try WardenLink(MessageSocket(raw: ends.here), loop), settings)
        server = HTTPServer(
            loop, service, chargedTo: .engine, holdings: Holdings(bytes: 1 << 30, descriptors: 1 << 20))
        connection = HTTPConnection(try Files.open("/dev/null", .readWrite), server, 0)
    }

    func play(_ flags: UInt8, _ script: ArraySlice<UInt8>) {
        let owner = Owner()
        let function = function(hasExtension: flags & 1 != 0)
        let snapshot = Snapshot(function)
        let isRestored = flags & 16 != 0
        if isRestored { snapshot.state = .ready(Snapshot.Ready(Self.memo, nil, tookUS: nil)) }
        let environment = Environment(function, engine, owner, from: isRestored ? snapshot : nil)
        var capturesLeft = 0
        if flags & 48 == 32 {
            capturesLeft = 1
            environment.maker = Maker(snapshot) { _ in capturesLeft -= 1 }
        }
        let callers = (0..<2).map { _ in Caller() }
        owner.waiting = callers.enumerated().map { index, caller in
            let invocation = Invocation(
                environment.function, payload: Array("{}".utf8), requestID: "\(index + 1)", traceID: "t", caller)
            invocation.isStreamed = flags & 2 != 0
            invocation.wantsLogTail = flags & 4 != 0
            return invocation
        }
        var given = GivenDescriptors([], Descriptors(owning: []))
        environment.sandboxStarted(steps: [], &given)
        if flags & 8 != 0, !environment.isBeingCaptured, let first = owner.waiting.popLast() {
            environment.invoke(first)
        }
        for part in script.split(separator: UInt8(ascii: "~"), maxSplits: 16) {
            if part.first == UInt8(ascii: "!") {
                for process in environment.processes { environment.processEnded(process.number, .exited(1)) }
                if environment.phase == .broken, let next = owner.waiting.popLast() { environment.invoke(next) }
            } else if part.first == UInt8(ascii: "+") {
                environment.sandboxRestored()
                environment.sandboxCaptured(CaptureFigures())
            } else if part.first == UInt8(ascii: "-") {
                environment.sandboxNotRestored(Refusal(.snapshot, "x"))
                environment.sandboxNotCaptured(Refusal(.snapshot, "x"))
            } else {
                send(part, to: environment)
            }
        }
        environment.sandboxEnded(Outcome(reason: .killed, wallNS: 1, cpuUS: 1, peakMemory: nil))
        precondition(owner.hasEnded && capturesLeft == 0)
        for (index, caller) in callers.enumerated() {
            let isLeft = owner.waiting.contains { $0.requestID == "\(index + 1)" }
            precondition(caller.ends == (isLeft ? 0 : 1))
        }
        engine.flushLogs()
        warden.drain()
    }

    private static let memo: SnapshotMemo = {
        var memo = SnapshotMemo()
        memo.processes = [.init(number: 1, name: nil)]
        memo.connections = [.init(port: nil, pending: .restoreNext)]
        return memo
    }()

    private func function(hasExtension: Bool) -> FunctionVersion {
        var figures = ContentFigures()
        if hasExtension { figures.extensions = ["one"] }
        return FunctionVersion(
            name: "f", revision: "r", configuration: FunctionConfiguration(),
            content: FunctionContent(directory: "/nowhere", figures, isDoomed: false) { _ in },
            modified: WallTime(milliseconds: 0))
    }

    /// Zeros stand for the identifier of the first extension, which nobody can guess.
    private static let placeholder = Array("00000000-0000-0000-0000-000000000000".utf8)

    private func send(_ part: ArraySlice<UInt8>, to environment: Environment) {
        var bytes = Array(part)
        if let identifier = environment.extensions.identifiers.first,
            let start = bytes.indices.first(where: { bytes[$0...].starts(with: Self.placeholder) })
        {
            bytes.replaceSubrange(start..<start + Self.placeholder.count, with: Array(identifier.utf8))
        }
        var parser = HTTPParser(.requests)
        parser.feed(bytes)
        var exchange: HTTPExchange?
        var plan = BodyPlan.collect(limit: 0)
        while let event = try? parser.next() {
            switch event {
            case .head(let head):
                let new = HTTPExchange(head, connection)
                plan = environment.api.plan(new)
                exchange = new
            case .body(let body):
                switch plan {
                case .pass(let receiver): _ = receiver.receive(body)
                case .collect(let limit):
                    if (exchange?.body.count ?? 0) + body.count > limit { exchange?.isTooLarge = true }
                    if exchange?.isTooLarge == false { exchange?.body += body }
                }
            case .end(let trailers):
                switch plan {
                case .pass(let receiver): receiver.end(trailers: trailers)
                case .collect: if let exchange, !exchange.isAnswered { environment.api.serve(exchange) }
                }
                exchange = nil
            }
        }
        // The connection ends in the middle.
        if exchange != nil, case .pass(let receiver) = plan { receiver.cut() }
    }
}
