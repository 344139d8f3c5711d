// A warden with its other end of the socket in our hands, and a sandbox of it that waits for processes.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

/// A reply and what came with it.
final class Said {
    let reply: WardenReply
    let descriptors: Descriptors

    init(_ reply: WardenReply, _ descriptors: consuming Descriptors) {
        self.reply = reply
        self.descriptors = descriptors
    }
}

final class WardenUnderTest {
    static let state = Binaries.engineEnvironment["MARTLET_STATE"] ?? "/var/lib/martlet"
    static let root = state + "/roots/provided"

    let pid: Int32
    let socket: MessageSocket
    private var isReaped = false
    /// Replies that were read while another was waited for.
    private var unread: [Said] = []

    /// - Parameter inherited: a descriptor that it finds open under the number 9
    init(
        arguments: [String] = [], state: String = WardenUnderTest.state, environment: [String] = [],
        inherited: Int32? = nil
    ) throws {
        let ends = try MessageSocket.pair()
        socket = MessageSocket(raw: ends.here)
        let there = FileDescriptor(owning: ends.there)
        var words = ["martlet-warden", "--state", state]
        if let run = Binaries.engineEnvironment["MARTLET_RUN"] { words += ["--run", run] }
        if let group = Binaries.engineEnvironment["MARTLET_CGROUP"] { words += ["--cgroup", group] }
        pid = try Spawn.start(
            Binaries.warden, arguments: words + arguments, environment: environment,
            streams: [(there.raw, 3)] + (inherited.map { [($0, Int32(9))] } ?? []), ownSession: true)
        // A test that waits for what does not come shall fail, not hang.
        var patience = timeval(tv_sec: 20 * Binaries.patience, tv_usec: 0)
        unsafe setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    func send(_ request: WardenRequest, streams: [Int32] = []) throws {
        try socket.send(request.encoded(), descriptors: streams)
    }

    func send(raw bytes: [UInt8], streams: [Int32] = []) throws { try socket.send(bytes, descriptors: streams) }

    /// Makes a sandbox whose streams are /dev/null, or its output ours.
    func create(_ request: SandboxRequest, output: Int32? = nil) throws {
        if request.waits { return try send(.create(request)) }
        let null = try Files.open("/dev/null", .readWrite)
        try send(.create(request), streams: [null.raw, output ?? null.raw, null.raw])
    }

    /// The next reply, nil when the warden has gone or says nothing.
    func reply() throws -> WardenReply? { try said()?.reply }

    private func said() throws -> Said? {
        if !unread.isEmpty { return unread.removeFirst() }
        return try receive()
    }

    private func receive() throws -> Said? {
        switch try socket.receive(limit: WardenReply.longest) {
        case .nothing: return nil
        case .closed: return nil
        case .message(let message):
            return Said(try WardenReply(decoding: message.bytes), message.takeDescriptors())
        }
    }

    /// The first reply that is the one, whatever else comes before it: that stays to be read.
    func first(_ isTheOne: (WardenReply) -> Bool) throws -> Said {
        if let index = unread.firstIndex(where: { isTheOne($0.reply) }) { return unread.remove(at: index) }
        while let said = try receive() {
            if isTheOne(said.reply) { return said }
            unread.append(said)
        }
        throw Silence(before: unread.map(\.reply))
    }

    struct Silence: Error {
        let before: [WardenReply]
    }

    /// The reply that says that this sandbox has ended, or was refused.
    func end(of id: UInt32) throws -> WardenReply? {
        try first { reply in
            switch reply {
            case .ended(id, _), .refused(id, _): true
            default: false
            }
        }.reply
    }

    func waitForExit() throws -> Processes.Ending? {
        isReaped = true
        return try Processes.wait(for: pid)?.ending
    }

    /// Ends it as nothing else can.
    func killNow() throws {
        kill(pid, SIGKILL)
        _ = try waitForExit()
    }

    deinit {
        guard !isReaped else { return }
        kill(pid, SIGKILL)
        _ = try? Processes.wait(for: pid)
    }
}

extension WardenUnderTest {
    /// A sandbox with a command: a shell with this line.
    static func request(_ id: UInt32, _ line: String) -> SandboxRequest {
        SandboxRequest(
            id: id, command: ["/bin/sh", "-c", line], environment: ["PATH=/usr/bin"], root: root, memoryMB: 256)
    }

    struct NotAnEnd: Error {
        let reply: WardenReply?
    }

    static func reason(_ reply: WardenReply?) throws -> Wire.Outcome.Reason {
        guard case .ended(_, let outcome)? = reply else { throw NotAnEnd(reply: reply) }
        return outcome.reason
    }

    /// Waits until it has done all that it does at its start.
    static func settle(_ warden: WardenUnderTest) throws {
        try warden.send(.sweep)
        _ = try warden.first { if case .swept = $0 { true } else { false } }
    }
}

/// A sandbox that has started and waits.
final class WaitingSandbox {
    let warden: WardenUnderTest
    let id: UInt32
    let started: Said
    let given: [Given]

    /// With the memory that brings a whole CPU: a share of one makes of each second of a shell on a slow machine several.
    static func request(_ id: UInt32 = 1) -> SandboxRequest {
        SandboxRequest(id: id, command: [], root: WardenUnderTest.root)
    }

    /// With 256 MB, for what is measured in memory; the CPU is that of any other all the same.
    static func smallRequest(_ id: UInt32 = 1) -> SandboxRequest {
        SandboxRequest(id: id, command: [], root: WardenUnderTest.root, memoryMB: 256, waived: [.cpu])
    }

    init(in warden: WardenUnderTest, _ request: SandboxRequest = WaitingSandbox.request()) throws {
        self.warden = warden
        id = request.id
        try warden.create(request)
        started = try warden.first { reply in
            switch reply {
            case .started(request.id, _, _), .refused(request.id, _), .ended(request.id, _): true
            default: false
            }
        }
        guard case .started(_, _, let given) = started.reply else {
            throw NotStarted(reply: started.reply)
        }
        self.given = given
    }

    struct NotStarted: Error {
        let reply: WardenReply
    }

    /// The descriptor that was given as this.
    func descriptor(_ kind: Given) throws -> Int32 {
        started.descriptors[try #require(given.firstIndex(of: kind))]
    }

    /// Starts a shell with this line, its output into `output`; gives what the warden says to that.
    @discardableResult
    func start(_ number: UInt32, _ line: String, output: Int32? = nil) throws -> WardenReply {
        try start(ProcessRequest(number: number, command: ["sh", "-c", line], environment: ["PATH=/usr/bin"]), output)
    }

    @discardableResult
    func start(_ request: ProcessRequest, _ output: Int32? = nil) throws -> WardenReply {
        let null = try Files.open("/dev/null", .readWrite)
        try warden.send(.start(id: id, request), streams: [null.raw, output ?? null.raw, output ?? null.raw])
        return try answer(to: request.number)
    }

    /// Where the sandbox ends instead, that.
    func answer(to number: UInt32) throws -> WardenReply {
        try warden.first { reply in
            switch reply {
            case .processStarted(self.id, number), .processRefused(self.id, number, _): true
            case .ended(self.id, _), .refused(self.id, _): true
            default: false
            }
        }.reply
    }

    func ending(of number: UInt32) throws -> ProcessEnding {
        let reply = try warden.first { reply in
            switch reply {
            case .processEnded(self.id, number, _), .ended(self.id, _), .refused(self.id, _): true
            default: false
            }
        }.reply
        guard case .processEnded(_, _, let ending) = reply else { throw HasEnded(reply: reply) }
        return ending
    }

    /// What a shell says to this line, trimmed; it is waited for.
    func output(_ number: UInt32, _ line: String) throws -> String {
        let pipe = try Pipe()
        let reply = try start(number, line, output: pipe.writing)
        guard reply == .processStarted(id: id, process: number) else { throw NotStarted(reply: reply) }
        _ = try ending(of: number)
        return trimmed(pipe.text())
    }

    struct HasEnded: Error {
        let reply: WardenReply
    }
}

/// A pipe whose reading never waits.
final class Pipe {
    private let ends: Descriptors
    var writing: Int32 { ends[1] }

    init() throws {
        var raws: [Int32] = [0, 0]
        guard unsafe pipe(&raws) == 0 else { throw HostFiles.Failure.system("pipe") }
        for raw in raws { _ = fcntl(raw, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(raws[0], F_SETFL, O_NONBLOCK)
        ends = Descriptors(owning: raws)
    }

    /// What comes first, waited for; nothing when nothing comes.
    func firstText() -> String {
        var ready = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&ready, 1, 10_000 * Int32(Binaries.patience))
        return text()
    }

    func text() -> String {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(ends[0], &chunk, chunk.count)
        return String(decoding: chunk.prefix(max(0, count)), as: UTF8.self)
    }
}
