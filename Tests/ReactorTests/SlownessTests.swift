// Peers that stop in the middle, that never listen, or that go; and answers in parts.

import Linux
import Testing
import Wire

@testable import Reactor

@Suite struct SlowPeers {
    private func impatient() throws -> ServerUnderTest { try ServerUnderTest { $0.patience = 40_000_000 } }

    @Test(arguments: ["G", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"])
    func areToldAndLeft(_ text: String) throws {
        let server = try impatient()
        let client = try server.connect()
        client.send(text)
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.take().count == 1)
        #expect(client.take()[0].hasPrefix("408 "))
    }

    @Test(arguments: [
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ]) func whoEndsInTheMiddleOfABodyIsTold(_ text: String) throws {
        let server = try ServerUnderTest()
        server.serves = { _ in Issue.record("half a request was served") }
        let client = try server.connect()
        client.send(text)
        client.finishSending()
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.take().first?.hasPrefix("400 ") == true, "\(client.text)")
        #expect(server.server.connectionCount == 0)
    }

    /// Many connections, each within its own bounds, must not fill the memory together.
    @Test func cannotMakeTheServerHoldMoreThanItMay() throws {
        let server = try ServerUnderTest(held: 2 << 20)
        server.plans = { _ in .collect(limit: 1 << 20) }
        server.serves = { $0.answer(200, type: nil, body: [UInt8](repeating: 120, count: 1 << 20)) }
        var clients: [Client] = []
        for _ in 0..<16 {
            let client = try server.connect()
            client.send(post("a"))
            clients.append(client)
        }
        try server.turn(for: 100)
        #expect(server.server.holdings.bytes <= 2 << 20)
        #expect(server.server.connectionCount < 4, "\(server.server.connectionCount) hold an answer of a megabyte")
        // Those who go give back what they held, and others are served.
        clients = []
        try server.turn { server.server.connectionCount == 0 }
        #expect(server.server.holdings.bytes == 0)
        let next = try server.connect()
        next.send(post("a"))
        try server.turn { next.take().count == 1 }
    }

    /// One that takes what it gets, but never all of it: what it has taken is not kept.
    @Test func thatAreAlwaysBehindHaveNothingKeptThatTheyHaveTaken() throws {
        let server = try ServerUnderTest()
        var answer: HTTPExchange?
        server.serves = {
            answer = $0
            $0.beginStream(200, type: "text/plain")
        }
        let client = try server.connect()
        client.send(post("a"))
        try server.turn { answer != nil }
        let part = [UInt8](repeating: 120, count: 64 * 1024)
        while client.received.count < 24 << 20, let answer, answer.isOpen {
            while answer.pending < 1 << 20 { answer.stream(part) }
            client.read()
            try server.turn(for: 1)
            #expect(answer.pending > 0)
        }
        #expect(client.received.count >= 24 << 20)
        #expect(server.server.holdings.bytes < 4 << 20, "\(server.server.holdings.bytes) bytes are held")
    }

    /// What the kernel keeps for a connection has a bound, and a lower one where there are many of them.
    @Test func haveLittleInTheKernelWhereTheyAreMany() throws {
        let server = try ServerUnderTest { $0.kernelBuffers = KernelBuffers(wide: 64 * 1024, count: 1, narrow: 4096) }
        var answers: [HTTPExchange] = []
        server.serves = {
            answers.append($0)
            $0.beginStream(200, type: "text/plain")
            $0.stream([UInt8](repeating: 120, count: 1 << 20))
        }
        var clients: [Client] = []
        for _ in 0..<2 {
            let client = try server.connect()
            client.send(post("a"))
            try server.turn(for: 20)
            clients.append(client)
        }
        let taken = answers.map { (1 << 20) - $0.pending }
        #expect(taken.count == 2 && taken[0] < 192 * 1024 && taken[1] < 32 * 1024, "\(taken)")
    }

    @Test func mayBeSlowWithEachPart() throws {
        let server = try impatient()
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
        for part in ["h", "e", "l", "l", "o"] {
            try server.turn(for: 20)
            client.send(part)
        }
        #expect(try server.answers(to: client) == ["200 hello"])
    }

    @Test func mayRestBetweenRequestsAndWaitForAnAnswer() throws {
        let server = try impatient()
        var waiting: HTTPExchange?
        server.serves = { waiting = $0 }
        let client = try server.connect()
        try server.turn(for: 100)
        client.send(post("a"))
        try server.turn(for: 100)
        waiting?.answer(200, type: nil, body: [])
        #expect(try server.answers(to: client) == ["200"])
        try server.turn(for: 100)
        #expect(!client.isClosed)
    }

    @Test func thatDoNotTakeTheirAnswerAreLeft() throws {
        let server = try impatient()
        server.serves = { $0.answer(200, type: nil, body: [UInt8](repeating: 120, count: 8 << 20)) }
        let client = try server.connect()
        client.send(post("a"))
        try server.turn { server.server.connectionCount == 1 }
        try server.turn { server.server.connectionCount == 0 }
        client.read()
        #expect(client.isClosed)
    }

    /// The answers of one who asks and asks and never listens would fill the memory.
    @Test func thatNeverListenAreNotServedOn() throws {
        let server = try ServerUnderTest()
        var served = 0
        server.serves = {
            served += 1
            $0.answer(200, type: nil, body: [UInt8](repeating: 120, count: 10_000))
        }
        let client = try server.connect()
        let one = "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 475))\r\n\r\n"
        let many = String(repeating: one, count: 100)
        var sent = 0
        for _ in 0..<50 {
            let count = client.send(many)
            if count > 0 { sent += count }
            try server.turn(for: 2)
        }
        // What the two sockets hold, and what may be untaken, and no more.
        #expect(served < 200)
        #expect(sent < 2 << 20)
        // One that begins to listen gets all that it asked for.
        let asked = sent / one.utf8.count
        try server.turn {
            client.read(); return served >= asked
        }
        #expect(try server.answers(to: client, count: asked).count == asked)
    }

    @Test func thatListenGetAnswersThatMayWaitToo() throws {
        let server = try ServerUnderTest()
        server.serves = { $0.answer(200, type: nil, body: [UInt8](repeating: 120, count: 10_000), canWait: true) }
        let client = try server.connect()
        client.send(String(repeating: "GET / HTTP/1.1\r\n\r\n", count: 200))
        #expect(try server.answers(to: client, count: 200).count == 200)
    }

    @Test func thatSendOnAfterTheLastAnswerAreNotListenedTo() throws {
        let server = try ServerUnderTest()
        server.serves = { $0.answer(200, type: nil, body: [UInt8](repeating: 120, count: 8 << 20)) }
        let client = try server.connect()
        client.send(post("a", "/", "Connection: close\r\n"))
        var sent = 0
        for _ in 0..<50 {
            let count = client.send(String(repeating: "x", count: 100_000))
            if count > 0 { sent += count }
            try server.turn(for: 1)
        }
        #expect(sent < 2 << 20)
    }
}

@Suite struct Streaming {
    @Test func partsLeaveAsTheyCome() throws {
        let server = try ServerUnderTest()
        var stream: HTTPExchange?
        server.serves = {
            stream = $0
            $0.beginStream(200, type: "text/plain")
        }
        let client = try server.connect()
        client.send(post("") + post("next"))
        try server.turn { stream != nil }
        stream?.stream(Array("one".utf8))
        try server.turn { client.text.hasSuffix("3\r\none\r\n") }
        stream?.stream(Array("two".utf8))
        server.serves = { $0.answer(200, type: nil, body: $0.body) }
        stream?.endStream(trailers: [("A", "b")])
        #expect(try server.answers(to: client, count: 2) == ["200 onetwo", "200 next"])
        #expect(client.text.contains("0\r\nA: b\r\n\r\n"))
    }

    @Test func whoProducesLearnsWhenThereIsRoom() throws {
        let server = try ServerUnderTest()
        var stream: HTTPExchange?
        var drained = 0
        server.serves = { exchange in
            stream = exchange
            exchange.whenDrained = { drained += 1 }
            exchange.beginStream(200, type: "text/plain")
        }
        let client = try server.connect()
        client.send(post(""))
        try server.turn { stream != nil }
        let exchange = try #require(stream)
        exchange.stream([UInt8](repeating: 120, count: 4 << 20))
        drained = 0
        #expect(exchange.pending > 1 << 20)
        try server.turn(for: 20)
        #expect(drained == 0)
        try server.turn {
            client.read(); return drained > 0
        }
        #expect(exchange.pending == 0)
        exchange.endStream()
        let answers = try server.answers(to: client)
        #expect(answers.count == 1 && answers[0].utf8.count == (4 << 20) + 4)
    }

    @Test func oneThatIsAbortedIsNotWhole() throws {
        let server = try ServerUnderTest()
        server.serves = { exchange in
            exchange.beginStream(200, type: "text/plain")
            exchange.stream(Array("part".utf8))
            exchange.abort()
        }
        let client = try server.connect()
        client.send(post(""))
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.text.hasSuffix("4\r\npart\r\n"))
        #expect(client.take().isEmpty)
    }

    @Test func whoGoesIsMissed() throws {
        let server = try ServerUnderTest()
        var gone = 0
        var waiting: HTTPExchange?
        server.serves = { exchange in
            exchange.whenGone = { gone += 1 }
            waiting = exchange
        }
        var client: Client? = try server.connect()
        client?.send(post(""))
        try server.turn { waiting != nil }
        #expect(gone == 0 && waiting?.isOpen == true)
        client = nil
        try server.turn { gone == 1 }
        #expect(waiting?.isOpen == false)
        // Answers go nowhere, and nobody minds.
        waiting?.answer(200, type: nil, body: [])
        #expect(server.server.connectionCount == 0)
    }

    @Test func bodiesArePassedOnPartByPart() throws {
        let server = try ServerUnderTest()
        let receiver = Receiver()
        var exchange: HTTPExchange?
        server.plans = {
            exchange = $0
            return .pass(to: receiver)
        }
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        try server.turn { receiver.words == ["ab"] }
        exchange?.pauseReading()
        client.send("2\r\ncd\r\n0\r\nX: y\r\n\r\n")
        try server.turn(for: 20)
        #expect(receiver.words == ["ab"])
        exchange?.resumeReading()
        try server.turn { receiver.words.last == "end y" }
        #expect(receiver.words.joined(separator: " ") == "ab cd end y")
        exchange?.answer(200, type: nil, body: [])
        #expect(try server.answers(to: client) == ["200"])
    }

    @Test func bodiesThatAreCutAreSaidToBe() throws {
        let server = try ServerUnderTest()
        let receiver = Receiver()
        server.plans = { _ in .pass(to: receiver) }
        var client: Client? = try server.connect()
        client?.send("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
        try server.turn { receiver.words == ["ab"] }
        client = nil
        try server.turn { receiver.words == ["ab", "cut"] }
        // So are those that cannot be understood.
        client = try server.connect()
        client?.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        try server.turn { receiver.words == ["ab", "cut", "cut"] }
    }

    private final class Receiver: BodyReceiver {
        var words: [String] = []
        var held: Int { 0 }
        func receive(_ part: ArraySlice<UInt8>) -> Bool {
            words.append(String(decoding: part, as: UTF8.self))
            return true
        }
        func end(trailers: HTTPFields) { words.append("end \(trailers["x"] ?? "")") }
        func cut() { words.append("cut") }
    }
}
