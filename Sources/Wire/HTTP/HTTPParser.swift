// HTTP/1.1 from bytes, in whatever pieces they come. Pure: it is fed, and asked for what is next. After an error the
// connection is of no more use, because nobody knows where its next message begins.

package struct HTTPParser: Sendable {
    package enum Kind: Sendable {
        case requests, responses
    }

    package enum Event: Sendable {
        case head(HTTPHead)
        /// A part of the body, as soon as it is there.
        case body(ArraySlice<UInt8>)
        case end(trailers: HTTPFields)
    }

    private enum State {
        case head
        case counted(left: Int)
        case chunkSize
        case chunk(left: Int)
        case chunkEnd
        case trailers
        case untilClosed
        case end
    }

    private let kind: Kind
    private let limits: HTTPLimits
    private var state = State.head
    private var buffer: [UInt8] = []
    /// Where what has not been understood yet begins.
    private var start = 0
    /// How far the end of the head has been looked for, so that a head that comes byte by byte is not read again and again.
    private var searched = 0
    private var bodySize = 0

    package init(_ kind: Kind, limits: HTTPLimits = HTTPLimits()) {
        self.kind = kind
        self.limits = limits
    }

    /// Bytes that were fed and not given out yet.
    package var backlog: Int { buffer.count - start }

    /// Whether a message has begun and is not whole yet.
    package var isInside: Bool {
        if case .head = state { return backlog > 0 }
        return true
    }

    package mutating func feed(_ bytes: [UInt8]) { feed(bytes[...]) }

    package mutating func feed(_ bytes: ArraySlice<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            (start, searched) = (0, 0)
        } else if start > 64 * 1024 {
            buffer.removeFirst(start)
            (start, searched) = (0, searched - start)
        }
        buffer.append(contentsOf: bytes)
    }

    /// What comes next, or nil when more bytes are needed for it.
    package mutating func next() throws(HTTPError) -> Event? {
        while true {
            switch state {
            case .head: return try head()
            case .counted(let left):
                guard let part = take(left) else { return nil }
                state = part.count == left ? .end : .counted(left: left - part.count)
                return .body(part)
            case .chunkSize:
                guard let size = try chunkSize() else { return nil }
                state = size == 0 ? .trailers : .chunk(left: size)
            case .chunk(let left):
                guard let part = take(left) else { return nil }
                state = part.count == left ? .chunkEnd : .chunk(left: left - part.count)
                return .body(part)
            case .chunkEnd:
                guard let line = try line(limit: 2) else { return nil }
                guard line.isEmpty else { throw HTTPError(400, "a chunk that is longer than it said") }
                state = .chunkSize
            case .trailers:
                guard let end = try endOfFields(limit: limits.trailers, mayBeEmpty: true) else { return nil }
                let bytes = Array(buffer[start..<end])
                consume(to: end)
                state = .head
                let parser = HTTPHeadParser(kind: kind, limits: limits)
                return .end(trailers: bytes.count == 2 ? .none : try parser.fields(bytes, from: 0))
            case .untilClosed:
                guard let part = take(Int.max) else { return nil }
                return .body(part)
            case .end:
                state = .head
                return .end(trailers: .none)
            }
        }
    }

    /// The connection has ended. True when that is where a message may end.
    package mutating func close() -> Bool {
        switch state {
        case .untilClosed:
            state = .end
            return true
        case .head: return backlog == 0
        default: return false
        }
    }

    private mutating func head() throws(HTTPError) -> Event? {
        // An empty line ahead of a request is forgiven (RFC 9112, 2.2).
        while backlog >= 2, buffer[start] == 13, buffer[start + 1] == 10 { consume(to: start + 2) }
        guard backlog > 0, let end = try endOfFields(limit: limits.head, mayBeEmpty: false) else { return nil }
        let bytes = Array(buffer[start..<end])
        let head = try HTTPHeadParser(kind: kind, limits: limits).parse(bytes)
        consume(to: end)
        bodySize = 0
        switch head.body {
        case .none: state = .end
        case .counted(let count): state = .counted(left: count)
        case .chunked: state = .chunkSize
        case .untilClosed: state = .untilClosed
        }
        return .head(head)
    }

    /// The place behind an empty line.
    private mutating func endOfFields(limit: Int, mayBeEmpty: Bool) throws(HTTPError) -> Int? {
        if mayBeEmpty, backlog >= 2, buffer[start] == 13, buffer[start + 1] == 10 { return start + 2 }
        var position = max(start, searched - 3)
        while position + 3 < buffer.count {
            if buffer[position + 3] > 13 {
                position += 4
            } else if buffer[position] == 13, buffer[position + 1] == 10, buffer[position + 2] == 13,
                buffer[position + 3] == 10
            {
                guard position + 4 - start <= limit else { break }
                return position + 4
            } else {
                position += 1
            }
        }
        // Not past the first place of which not all four bytes were seen.
        searched = max(start, min(position, buffer.count))
        if backlog > limit { throw HTTPError(431, "a head of more than \(limit) bytes") }
        return nil
    }

    private mutating func chunkSize() throws(HTTPError) -> Int? {
        guard let line = try line(limit: 256) else { return nil }
        var size = 0
        // What follows a semicolon is an extension, which nobody uses.
        let digits = line.prefix { $0 != UInt8(ascii: ";") && !$0.isBlank }
        guard !digits.isEmpty, digits.count <= 8 else { throw HTTPError(400, "a chunk without a size") }
        for digit in digits {
            guard let value = digit.hexDigit else { throw HTTPError(400, "a chunk whose size is no number") }
            size = size << 4 | Int(value)
        }
        bodySize += size
        if bodySize > limits.body { throw HTTPError(413, "a body of more than \(limits.body) bytes") }
        return size
    }

    private mutating func line(limit: Int) throws(HTTPError) -> ArraySlice<UInt8>? {
        let window = buffer[start..<min(buffer.count, start + limit)]
        guard let end = window.firstIndex(of: 10) else {
            if window.count == limit { throw HTTPError(400, "a line of a chunk that is too long") }
            return nil
        }
        guard end > start, buffer[end - 1] == 13 else { throw HTTPError(400, "a line that does not end in CR LF") }
        let line = buffer[start..<end - 1]
        consume(to: end + 1)
        return line
    }

    private mutating func take(_ most: Int) -> ArraySlice<UInt8>? {
        guard backlog > 0 else { return nil }
        let end = start + min(backlog, most)
        let part = buffer[start..<end]
        consume(to: end)
        return part
    }

    private mutating func consume(to position: Int) {
        start = position
        searched = position
    }
}
