import Testing
import Wire

@Suite struct HTTPRequests {
    static let two =
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /b?c=d HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test(arguments: [1, 2, 3, 5, 7, 16, 64, Int.max]) func comeInPiecesOfAnySize(_ piece: Int) throws {
        #expect(try understood(Self.two, piece: piece) == ["post /a", "[hello]", "end", "get /b?c=d", "end"])
    }

    @Test func anEmptyLineAheadIsForgiven() throws {
        #expect(try understood("\r\n\r\nGET / HTTP/1.1\r\n\r\n", piece: 1) == ["get /", "end"])
    }

    @Test func whatIsNotWholeWaits() throws {
        #expect(try understood("GET / HT") == ["…"])
        #expect(try understood("PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab") == ["put /", "…"])
        #expect(try understood("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") == ["put /", "…"])
    }

    @Test func fieldsAreFoundInAnyCaseAndWithoutBlanks() throws {
        let head = try head("GET / HTTP/1.1\r\nX-One: \t a b \t\r\nx-one:2\r\nEmpty:\r\n\r\n")
        #expect(head.fields["x-one"] == "a b")
        #expect(head.fields.all("x-one") == ["a b", "2"])
        #expect(head.fields["empty"] == "")
        #expect(head.fields["x-on"] == nil)
        #expect(head.fields.count == 3)
    }

    @Test func methodsThatNobodyServesAreStillMethods() throws {
        #expect(try head("BREW / HTTP/1.1\r\n\r\n").method == .other)
        #expect(try head("get / HTTP/1.1\r\n\r\n").method == .other)
        #expect(try head("OPTIONS * HTTP/1.1\r\n\r\n").target == "*")
    }

    @Test func queries() throws {
        let head = try head("GET /p/q?a=1&b&c=%41+%26&=x&a=2&d=%zz HTTP/1.1\r\n\r\n")
        #expect(head.path.elementsEqual("/p/q".utf8))
        #expect(head.query("a") == "1")
        #expect(head.query("b") == "")
        #expect(head.query("c") == "A+&")
        #expect(head.query("d") == nil)
        #expect(head.hasQuery("d"))
        #expect(!head.hasQuery("e"))
    }

    @Test(arguments: [
        ("HTTP/1.1", "", false), ("HTTP/1.1", "Connection: close\r\n", true),
        ("HTTP/1.1", "Connection: Upgrade , CLOSE\r\n", true), ("HTTP/1.1", "Connection: close , keep-alive\r\n", true),
        ("HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", true),
        ("HTTP/1.0", "", true), ("HTTP/1.0", "Connection: Keep-Alive\r\n", false),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", true),
    ]) func connectionsEndWhenOneSaysSo(_ version: String, _ field: String, _ isLast: Bool) throws {
        #expect(try head("GET / \(version)\r\n\(field)\r\n").isLastOnConnection == isLast)
    }
}

@Suite struct HTTPChunks {
    static let start = "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"

    @Test(arguments: [1, 2, 3, Int.max]) func withExtensionsAndTrailers(_ piece: Int) throws {
        let text =
            Self.start + "5;name=\"value\"\r\nhello\r\n6 \r\n world\r\n00\r\nA: 1\r\nB: 2\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        #expect(try understood(text, piece: piece) == ["post /", "[hello world]", "end with 2", "get /", "end"])
    }

    @Test func withoutAnything() throws {
        #expect(try understood(Self.start + "0\r\n\r\n", piece: 1) == ["post /", "end"])
    }

    @Test(arguments: [
        "\r\n", ";x\r\n", "g\r\n", "-1\r\n", "0x5\r\n", "5\n", "+5\r\nhello\r\n", "100000000\r\n",
        "000000005\r\nhello\r\n",
        "5\r\nhello!!", "5\r\nhello\n0\r\n\r\n", String(repeating: "1", count: 300),
        "1;" + String(repeating: "x", count: 300),
    ]) func thatAreWrong(_ chunks: String) {
        #expect(refusal(Self.start + chunks) == 400)
    }

    @Test func trailersAreFieldsAndLimited() {
        #expect(refusal(Self.start + "0\r\nno colon\r\n\r\n") == 400)
        #expect(refusal(Self.start + "0\r\n folded: x\r\n\r\n") == 400)
        var limits = HTTPLimits()
        limits.trailers = 64
        #expect(refusal(Self.start + "0\r\nA: " + String(repeating: "a", count: 100), limits: limits) == 431)
    }
}

@Suite struct HTTPResponses {
    @Test(arguments: [1, Int.max]) func withALength(_ piece: Int) throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"
        #expect(try understood(text, .responses, piece: piece) == ["200", "[ok]", "end", "404", "end"])
    }

    @Test func upToTheEndOfTheConnection() throws {
        let text = "HTTP/1.0 200 OK\r\n\r\nall of it"
        #expect(try understood(text, .responses, closed: true) == ["200", "closed", "[all of it]", "end"])
    }

    @Test func thatAreCut() throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall"
        #expect(try understood(text, .responses, closed: true) == ["200", "cut", "…"])
    }

    @Test func withoutABody() throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
        #expect(try understood(text, .responses) == ["100", "end", "204", "end", "202", "end"])
    }

    @Test(arguments: ["HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "nonsense of some length\r\n\r\n"])
    func thatAreNone(_ text: String) {
        #expect(refusal(text, .responses) == 502)
    }
}
