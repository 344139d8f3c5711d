// The place of attacks that run in clones: a program that waits for its attack is captured once, and each attack is given
// to a fresh clone of it. Held by a warden of its own, whose state directory is the stage.

import Glibc
import IntegrationSupport
import Linux
import Wire

final class Clones {
    let warden: WardenUnderTest
    /// What the warden knows, and nobody inside shall.
    let run: String
    private let stage: Stage
    private let marker: String
    private let host: Int32
    private var nextID: UInt32 = 2
    /// The one that was captured; it waits on.
    private(set) var original: Clone?

    private static let snapshot = "attacker"

    init(on stage: Stage) throws {
        self.stage = stage
        run = "\(stage.directory)/run-\(UInt64.random(in: 0 ... .max))"
        marker = "run=clone-\(UInt64.random(in: 0 ... .max))"
        host = unsafe open("/", O_RDONLY | O_CLOEXEC)
        warden = try WardenUnderTest(
            arguments: ["--run", run], state: stage.directory, environment: ["MARTLET_LEAK=\(stage.leak)"],
            inherited: host)
        let sandbox = try WaitingSandbox(in: warden, request(1))
        let pipe = try Pipe()
        let words = ["/var/task/attacks", "await", marker]
        let process = ProcessRequest(
            number: 1, command: words, environment: Place.armed.map { "\($0)=\($1)" })
        guard case .processStarted = try sandbox.start(process, pipe.writing) else {
            throw Program.Failure(description: "the attacker was not started")
        }
        let connection = try Self.connection(sandbox)
        try warden.send(.capture(id: 1, CaptureRequest(snapshot: Self.snapshot)), streams: [pipe.writing])
        let reply = try warden.first {
            switch $0 {
            case .captured, .notCaptured: true
            default: false
            }
        }.reply
        guard case .captured = reply else { throw Program.Failure(description: "\(reply)") }
        original = Clone(sandbox, connection, pipe)
    }

    deinit {
        original = nil
        try? warden.killNow()
        close(host)
        for pid in HostProcesses.having(marker) { kill(pid, SIGKILL) }
    }

    private func request(_ id: UInt32, for attack: Attack? = nil) -> SandboxRequest {
        var request = SandboxRequest(
            id: id, command: [], root: stage.root, code: stage.code, layers: [stage.layer], memoryMB: 512)
        func option(_ name: String) -> UInt32? {
            guard let options = attack?.options, let place = options.firstIndex(of: name) else { return nil }
            return UInt32(options[place + 1])
        }
        if let memory = option("--memory") { request.memoryMB = memory }
        if let tmp = option("--tmp") { request.tmpMB = tmp }
        if attack != nil {
            let seconds = option("--timeout") ?? UInt32(Place.secondsForAttack * Binaries.patience)
            request.timeoutMS = UInt64(seconds) * 1000
        }
        return request
    }

    /// The program has connected to where the Runtime API is, and waits.
    private static func connection(_ sandbox: WaitingSandbox) throws -> FileDescriptor {
        var ready = pollfd(fd: try sandbox.descriptor(.runtimeAPI), events: Int16(POLLIN), revents: 0)
        let isThere = unsafe poll(&ready, 1, 10_000 * Int32(Binaries.patience)) == 1
        guard isThere, let connection = try StreamSockets.accept(ready.fd) else {
            throw Program.Failure(description: "nobody connects")
        }
        return connection
    }

    // MARK: clones

    /// One that waits for what it shall be.
    final class Clone {
        let sandbox: WaitingSandbox
        let output: Pipe
        fileprivate let connection: FileDescriptor

        fileprivate init(_ sandbox: WaitingSandbox, _ connection: consuming FileDescriptor, _ output: Pipe) {
            (self.sandbox, self.output) = (sandbox, output)
            self.connection = connection
        }

        func tell(_ line: String) throws {
            try Files.write(Array((line + "\n").utf8), to: connection.raw, named: "a clone")
        }
    }

    func clone(for attack: Attack? = nil) throws -> Clone {
        defer { nextID += 1 }
        var request = request(nextID, for: attack)
        request.snapshot = Self.snapshot
        let sandbox = try WaitingSandbox(in: warden, request)
        let (id, pipe) = (sandbox.id, try Pipe())
        try warden.send(.restore(id: id), streams: [pipe.writing])
        let reply = try warden.first {
            switch $0 {
            case .restored(id), .notRestored(id, _), .ended(id, _): true
            default: false
            }
        }.reply
        guard case .restored = reply else { throw Program.Failure(description: "\(reply)") }
        return Clone(sandbox, try Self.connection(sandbox), pipe)
    }

    func end(_ clone: Clone) throws {
        try warden.send(.kill(id: clone.sandbox.id))
        _ = try warden.end(of: clone.sandbox.id)
    }

    /// Gives the attack to a fresh clone, and judges it by what it says and by what it leaves running.
    func run(_ attack: Attack, aims: [String], beside others: [Int32] = []) throws -> Verdict {
        // The one that was captured bears the marker too.
        if let original {
            try end(original)
            self.original = nil
        }
        let clone = try clone(for: attack)
        let words = [attack.name] + aims + ["code=/var/task", "layer=/opt"]
        try clone.tell(words.joined(separator: " "))
        let id = clone.sandbox.id
        let reply = try warden.first {
            switch $0 {
            case .processEnded(id, 1, _), .ended(id, _): true
            default: false
            }
        }.reply
        if case .processEnded = reply { try end(clone) }
        if attack.theme == "escapees" { usleep(200_000) }
        if Place.hasSurvivors(marker, except: others) { return .through("processes outlived it") }
        let output = clone.output.text()
        return Place.judge(attack, Self.status(reply), output, "\(reply): \(trimmed(output))")
    }

    /// As `martlet exec` would tell it.
    private static func status(_ reply: WardenReply) -> Int32? {
        switch reply {
        case .processEnded(_, _, .exited(let status)): Int32(status)
        case .processEnded(_, _, .signalled(let number)): 128 + Int32(number)
        case .ended(_, let outcome) where outcome.reason == .timedOut: 124
        case .ended(_, let outcome) where outcome.reason == .outOfMemory: 123
        default: nil
        }
    }
}
