// A client of the control socket that does as little as can be done: what it adds to what is measured is one write and
// one read.

import Glibc
import Linux
import Wire

final class ControlClient {
    private let socket: FileDescriptor
    private var parser = HTTPParser(.responses)
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)

    var raw: Int32 { socket.raw }

    init(_ path: String) throws { socket = try StreamSockets.connect(to: path) }

    static func request(_ method: HTTPMethod, _ target: String, _ body: String = "") -> [UInt8] {
        var writer = HTTPWriter()
        writer.requestLine(method, target)
        writer.put("Host: martlet\r\n")
        writer.body(Array(body.utf8))
        return writer.bytes
    }

    func send(_ request: [UInt8]) throws { try Files.write(request, to: socket.raw, named: "the control socket") }

    struct Answer {
        var status = 0
        var phases = ""
        var body: [UInt8] = []
    }

    /// Waits for the answer to what was sent.
    func receive() throws -> Answer {
        var answer = Answer()
        while true {
            while let event = try parser.next() {
                switch event {
                case .head(let head):
                    (answer.status, answer.phases) = (head.status, head.fields["martlet-phases"] ?? "")
                case .body(let part): answer.body += part
                case .end: return answer
                }
            }
            guard case .count(let count) = Streams.read(socket.raw, into: &buffer) else {
                throw Broken(description: "the control socket was closed")
            }
            parser.feed(buffer[..<count])
        }
    }

    @discardableResult
    func ask(_ request: [UInt8], expecting status: Int) throws -> Answer {
        try send(request)
        let answer = try receive()
        guard answer.status == status else {
            throw Broken(description: "status \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
        }
        return answer
    }
}

struct Broken: Error, CustomStringConvertible {
    let description: String
}
