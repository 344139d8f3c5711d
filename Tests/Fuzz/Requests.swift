// HTTP and the addresses and bodies that come with it.

import Lambda
import Wire

@testable import Environments
@testable import Service

/// A text is understood in the same way however it is cut into pieces. The first byte chooses requests or responses, the
/// second the pieces.
@Sendable func fuzzHTTP(_ bytes: [UInt8]) {
    guard bytes.count > 2 else { return }
    let kind: HTTPParser.Kind = bytes[0] & 1 == 0 ? .requests : .responses
    let text = Array(bytes[2...])
    var cut = UInt32(bytes[1])
    let whole = understand(text, kind) { text.count }
    let pieces = understand(text, kind) {
        cut = cut &* 1_103_515_245 &+ 12345
        return 1 + Int(cut >> 16) % (1 << (Int(bytes[1]) % 8))
    }
    precondition(whole == pieces)
    fuzzWriter(text)
}

private func understand(_ text: [UInt8], _ kind: HTTPParser.Kind, _ piece: () -> Int) -> [String] {
    var limits = HTTPLimits()
    // Small ones are reached.
    (limits.head, limits.target, limits.fields, limits.trailers, limits.body) = (512, 128, 16, 256, 2048)
    var parser = HTTPParser(kind, limits: limits)
    var words: [String] = []
    var body: [UInt8] = []
    func takeAll() throws(HTTPError) {
        while let event = try parser.next() {
            switch event {
            case .head(let head):
                precondition(head.target.utf8.count <= limits.target && head.fields.count <= limits.fields)
                words.append("\(head.method) \(head.target) \(head.status) \(head.body) \(head.isLastOnConnection)")
                words.append(head.fields["host"] ?? "")
            case .body(let part): body += part
            case .end(let trailers):
                words.append(String(decoding: body, as: UTF8.self))
                words.append("\(body.count) \(trailers.count)")
                precondition(body.count <= limits.body || kind == .responses)
                body = []
            }
        }
    }
    do throws(HTTPError) {
        var rest = text[...]
        while !rest.isEmpty {
            let count = piece()
            parser.feed(rest.prefix(count))
            rest = rest.dropFirst(count)
            try takeAll()
            precondition(parser.backlog >= 0 && parser.backlog <= text.count)
        }
        words.append("\(parser.isInside) \(parser.close())")
        try takeAll()
    } catch {
        words.append("\(error.status)")
    }
    return words
}

/// No value makes a field of its own, and what is written is read as it was meant.
private func fuzzWriter(_ text: [UInt8]) {
    var writer = HTTPWriter()
    writer.statusLine(200)
    writer.field("X", String(decoding: text, as: UTF8.self))
    writer.put("Transfer-Encoding: chunked\r\n")
    writer.endOfFields()
    writer.chunk(text[...])
    writer.lastChunk(trailers: [("Y", String(decoding: text.reversed(), as: UTF8.self))])
    var parser = HTTPParser(.responses)
    parser.feed(writer.bytes)
    var body: [UInt8] = []
    var ends = 0
    while let event = try? parser.next() {
        switch event {
        case .head(let head): precondition(head.fields.count == 2 && ends == 0)
        case .body(let part): body += part
        case .end(let trailers):
            precondition(trailers.count == 1)
            ends += 1
        }
    }
    precondition(ends == 1 && body == text && parser.backlog == 0)
}

/// The text as an address, inside a sandbox and outside.
@Sendable func fuzzRoutes(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch RuntimeRoute(path: text) {
    case .response(let id), .invocationError(let id): precondition(!id.isEmpty && !id.contains("/"))
    default: break
    }
    switch ControlRoute(path: text) {
    case .function(let name), .invokeFunction(let name), .logs(let name), .environment(let name),
        .invokeEnvironment(let name), .snapshot(let name):
        precondition(isFunctionName(name))
    default: break
    }
    if let plain = percentDecoded(text) { precondition(!plain.utf8.contains(0) && plain.utf8.count <= text.utf8.count) }
    var parser = HTTPParser(.requests)
    parser.feed(Array("GET ".utf8) + bytes + Array(" HTTP/1.1\r\n\r\n".utf8))
    if case .head(let head) = try? parser.next() {
        _ = (head.path, head.query("follow"), head.hasQuery("now"))
    }
    let type = FunctionError.type(fromHeader: text)
    precondition(type.hasPrefix("Runtime.") || type.hasPrefix("Function."))
}

/// Bodies of the control socket and of the Telemetry API: whatever is taken is within its limits.
@Sendable func fuzzConfiguration(_ bytes: [UInt8]) {
    if let options = try? TelemetryOptions(body: bytes) {
        precondition((1000...10_000).contains(options.mostItems) && !options.types.isEmpty)
        if case .http(_, let path, _) = options.destination {
            precondition(path.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        }
    }
    if let memo = SnapshotMemo(String(decoding: bytes, as: UTF8.self)) { precondition(SnapshotMemo(memo.text) == memo) }
    guard let json = try? JSON(parsing: bytes) else { return }
    if let deployment = try? Deployment(json: json) {
        check(deployment.configuration)
        for tree in (deployment.layers ?? []) + [deployment.code].compactMap({ $0 }) {
            if case .files(let files) = tree { precondition(files.allSatisfy { Deployment.isSafePath($0.path) }) }
        }
    }
}

private func check(_ configuration: FunctionConfiguration) {
    precondition(FunctionConfiguration.memoryRange.contains(configuration.memoryMB))
    precondition(FunctionConfiguration.timeoutRange.contains(configuration.timeoutSeconds))
    precondition(!configuration.handler.utf8.contains(0) && !configuration.runtime.contains("/"))
    precondition(configuration.snapshot || configuration.provisioned == 0 && configuration.warmUp.isEmpty)
    precondition(configuration.warmUp.reduce(0) { $0 + $1.utf8.count } <= FunctionConfiguration.mostWarmUpBytes)
    precondition(configuration.environment.allSatisfy { !$0.value.utf8.contains(0) && !$0.name.contains("=") })
    // It is kept on disk in this form.
    precondition((try? FunctionConfiguration(json: .object(configuration.members), others: [])) == configuration)
}
