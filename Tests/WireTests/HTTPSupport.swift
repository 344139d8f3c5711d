import Testing
import Wire

/// What a parser makes of a text, in words, the parts of a body put together.
func understood(
    _ text: String, _ kind: HTTPParser.Kind = .requests, piece: Int = .max, limits: HTTPLimits = HTTPLimits(),
    closed: Bool = false
) throws(HTTPError) -> [String] {
    var parser = HTTPParser(kind, limits: limits)
    var words: [String] = []
    var body = ""
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        parser.feed(rest.prefix(piece))
        rest = rest.dropFirst(piece)
        try take(from: &parser, &words, &body)
    }
    if closed {
        words.append(parser.close() ? "closed" : "cut")
        try take(from: &parser, &words, &body)
    }
    if parser.isInside { words.append("…") }
    return words
}

private func take(from parser: inout HTTPParser, _ words: inout [String], _ body: inout String) throws(HTTPError) {
    while let event = try parser.next() {
        switch event {
        case .head(let head): words.append(head.target.isEmpty ? String(head.status) : "\(head.method) \(head.target)")
        case .body(let part): body += String(decoding: part, as: UTF8.self)
        case .end(let trailers):
            if !body.isEmpty { words.append("[\(body)]") }
            body = ""
            words.append(trailers.count == 0 ? "end" : "end with \(trailers.count)")
        }
    }
}

/// The status with which a text is refused, whole and byte by byte; nil when it is not, or not in both.
func refusal(
    _ text: String, _ kind: HTTPParser.Kind = .requests, limits: HTTPLimits = HTTPLimits()
) -> Int? {
    var statuses: [Int?] = []
    for piece in [Int.max, 1] {
        do throws(HTTPError) {
            _ = try understood(text, kind, piece: piece, limits: limits)
            statuses.append(nil)
        } catch {
            statuses.append(error.status)
        }
    }
    return statuses[0] == statuses[1] ? statuses[0] : nil
}

func head(_ text: String, _ kind: HTTPParser.Kind = .requests) throws -> HTTPHead {
    var parser = HTTPParser(kind)
    parser.feed(Array(text.utf8))
    guard case .head(let head) = try #require(try parser.next()) else {
        throw HTTPError(0, "no head")
    }
    return head
}
