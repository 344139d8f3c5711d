// One connection to the control socket that is kept, as a client has that sends event after event.

import Glibc
import Linux
import Wire

final class BenchConnection {
    private let socket: FileDescriptor
    private var parser: HTTPParser
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    private var sentAt: UInt64 = 0
    private var head: HTTPHead?
    private var body: [UInt8] = []

    struct Answer {
        let head: HTTPHead
        let body: [UInt8]
        /// From before the event was sent until the answer was whole.
        let tookUS: UInt64
    }

    init(_ path: String) throws(SystemError) {
        socket = try StreamSockets.connect(to: path)
        var limits = HTTPLimits()
        limits.body = Int.max / 2
        parser = HTTPParser(.responses, limits: limits)
    }

    var raw: Int32 { socket.raw }

    func send(_ request: [UInt8]) throws(CommandFailure) {
        sentAt = Clock.now
        var sent = 0
        while sent < request.count {
            guard let count = Streams.write(socket.raw, request, from: sent) else { throw Self.closed }
            sent += count
        }
    }

    /// What has come; nothing when the answer is not whole yet.
    func receive() throws(CommandFailure) -> Answer? {
        guard case .count(let count) = Streams.read(socket.raw, into: &buffer) else { throw Self.closed }
        parser.feed(buffer[..<count])
        do throws(HTTPError) {
            while let event = try parser.next() {
                switch event {
                case .head(let head): self.head = head
                case .body(let part): body.append(contentsOf: part)
                case .end:
                    guard let head else { continue }
                    defer { (self.head, body) = (nil, []) }
                    return Answer(head: head, body: body, tookUS: (Clock.now - sentAt) / 1000)
                }
            }
        } catch {
            throw CommandFailure(ExitStatus.step, "what answers is no engine: \(error.message)")
        }
        return nil
    }

    func ask(_ request: [UInt8]) throws(CommandFailure) -> Answer {
        try send(request)
        while true {
            if let answer = try receive() { return answer }
        }
    }

    private static let closed = CommandFailure(ExitStatus.unreachable, "the engine closed the connection")
}
