// A warden and the runtimes of its sandboxes, played by the test: what the supervisor asks is noted and answered as the
// test likes, and connections to the Runtime API are the test's own. Everything is on one loop, in one thread.

import Glibc
import Lambda
import Linux
import Reactor
import Wire

@testable import Environments

final class FakeWarden: Watched {
    let loop: EventLoop
    let link: WardenLink
    private let socket: MessageSocket
    private let directory: String
    /// Sandboxes by number.
    private(set) var sandboxes: [UInt32: FakeSandbox] = [:]
    /// All that was asked, in words.
    private(set) var asked: [String] = []
    private(set) var memos: [String: String] = [:]
    /// How many came with each capture.
    private(set) var captureDescriptors: [Int] = []

    /// How the next requests are answered; nothing: as a warden does with whom all goes well.
    var refusesCapture: Refusal?
    var refusesRestore: Refusal?
    /// Captures of these come to no end.
    var hangsCapturesOf: Set<String> = []
    var refusesSnapshots: Refusal?
    /// Runtimes: whether they ask for their restore, and what they are after it.
    var knowsSnapStart = true
    var hookFails = false
    /// After a restore nothing comes.
    var isMute = false
    /// Its runtime connects, but never runs: the restore fails behind that.
    var failsLate: Refusal?
    private var later: Timer?
    /// It is started, and comes to no end; the warden says so.
    var timesOut = false
    /// It is restored, and ends at once.
    var crashes = false

    init(_ loop: EventLoop, _ directory: String) throws {
        self.loop = loop
        self.directory = directory
        let ends = try MessageSocket.pair()
        link = try WardenLink(MessageSocket(raw: ends.here), loop)
        socket = MessageSocket(raw: ends.there)
        _ = try loop.watch(socket.raw, self, chargedTo: .engine)
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        while let reception = try? socket.receive(block: false) {
            guard case .message(let message) = reception else { return }
            guard let request = try? WardenRequest(decoding: message.bytes) else { continue }
            if case .capture = request { captureDescriptors.append(message.descriptors.count) }
            hear(request)
        }
    }

    func send(_ reply: WardenReply, _ raws: [Int32] = []) {
        do {
            try socket.send(reply.encoded(), descriptors: raws)
        } catch {
            fatalError("\(error)")
        }
    }

    private func hear(_ request: WardenRequest) {
        switch request {
        case .create(let request): create(request)
        case .start(let id, let process): start(id, process)
        case .kill(let id): end(id)
        case .killAll(let id):
            asked.append("killAll")
            sandboxes[id]?.runtime = nil
            for number in sandboxes[id]?.processes ?? [] {
                send(.processEnded(id: id, process: number, .signalled(9)))
            }
            sandboxes[id]?.processes = []
        case .capture(let id, let capture):
            asked.append("capture \(capture.snapshot)")
            if let refusesCapture { return send(.notCaptured(id: id, refusesCapture)) }
            if hangsCapturesOf.contains(where: { capture.snapshot.hasPrefix("\($0)@") }) { return }
            memos[capture.snapshot] = capture.memo
            send(.captured(id: id, CaptureFigures()))
        case .restore(let id): restore(id)
        case .describeSnapshot(let name):
            asked.append("describe \(name)")
            describe(name, memos[name].map { JSON.object([("memo", .text($0)), ("threads", .list([]))]) })
        case .listSnapshots: describe("", .list(memos.keys.sorted().map(JSON.text)))
        case .removeSnapshot(let name):
            asked.append("remove \(name)")
            memos[name] = nil
        case .releaseSnapshot(let name): asked.append("release \(name)")
        case .settle, .signal, .socket, .sweep, .learn: break
        }
    }

    private func describe(_ name: String, _ json: JSON?) {
        guard let json else { return send(.snapshotDescribed(name)) }
        let file = try! Files.open("\(directory)/description", [.readWrite, .create], mode: 0o600)
        _ = ftruncate(file.raw, 0)
        try! Files.write(json.bytes, to: file.raw, named: "description")
        _ = lseek(file.raw, 0, SEEK_SET)
        send(.snapshotDescribed(name), [file.raw])
    }

    private func create(_ request: SandboxRequest) {
        asked.append(request.snapshot == nil ? "create" : "create shell")
        if request.snapshot != nil, let refusesSnapshots { return send(.refused(id: request.id, refusesSnapshots)) }
        let path = "\(directory)/\(request.id)"
        let listener = try! StreamSockets.listen(at: path)
        sandboxes[request.id] = FakeSandbox(path: path, snapshot: request.snapshot)
        send(.started(id: request.id, steps: [], given: [.runtimeSocket]), [listener.raw])
    }

    private func start(_ id: UInt32, _ process: ProcessRequest) {
        let isSnapStart = process.environment.contains("AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")
        asked.append("start")
        guard let sandbox = sandboxes[id] else { return }
        sandbox.processes.append(process.number)
        send(.processStarted(id: id, process: process.number))
        if timesOut {
            sandboxes[id] = nil
            return send(.ended(id: id, Outcome(reason: .timedOut, wallNS: 0, cpuUS: 0, peakMemory: 0)))
        }
        sandbox.warmsUp = process.environment.contains("MARTLET_WARM_UP=1")
        sandbox.connect(loop)
        sandbox.runtime?.hookFails = hookFails
        sandbox.runtime?.ask(isSnapStart && knowsSnapStart && !sandbox.warmsUp ? "restore" : "invocation")
    }

    private func restore(_ id: UInt32) {
        asked.append("restore")
        guard let sandbox = sandboxes[id] else { return }
        if let refusesRestore { return send(.notRestored(id: id, refusesRestore)) }
        if let failsLate {
            sandbox.connect(loop)
            sandbox.runtime?.isDeaf = true
            later = loop.after(20_000_000) { [weak self] in self?.send(.notRestored(id: id, failsLate)) }
            return
        }
        sandbox.processes = [1]
        if !isMute {
            // It asked before it was captured, and does not ask again.
            sandbox.connect(loop)
            sandbox.runtime?.hookFails = hookFails
        }
        send(.restored(id: id))
        if crashes { send(.processEnded(id: id, process: 1, .signalled(11))) }
    }

    func end(_ id: UInt32) {
        asked.append("kill")
        sandboxes[id] = nil
        send(.ended(id: id, Outcome(reason: .killed, wallNS: 0, cpuUS: 0, peakMemory: 0)))
    }
}

final class FakeSandbox {
    let path: String
    let snapshot: String?
    var processes: [UInt32] = []
    var runtime: FakeRuntime?
    var warmsUp = false

    init(path: String, snapshot: String?) { (self.path, self.snapshot) = (path, snapshot) }

    func connect(_ loop: EventLoop) { runtime = try! FakeRuntime(StreamSockets.connect(to: path), loop) }
}

/// Answers each event with what it was; does what a runtime does.
final class FakeRuntime: Watched {
    private let descriptor: FileDescriptor
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    private var parser = HTTPParser(.responses)
    private var head: HTTPHead?
    private var body: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 65536)
    var hookFails = false
    var isDeaf = false

    init(_ descriptor: consuming FileDescriptor, _ loop: EventLoop) throws {
        self.descriptor = descriptor
        self.loop = loop
        _ = fcntl(self.descriptor.raw, F_SETFL, O_NONBLOCK)
        registration = try loop.watch(self.descriptor.raw, self, chargedTo: .engine)
    }

    deinit {
        if let registration { loop.forget(registration) }
    }

    func ask(_ what: String) { send("GET /2018-06-01/runtime/\(what)/next HTTP/1.1\r\nHost: r\r\n\r\n") }

    private func send(_ text: String) { _ = Streams.write(descriptor.raw, Array(text.utf8), from: 0) }

    private func post(_ path: String, _ body: String, _ fields: String = "") {
        send(
            "POST /2018-06-01/runtime/\(path) HTTP/1.1\r\nHost: r\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        guard !isDeaf, case .count(let count) = Streams.read(descriptor.raw, into: &buffer) else { return }
        parser.feed(buffer[..<count])
        while let event = try? parser.next() {
            switch event {
            case .head(let head): (self.head, body) = (head, [])
            case .body(let part): body += part
            case .end: if let head { hear(head) }
            }
        }
    }

    private func hear(_ head: HTTPHead) {
        switch (head.status, head.fields["lambda-runtime-aws-request-id"]) {
        case (200, let id?):
            post("invocation/\(id)/response", String(decoding: body, as: UTF8.self))
            ask("invocation")
        case (200, nil):
            // It is restored: hooks run.
            guard hookFails else { return ask("invocation") }
            post(
                "restore/error", #"{"errorMessage":"no"}"#,
                "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError\r\n")
        case (204, _): ask("restore")
        default: break
        }
    }
}
