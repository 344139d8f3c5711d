// What two readers could understand in two ways, and what is larger than it may be.

import Testing
import Wire

@Suite struct HTTPRefusals {
    static let start = "POST / HTTP/1.1\r\nHost: x\r\n"

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n",
        "Content-Length: -1\r\n", "Content-Length: 0x5\r\n", "Content-Length:\r\n", "Content-Length: 5 5\r\n",
        "Content-Length: 1234567890123456\r\n", "Content-Length : 5\r\n", " Content-Length: 5\r\n",
        "X: a\r\n folded\r\n", "X: a\r\n\tfolded\r\n", "X: a\nContent-Length: 5\r\n", "X: a\rContent-Length: 5\r\n",
        "X: a\u{0}b\r\n", "X: a\u{7f}\r\n", "X: \u{1}\r\n", "no colon\r\n", ": no name\r\n", "X(y): z\r\n",
        "X\u{e9}: z\r\n",
    ]) func fieldsThatCouldHideSomething(_ fields: String) {
        #expect(refusal(Self.start + fields + "\r\n") == 400)
    }

    @Test(arguments: ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;x", ""])
    func encodingsThatNobodyServes(_ encoding: String) {
        #expect(refusal(Self.start + "Transfer-Encoding: \(encoding)\r\n\r\n") == 501)
    }

    @Test func chunksTwice() {
        let field = "Transfer-Encoding: chunked\r\n"
        #expect(refusal(Self.start + field + field + "\r\n") == 501)
    }

    @Test func chunksInHTTP10() {
        #expect(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400)
    }

    @Test func oneLengthSaidTwiceIsOne() throws {
        let text = Self.start + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"
        #expect(try understood(text) == ["post /", "[ok]", "end"])
    }

    @Test(arguments: [
        ("GET /\r\n\r\n", 400), ("GET  HTTP/1.1\r\n\r\n", 400), ("GET x HTTP/1.1\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400), ("GET /a b HTTP/1.1\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\n\r\n", 400), (" GET / HTTP/1.1\r\n\r\n", 400), ("GET / http/1.1\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.2\r\n\r\n", 505), ("GET / HTTP/1.1 \r\n\r\n", 400),
        ("GET / HTTP/1.1\n\r\n\r\n", 400), ("GET / HTTP/1.1\rX: y\r\n\r\n", 400), ("\u{0}\r\n\r\n", 400),
    ]) func firstLines(_ text: String, _ status: Int) {
        #expect(refusal(text) == status)
    }

    @Test func headsThatAreTooLong() {
        var limits = HTTPLimits()
        limits.head = 200
        let field = "X: " + String(repeating: "x", count: 200) + "\r\n"
        #expect(refusal(Self.start + field + "\r\n", limits: limits) == 431)
        // Its end need not have come.
        #expect(refusal(Self.start + field, limits: limits) == 431)
        limits.head = Self.start.utf8.count + field.utf8.count + 2
        #expect(refusal(Self.start + field + "\r\n", limits: limits) == nil)
        limits.head -= 1
        #expect(refusal(Self.start + field + "\r\n", limits: limits) == 431)
    }

    @Test func fieldsThatAreTooMany() throws {
        let fields = String(repeating: "X: y\r\n", count: HTTPLimits().fields)
        #expect(try understood("GET / HTTP/1.1\r\n" + fields + "\r\n") == ["get /", "end"])
        #expect(refusal("GET / HTTP/1.1\r\n" + fields + "X: y\r\n\r\n") == 431)
    }

    @Test func targetsThatAreTooLong() throws {
        let longest = "/" + String(repeating: "a", count: HTTPLimits().target - 1)
        #expect(try understood("GET \(longest) HTTP/1.1\r\n\r\n").count == 2)
        #expect(refusal("GET \(longest)a HTTP/1.1\r\n\r\n") == 414)
    }

    @Test func bodiesThatAreTooLarge() throws {
        var limits = HTTPLimits()
        limits.body = 4
        #expect(try understood(Self.start + "Content-Length: 4\r\n\r\nabcd", limits: limits).count == 3)
        #expect(refusal(Self.start + "Content-Length: 5\r\n\r\n", limits: limits) == 413)
        let chunked = Self.start + "Transfer-Encoding: chunked\r\n\r\n"
        #expect(refusal(chunked + "2\r\nab\r\n3\r\n", limits: limits) == 413)
        #expect(refusal(chunked + "ffffffff\r\n", limits: limits) == 413)
    }

    @Test func aHeadThatComesByteByByteIsReadOnce() throws {
        // Reading from its start with each byte would take minutes.
        var limits = HTTPLimits()
        (limits.head, limits.fields) = (1 << 20, 20_000)
        let text =
            Self.start + String(repeating: "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", count: 10_000) + "\r\n"
        #expect(try understood(text, piece: 1, limits: limits) == ["post /", "end"])
    }
}

@Suite struct PercentEscapes {
    @Test(arguments: [
        ("abc", "abc"), ("%41%62", "Ab"), ("%C3%a9", "é"), ("a+b", "a+b"), ("", ""), ("%25", "%"), ("%2f", "/"),
    ]) func areResolved(_ text: String, _ plain: String) {
        #expect(percentDecoded(text) == plain)
    }

    @Test(arguments: ["%", "%4", "%4g", "%g4", "a%", "%00", "%ff", "%C3", "%%41"]) func areRefused(_ text: String) {
        #expect(percentDecoded(text) == nil)
    }
}

@Suite struct HTTPWriting {
    private func written(_ body: (inout HTTPWriter) -> Void) -> String {
        var writer = HTTPWriter()
        body(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func heads() {
        let text = written {
            $0.statusLine(404)
            $0.field("A", "b")
            $0.field("N", 1_234_567)
            $0.field("Z", 0)
            $0.body(Array("body".utf8))
        }
        #expect(text == "HTTP/1.1 404 Not Found\r\nA: b\r\nN: 1234567\r\nZ: 0\r\nContent-Length: 4\r\n\r\nbody")
    }

    @Test(arguments: [
        ("a\r\nSet-Cookie: b", "a  Set-Cookie: b"), ("a\nb", "a b"), ("a\rb", "a b"), ("a\u{0}b", "a b"),
        ("a\u{7f}", "a "), ("é", "é"), ("a\u{2028}b", "a\u{2028}b"),
    ]) func noValueEndsItsLine(_ value: String, _ safe: String) throws {
        let text = written {
            $0.statusLine(200)
            $0.field("X", value)
            $0.body([])
        }
        #expect(text == "HTTP/1.1 200 OK\r\nX: \(safe)\r\nContent-Length: 0\r\n\r\n")
        #expect(try head(text, .responses).fields.count == 2)
    }

    @Test func chunks() throws {
        let text = written {
            $0.statusLine(200)
            $0.put("Transfer-Encoding: chunked\r\n")
            $0.endOfFields()
            $0.chunk(Array("hello, world, and more".utf8)[...])
            $0.chunk([])
            $0.lastChunk(trailers: [("A", "b\r\nc"), ("D", "e")])
        }
        #expect(text.hasSuffix("\r\n\r\n16\r\nhello, world, and more\r\n0\r\nA: b  c\r\nD: e\r\n\r\n"))
        #expect(try understood(text, .responses, piece: 1) == ["200", "[hello, world, and more]", "end with 2"])
    }

    @Test func requests() {
        #expect(written { $0.requestLine(.put, "/x") } == "PUT /x HTTP/1.1\r\n")
    }
}
