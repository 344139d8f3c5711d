import Linux
import Testing
import Wire

@testable import Reactor

@Suite struct Servers {
    @Test func keepTheirConnections() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        for number in 1...3 {
            client.send(post("\(number)"))
            #expect(try server.answers(to: client, count: number).last == "200 \(number)")
        }
        #expect(server.server.connectionCount == 1)
        #expect(!client.isClosed)
    }

    @Test func readWhatComesByteByByte() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        for byte in post("hello") {
            client.send(String(byte))
            try server.turn(for: 1)
        }
        #expect(try server.answers(to: client) == ["200 hello"])
    }

    @Test func answerInTheOrderOfTheRequests() throws {
        let server = try ServerUnderTest()
        var waiting: [HTTPExchange] = []
        server.serves = { waiting.append($0) }
        let client = try server.connect()
        client.send(post("a") + post("b") + post("c"))
        for word in ["a", "b", "c"] {
            try server.turn { !waiting.isEmpty }
            // One at a time: the next is not given out before this one is answered.
            #expect(waiting.count == 1)
            let exchange = waiting.removeFirst()
            #expect(exchange.body == Array(word.utf8))
            exchange.answer(200, type: nil, body: exchange.body)
        }
        #expect(try server.answers(to: client, count: 3) == ["200 a", "200 b", "200 c"])
    }

    @Test func anAnswerDoesNotWaitForHalfARequest() throws {
        let server = try ServerUnderTest()
        server.serves = { $0.answer(200, type: nil, body: $0.body, canWait: true) }
        let client = try server.connect()
        client.send(post("a") + "POST / HT")
        #expect(try server.answers(to: client) == ["200 a"])
        client.send("TP/1.1\r\nContent-Length: 2\r\n\r\nb")
        try server.turn(for: 5)
        client.send("c" + post("d") + "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
        #expect(try server.answers(to: client, count: 3) == ["200 a", "200 bc", "200 d"])
    }

    @Test func closeWhenTheyAreAsked() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        client.send(post("a", "/", "Connection: close\r\n") + post("b"))
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.take() == ["200 a"])
        #expect(client.text.contains("\r\nConnection: close\r\n"))
        try server.turn { server.server.connectionCount == 0 }
    }

    @Test func sayWhatTheyDoNotUnderstand() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        client.send(post("a") + "nonsense\r\n\r\n" + post("b"))
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.take().count == 2)
        #expect(client.take()[1].hasPrefix("400 {\"errorType\":\"BadRequest\""))
    }

    @Test func bodiesThatAreTooLargeAreThrownAway() throws {
        let server = try ServerUnderTest()
        server.serves = { exchange in
            #expect(exchange.body.isEmpty == exchange.isTooLarge)
            exchange.answer(exchange.isTooLarge ? 413 : 200, type: nil, body: [])
        }
        let client = try server.connect()
        let large = String(repeating: "x", count: 1001)
        client.send(post(large) + post(String(large.dropLast())))
        client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n\(large)\r\n0\r\n\r\n")
        #expect(try server.answers(to: client, count: 3) == ["413", "200", "413"])
    }

    @Test func mayAnswerBeforeTheBodyHasCome() throws {
        let server = try ServerUnderTest()
        server.plans = { exchange in
            if exchange.head.path.elementsEqual("/no".utf8) { exchange.answer(404, type: nil, body: []) }
            return .collect(limit: 10)
        }
        let client = try server.connect()
        client.send("POST /no HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
        #expect(try server.answers(to: client) == ["404"])
        client.send("cde" + post("x"))
        #expect(try server.answers(to: client, count: 2) == ["404", "200 x"])
    }

    @Test func anAnswerWithoutABodyHasNoLength() throws {
        let server = try ServerUnderTest()
        server.serves = { $0.answer(204, type: nil, body: []) }
        let client = try server.connect()
        client.send(post("") + "HEAD / HTTP/1.1\r\n\r\n")
        _ = try server.answers(to: client, count: 2)
        #expect(client.text == "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
    }

    @Test func refuseMoreConnectionsThanTheyTake() throws {
        let server = try ServerUnderTest { $0.connections = 2 }
        let clients = [try server.connect(), try server.connect(), try server.connect()]
        try server.turn {
            clients[2].read(); return clients[2].isClosed
        }
        for client in clients[..<2] {
            client.send(post("a"))
            #expect(try server.answers(to: client) == ["200 a"])
        }
        #expect(server.server.connectionCount == 2)
    }

    @Test func askWhoMayCome() throws {
        let server = try ServerUnderTest()
        server.server.admits = { _ in false }
        let client = try server.connect()
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.received.isEmpty)
    }
}

@Suite struct Expectations {
    private let start = "POST / HTTP/1.1\r\nExpect: 100-continue\r\n"

    @Test func areMet() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        client.send(start + "Content-Length: 2\r\n\r\n")
        #expect(try server.answers(to: client) == ["100"])
        client.send("ok")
        #expect(try server.answers(to: client, count: 2) == ["100", "200 ok"])
    }

    @Test func ofABodyThatIsTooLargeAreAnsweredAtOnce() throws {
        let server = try ServerUnderTest()
        var served = 0
        server.serves = { exchange in
            served += 1
            exchange.answer(exchange.isTooLarge ? 413 : 200, type: nil, body: [])
        }
        let client = try server.connect()
        client.send(start + "Content-Length: 1001\r\n\r\n")
        #expect(try server.answers(to: client) == ["413"])
        #expect(client.text.contains("Connection: close"))
        client.send(String(repeating: "x", count: 1001) + post("never"))
        try server.turn {
            client.read(); return client.isClosed
        }
        #expect(client.take() == ["413"])
        #expect(served == 1)
    }

    @Test func afterTheAnswerAreNotAnswered() throws {
        let server = try ServerUnderTest()
        server.plans = { exchange in
            exchange.answer(404, type: nil, body: [])
            return .collect(limit: 0)
        }
        let client = try server.connect()
        client.send(start + "Content-Length: 2\r\n\r\n")
        try server.turn(for: 20)
        #expect(client.take() == ["404"])
    }
}
