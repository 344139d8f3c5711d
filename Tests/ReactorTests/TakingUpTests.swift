// Connections that take the place of others, in the middle of a request.

import Linux
import Testing
import Wire

@testable import Reactor

@Suite struct TakenUpConnections {
    @Test func aRequestThatIsNotSentAgainIsServed() throws {
        let server = try ServerUnderTest()
        var waiting: [HTTPExchange] = []
        server.serves = { waiting.append($0) }
        server.server.takesUp = { place in
            #expect(place.listener == 0 && place.port == nil)
            return Array("GET /next HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        }
        let client = try server.connect()
        try server.turn { waiting.count == 1 }
        #expect(String(decoding: waiting[0].head.path, as: UTF8.self) == "/next")
        #expect(server.server.standings.count == 1 && server.server.standings[0].isSilent)
        #expect(server.server.standings[0].waiting === waiting[0])
        waiting[0].answer(200, type: nil, body: Array("hello".utf8))
        #expect(try server.answers(to: client) == ["200 hello"])
        // It goes on as any connection.
        client.send(post("again"))
        try server.turn { waiting.count == 2 }
        waiting[1].answer(200, type: nil, body: waiting[1].body)
        #expect(try server.answers(to: client, count: 2).last == "200 again")
    }

    @Test func othersBeginAnew() throws {
        let server = try ServerUnderTest()
        server.server.takesUp = { _ in nil }
        let client = try server.connect()
        client.send(post("a"))
        #expect(try server.answers(to: client) == ["200 a"])
    }

    @Test func whatIsOnItsWayIsNotSilent() throws {
        let server = try ServerUnderTest()
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-")
        try server.turn { server.server.connectionCount == 1 }
        try server.turn(for: 5)
        #expect(!server.server.standings[0].isSilent && server.server.standings[0].waiting == nil)
        client.send("Length: 3\r\n\r\nab")
        try server.turn(for: 5)
        #expect(!server.server.standings[0].isSilent)
        client.send("c")
        #expect(try server.answers(to: client) == ["200 abc"])
        #expect(server.server.standings[0].isSilent && server.server.standings[0].waiting == nil)
    }
}
