// Reads the head of a message: a line, then fields, each ended by CR and LF and by nothing else. What two readers could
// understand in two ways (folded lines, two lengths, a length beside chunks) is refused: nothing hides behind it.

struct HTTPHeadParser {
    let kind: HTTPParser.Kind
    let limits: HTTPLimits

    /// - Parameter bytes: the head with its empty line
    func parse(_ bytes: [UInt8]) throws(HTTPError) -> HTTPHead {
        var position = 0
        let line = try Self.line(bytes, &position)
        var head = HTTPHead(fields: HTTPFields(bytes: bytes), body: .none)
        let isOld: Bool
        switch kind {
        case .requests: isOld = try requestLine(bytes, line, &head)
        case .responses: isOld = try statusLine(bytes, line, &head)
        }
        head.fields = try fields(bytes, from: position)
        try finish(&head, isOld: isOld)
        return head
    }

    /// Fields up to the empty line, of a head or of trailers.
    func fields(_ bytes: [UInt8], from start: Int) throws(HTTPError) -> HTTPFields {
        var fields = HTTPFields(bytes: bytes)
        var position = start
        while true {
            let line = try Self.line(bytes, &position)
            if line.isEmpty { return fields }
            if fields.count == limits.fields { throw HTTPError(431, "more than \(limits.fields) header fields") }
            guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")), colon > line.lowerBound else {
                throw HTTPError(400, "a header field without a name")
            }
            guard bytes[line.lowerBound..<colon].allSatisfy(\.isTokenCharacter) else {
                throw HTTPError(400, "a header field whose name is not one")
            }
            var value = colon + 1..<line.upperBound
            while let first = value.first, bytes[first].isBlank { value.removeFirst() }
            while let last = value.last, bytes[last].isBlank { value.removeLast() }
            fields.add(name: line.lowerBound..<colon, value: value)
        }
    }

    private static func line(_ bytes: [UInt8], _ position: inout Int) throws(HTTPError) -> Range<Int> {
        var end = position
        while end < bytes.count, bytes[end] != 13 {
            let byte = bytes[end]
            if byte < 32 && byte != 9 || byte == 127 { throw HTTPError(400, "a control character in the head") }
            end += 1
        }
        guard end + 1 < bytes.count, bytes[end + 1] == 10 else { throw HTTPError(400, "a line that does not end") }
        defer { position = end + 2 }
        return position..<end
    }

    // MARK: the first line

    private func requestLine(
        _ bytes: [UInt8], _ line: Range<Int>, _ head: inout HTTPHead
    ) throws(HTTPError) -> Bool {
        guard let first = bytes[line].firstIndex(of: 32), let last = bytes[line].lastIndex(of: 32), first < last else {
            throw HTTPError(400, "a request line that is not METHOD TARGET VERSION")
        }
        let method = bytes[line.lowerBound..<first]
        guard !method.isEmpty, method.allSatisfy(\.isTokenCharacter) else {
            throw HTTPError(400, "a method whose name is not one")
        }
        head.method = HTTPMethod(method)
        let target = bytes[first + 1..<last]
        if target.count > limits.target { throw HTTPError(414, "a target of more than \(limits.target) bytes") }
        guard target.first == UInt8(ascii: "/") || target.equals("*"),
            target.allSatisfy({ $0 > 32 && $0 < 127 })
        else { throw HTTPError(400, "a target that is not a path") }
        head.targetPlace = first + 1..<last
        return try version(bytes[last + 1..<line.upperBound])
    }

    private func statusLine(
        _ bytes: [UInt8], _ line: Range<Int>, _ head: inout HTTPHead
    ) throws(HTTPError) -> Bool {
        guard line.count >= 12, bytes[line.lowerBound + 8] == 32 else { throw HTTPError(502, "no status line") }
        let digits = bytes[line.lowerBound + 9..<line.lowerBound + 12]
        guard digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { throw HTTPError(502, "a status that is no number") }
        head.status = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
        return try version(bytes[line.lowerBound..<line.lowerBound + 8])
    }

    /// True for HTTP/1.0, whose connections end with their first answer.
    private func version(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> Bool {
        if bytes.equals("HTTP/1.1") { return false }
        if bytes.equals("HTTP/1.0") { return true }
        throw HTTPError(bytes.begins(with: "HTTP/") ? 505 : 400, "a version that is not HTTP/1.1")
    }

    // MARK: what the fields mean for the connection

    private func finish(_ head: inout HTTPHead, isOld: Bool) throws(HTTPError) {
        let fields = head.fields
        var (isToClose, isToStay) = (false, false)
        var length: Int?
        var isChunked = false
        for place in fields.places {
            switch place.name.count {
            case 10 where fields.matches(place.name, "connection"):
                for word in fields.text(place.value).lowercased().split(separator: ",") {
                    switch word.trimmingBlanks {
                    case "close": isToClose = true
                    case "keep-alive": isToStay = true
                    default: break
                    }
                }
            case 14 where fields.matches(place.name, "content-length"):
                guard let one = Self.number(fields.bytes[place.value]), length == nil || length == one else {
                    throw HTTPError(400, "a Content-Length that is no number, or two that differ")
                }
                length = one
            case 17 where fields.matches(place.name, "transfer-encoding"):
                guard fields.text(place.value).lowercased() == "chunked", !isChunked else {
                    throw HTTPError(501, "a Transfer-Encoding that is not chunked")
                }
                isChunked = true
            default: break
            }
        }
        // Whoever closes has the last word, wherever it stands.
        head.isLastOnConnection = isToClose || isOld && !isToStay
        // HTTP/1.0 has no chunks: whoever passed this on may have understood it in another way (RFC 9112, 6.1).
        if isChunked, isOld { throw HTTPError(400, "a Transfer-Encoding in HTTP/1.0") }
        if isChunked, length != nil { throw HTTPError(400, "a Content-Length beside a Transfer-Encoding") }
        if let length, length > limits.body { throw HTTPError(413, "a body of more than \(limits.body) bytes") }
        head.body = isChunked ? .chunked : length.map { $0 > 0 ? .counted($0) : .none } ?? .none
        if kind == .responses, !isChunked, length == nil, head.status != 204, head.status >= 200 {
            head.body = .untilClosed
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= 48, digit <= 57 else { return nil }
            value = value * 10 + Int(digit - 48)
        }
        return value
    }
}

extension HTTPMethod {
    init(_ name: ArraySlice<UInt8>) {
        if name.equals("GET") {
            self = .get
        } else if name.equals("POST") {
            self = .post
        } else if name.equals("PUT") {
            self = .put
        } else if name.equals("DELETE") {
            self = .delete
        } else if name.equals("HEAD") {
            self = .head
        } else if name.equals("PATCH") {
            self = .patch
        } else if name.equals("OPTIONS") {
            self = .options
        } else {
            self = .other
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var rest = drop { $0 == " " || $0 == "\t" }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}

extension UInt8 {
    var isBlank: Bool { self == 32 || self == 9 }
}
