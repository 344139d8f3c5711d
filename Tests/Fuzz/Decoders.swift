// Decoders that are one call each: messages between our processes, JSON, archives, what the kernel says about mounts.

import Archive
import Linux
import Sandbox
import Wire

/// The first byte chooses the kind.
@Sendable func fuzzMessages(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    // What is understood is said again so that it is understood as the same.
    switch choice % 4 {
    case 0:
        guard let request = try? WardenRequest(decoding: rest) else { return }
        precondition((try? WardenRequest(decoding: request.encoded())) == request)
        switch request {
        case .create(let sandbox): _ = sandbox.problem()
        case .start(_, let process): _ = process.problem()
        case .capture(_, let capture): _ = capture.problem()
        default: break
        }
    case 1:
        guard let reply = try? WardenReply(decoding: rest) else { return }
        precondition((try? WardenReply(decoding: reply.encoded())) == reply)
    case 2:
        guard let request = try? InitRequest(decoding: rest) else { return }
        precondition((try? InitRequest(decoding: request.encoded())) == request)
    default:
        guard let report = try? InitReport(decoding: rest) else { return }
        precondition((try? InitReport(decoding: report.encoded())) == report)
    }
}

/// One message of each kind, as it is sent.
func writeSeeds(to directory: String) {
    let sandbox = SandboxRequest(
        id: 7, command: ["/bin/sh"], environment: ["A=b"], root: "/r", code: "/c", layers: ["/l"], memoryMB: 256,
        tmpMB: 64, timeoutMS: 1500)
    let process = ProcessRequest(number: 3, command: ["/bootstrap"], environment: ["A=b"])
    let requests: [WardenRequest] = [
        .create(sandbox), .start(id: 1, process), .signal(id: 3, process: 2, number: 15), .killAll(id: 4),
        .settle(id: 5), .socket(id: 6), .kill(id: 9), .sweep,
        .capture(id: 10, CaptureRequest(snapshot: "a@1", memo: "m")), .restore(id: 11), .describeSnapshot("a"),
        .removeSnapshot("b"), .releaseSnapshot("c"), .listSnapshots, .learn(id: 12),
    ]
    let steps = [Step(side: .inside, name: "b", start: 3, end: 4)]
    let replies: [WardenReply] = [
        .started(id: 1, steps: steps, given: Given.allCases), .swept(5), .processStarted(id: 1, process: 2),
        .processEnded(id: 1, process: 2, .signalled(9)), .socket(id: 3), .refused(id: 2, Refusal(.step, "x")),
        .processRefused(id: 2, process: 7, Refusal(.notFound, "x")),
        .ended(id: 4, Outcome(reason: .timedOut, wallNS: 1, cpuUS: 2, peakMemory: 3)),
        .captured(id: 5, CaptureFigures()), .notCaptured(id: 6, Refusal(.snapshot, "x")), .restored(id: 7),
        .notRestored(id: 8, Refusal(.snapshot, "x")), .snapshotDescribed("a"), .snapshotRemoved("b"),
    ]
    let inits: [InitRequest] = [
        .go(handed: [.root]), .signal(process: 0, number: 2), .start(process), .killAll, .socket, .restore,
    ]
    let reports: [InitReport] = [
        .started(steps: steps), .refused(Refusal(.step, "x")), .exited(status: 1), .signalled(number: 9),
        .processStarted(1, pid: 2), .processRefused(2, Refusal(.notFound, "x")), .processEnded(3, .exited(1)), .socket,
        .restored([InsideProcess(number: 1, pid: 2)]), .notRestored(Refusal(.snapshot, "x")),
    ]
    let all: [[UInt8]] =
        requests.map { [0] + $0.encoded() } + replies.map { [1] + $0.encoded() } + inits.map { [2] + $0.encoded() }
        + reports.map { [3] + $0.encoded() }
    for (index, bytes) in all.enumerated() {
        try? Trees.replace("\(directory)/message-\(index)", with: bytes)
    }
}

/// Both readers of JSON agree, and what is understood is written so that it is understood again.
@Sendable func fuzzJSON(_ bytes: [UInt8]) {
    var wrong: JSONError?
    do throws(JSONError) { try JSON.validate(bytes) } catch { wrong = error }
    do throws(JSONError) {
        let value = try JSON(parsing: bytes)
        precondition(wrong == nil)
        precondition((try? JSON(parsing: value.bytes)) == value)
    } catch {
        let isUnheld = [.loneSurrogate, .numberTooLarge, .tooManyValues].contains(error.problem)
        precondition(isUnheld || error == wrong)
    }
    // Bytes have one form in base64, so what is understood is written as it was.
    if let plain = try? Base64.decode(bytes, limit: 4096) { precondition(Base64.encode(plain) == bytes) }
}

/// Whatever a packed text says, no more comes of it than is allowed.
@Sendable func fuzzInflate(_ bytes: [UInt8]) {
    for limit in [100, 1_000_000] {
        if let plain = try? Inflate.all(bytes[...], limit: limit) { precondition(plain.count <= limit) }
    }
}

/// What is taken keeps its promises: sizes within the limit, paths and links inside the tree.
@Sendable func fuzzArchive(_ bytes: [UInt8]) {
    guard let archive = try? ZipReader(bytes, limits: .init(totalSize: 1_000_000)) else { return }
    var total = 0
    for entry in archive.entries {
        let parts = entry.path.split(separator: "/", omittingEmptySubsequences: false)
        precondition(parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." })
        if case .symlink(let target) = entry.kind { precondition(target.utf8.first != UInt8(ascii: "/")) }
        if let contents = try? archive.bytes(of: entry) { precondition(contents.count == entry.size) }
        total += entry.size
    }
    precondition(total <= 1_000_000)
}

@Sendable func fuzzMounts(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = Hierarchies(mounts: text, membership: text, named: nil)
}
