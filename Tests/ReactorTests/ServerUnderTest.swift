// A server on a Unix socket and its clients, all in one thread: the loop is turned until what is waited for is there.

import Glibc
import Linux
import Testing
import Wire

@testable import Reactor

final class ServerUnderTest: HTTPService {
    let loop: EventLoop
    private(set) var server: HTTPServer!
    let path: String
    var plans: (HTTPExchange) -> BodyPlan = { _ in .collect(limit: 1000) }
    var serves: (HTTPExchange) -> Void = { $0.answer(200, type: nil, body: $0.body) }

    init(
        held: Int = 1 << 30, chargedTo payer: Payer = .engine, listens: Bool = true,
        _ change: (inout HTTPServerLimits) -> Void = { _ in }
    ) throws {
        // As in the supervisor: that a peer has gone shows in the result of a write.
        Signals.ignore(SIGPIPE)
        loop = try EventLoop()
        var limits = HTTPServerLimits()
        change(&limits)
        path = "/tmp/martlet-reactor-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        server = HTTPServer(
            loop, self, limits: limits, chargedTo: payer, holdings: Holdings(bytes: held, descriptors: 1000))
        if listens { try server.listen(on: StreamSockets.listen(at: path)) }
    }

    deinit {
        server.closeAll()
        try? Files.remove(path)
    }

    func plan(_ exchange: HTTPExchange) -> BodyPlan { plans(exchange) }
    func serve(_ exchange: HTTPExchange) { serves(exchange) }

    func connect() throws -> Client { Client(try StreamSockets.connect(to: path)) }

    /// Turns the loop until then, at most for some seconds.
    func turn(until isSo: @escaping () -> Bool) throws {
        let end = Clock.now + 5_000_000_000
        func look() {
            if isSo() || Clock.now > end { return loop.stop() }
            _ = loop.after(500_000) { look() }
        }
        look()
        if !isSo() { try loop.run() }
        #expect(isSo(), "it did not come to this in time")
    }

    func turn(for milliseconds: UInt64) throws {
        _ = loop.after(milliseconds * 1_000_000) { [loop] in loop.stop() }
        try loop.run()
    }

    /// What the client has got by then.
    func answers(to client: Client, count: Int = 1) throws -> [String] {
        try turn { client.take().count >= count || client.isClosed }
        return client.take()
    }
}

final class Client {
    private let descriptor: FileDescriptor
    private(set) var received: [UInt8] = []
    private(set) var isClosed = false

    init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
        _ = fcntl(self.descriptor.raw, F_SETFL, O_NONBLOCK)
    }

    /// How many bytes were taken.
    @discardableResult
    func send(_ text: String) -> Int { Streams.write(descriptor.raw, Array(text.utf8), from: 0) ?? -1 }

    func send(_ bytes: [UInt8], from start: Int) -> Int { Streams.write(descriptor.raw, bytes, from: start) ?? -1 }

    /// Nothing more will be sent; answers may still come.
    func finishSending() { _ = shutdown(descriptor.raw, Int32(SHUT_WR)) }

    func read() {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            switch Streams.read(descriptor.raw, into: &buffer) {
            case .count(let count): received += buffer[..<count]
            case .nothing: return
            case .ended:
                isClosed = true
                return
            }
        }
    }

    var text: String {
        read()
        return String(decoding: received, as: UTF8.self)
    }

    /// The answers that are whole, as status and body.
    func take() -> [String] {
        read()
        var parser = HTTPParser(.responses)
        parser.feed(received)
        var answers: [String] = []
        var status = 0
        var body = ""
        while let event = try? parser.next() {
            switch event {
            case .head(let head): (status, body) = (head.status, "")
            case .body(let part): body += String(decoding: part, as: UTF8.self)
            case .end: answers.append(body.isEmpty ? "\(status)" : "\(status) \(body)")
            }
        }
        return answers
    }
}

func post(_ body: String, _ path: String = "/", _ fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
