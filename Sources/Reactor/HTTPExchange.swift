// One request and its answer. Whoever serves it may keep it and answer later; when the other side has gone meanwhile,
// answers go nowhere, and `whenGone` has been called.

package import Wire

package final class HTTPExchange {
    package let head: HTTPHead
    package internal(set) var body: [UInt8] = []
    package internal(set) var isTooLarge = false
    /// Called once if the other side goes before the answer is whole.
    package var whenGone: (() -> Void)?
    /// Called when an answer that is sent in parts has been taken so far.
    package var whenDrained: (() -> Void)?
    /// Let go when the exchange is over: until then each holds the other.
    private var connection: HTTPConnection?
    private var state = State.waiting

    private enum State {
        case waiting, streaming, done
    }

    init(_ head: HTTPHead, _ connection: HTTPConnection) {
        self.head = head
        self.connection = connection
    }

    /// What has been taken in need not be kept until the answer.
    package func forgetBody() { body = [] }

    package var isAnswered: Bool { state != .waiting }
    package var isOpen: Bool { state != .done && connection != nil }

    /// Answers at once and whole.
    /// - Parameter canWait: the answer need not leave before that to the next request, if that has come already
    package func answer(
        _ status: Int, _ fields: [(String, String)] = [], type: String? = "application/json",
        body: [UInt8], canWait: Bool = false
    ) {
        var writer = HTTPWriter(reserving: 256 + body.count)
        writer.statusLine(status)
        if let type { writer.field("Content-Type", type) }
        for (name, value) in fields { writer.field(name, value) }
        finish(&writer, body, canWait, hasLength: status != 204)
    }

    /// The same with a head that was written elsewhere, up to but not including its length.
    package func answer(_ writer: consuming HTTPWriter, _ body: [UInt8]) {
        var writer = writer
        finish(&writer, body, false)
    }

    /// - Parameter hasLength: an answer that can have no body has no length either (RFC 9110, 8.6)
    private func finish(
        _ writer: inout HTTPWriter, _ body: [UInt8], _ canWait: Bool, hasLength: Bool = true
    ) {
        guard state == .waiting, let connection else { return }
        if connection.closesAfterwards { writer.field("Connection", "close") }
        if !hasLength {
            writer.endOfFields()
        } else if head.method == .head {
            writer.field("Content-Length", body.count)
            writer.endOfFields()
        } else {
            writer.body(body)
        }
        state = .done
        connection.send(writer.bytes, canWait: canWait)
        letGo(of: connection)
    }

    private func letGo(of connection: HTTPConnection) {
        self.connection = nil
        (whenGone, whenDrained) = (nil, nil)
        connection.ended(self)
    }

    // MARK: answers in parts

    package func beginStream(_ status: Int, _ fields: [(String, String)] = [], type: String) {
        guard state == .waiting, let connection else { return }
        state = .streaming
        var writer = HTTPWriter()
        writer.statusLine(status)
        writer.field("Content-Type", type)
        for (name, value) in fields { writer.field(name, value) }
        if connection.closesAfterwards { writer.field("Connection", "close") }
        writer.put("Transfer-Encoding: chunked\r\n")
        writer.endOfFields()
        connection.send(writer.bytes)
    }

    package func stream(_ part: [UInt8]) { stream(part[...]) }

    package func stream(_ part: ArraySlice<UInt8>) {
        guard state == .streaming, let connection else { return }
        var writer = HTTPWriter(reserving: part.count + 16)
        writer.chunk(part)
        connection.send(writer.bytes)
    }

    package func endStream(trailers: [(String, String)] = []) {
        guard state == .streaming, let connection else { return }
        var writer = HTTPWriter()
        writer.lastChunk(trailers: trailers)
        state = .done
        connection.send(writer.bytes)
        letGo(of: connection)
    }

    /// Ends an answer in the middle so that the other side sees that it is not whole.
    package func abort() {
        guard let connection else { return }
        state = .done
        self.connection = nil
        connection.close()
    }

    /// Bytes of the answer that the other side has not taken yet.
    package var pending: Int { connection?.pendingOutput ?? 0 }

    /// Stops reading from the other side until `resumeReading`.
    package func pauseReading() { connection?.pause() }
    package func resumeReading() { connection?.resume() }

    func connectionClosed() {
        connection = nil
        guard state != .done else { return }
        state = .done
        let gone = whenGone
        (whenGone, whenDrained) = (nil, nil)
        gone?()
    }
}
