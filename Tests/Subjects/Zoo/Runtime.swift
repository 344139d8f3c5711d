// The smallest client of the Runtime API that does it justice: one connection, one blocking read at a time. It waits for
// the next event in a plain read, with its request wholly sent: there a snapshot is taken.

internal import CZoo
import Glibc

struct Event {
    /// When the function must have answered, in milliseconds of the wall clock.
    let deadline: Int
    let body: String

    /// The first since the program was restored; the tests say so in the event.
    var isFirstOfClone: Bool { body.contains(#""restored":true"#) }
}

enum Runtime {
    private static let connection = Box<Client?>(nil)

    /// Connects now, not when everything is set up: for who counts what is there at the capture.
    static func connect() throws {
        if connection.value == nil { connection.value = try Client() }
    }

    static func serve(_ check: Subject.Check) -> Never {
        do {
            try connect()
            var client = connection.value!
            var answer = try client.ask("GET", "next")
            var events = 0
            while true {
                events += 1
                guard let id = answer.fields["lambda-runtime-aws-request-id"] else { throw Lost("no event: \(answer)") }
                let deadline = answer.fields["lambda-runtime-deadline-ms"].flatMap { Int($0) } ?? 0
                let event = Event(deadline: deadline, body: answer.body)
                var found = #""ok":true"#
                do { try check(event) } catch { found = #""ok":false,"why":"\#(escaped("\(error)"))""# }
                // What no clone shares with another.
                let own = #""events":\#(events),"host":"\#(escaped(hostName()))""#
                _ = try client.ask("POST", "\(id)/response", "{\(found),\(own)}")
                answer = try client.ask("GET", "next")
            }
        } catch {
            // The engine has hung up, or speaks another language.
            Zoo.say("zoo: \(error)", to: 2)
            exit(1)
        }
    }

    private static func hostName() -> String {
        let names = Buffer(6 * 65)
        _ = call(__NR_uname, names)
        return String(decoding: names.bytes(130)[65...].prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20: " "
            default: "\(scalar)"
            }
        }.joined()
    }
}

private struct Answer {
    var fields: [String: String] = [:]
    var body = ""
}

private struct Client {
    private let connection: Descriptor
    private let host: String
    private var received: [UInt8] = []

    init() throws {
        host = Zoo.environment("AWS_LAMBDA_RUNTIME_API") ?? "127.0.0.1:9001"
        let port = host.split(separator: ":").last.flatMap { UInt16($0) } ?? 9001
        connection = try Descriptor("socket", call(__NR_socket, AF_INET, 1 | O_CLOEXEC, 0))
        try must("connect", call(__NR_connect, connection, Buffer(loopback(port)), 16))
    }

    mutating func ask(_ method: String, _ path: String, _ body: String = "") throws -> Answer {
        let length = method == "POST" ? "Content-Length: \(body.utf8.count)\r\n" : ""
        let target = "/2018-06-01/runtime/invocation/\(path)"
        try connection.write(Array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(length)\r\n\(body)".utf8))
        let head = try take(upTo: Array("\r\n\r\n".utf8))
        var answer = Answer()
        for line in head.split(whereSeparator: \.isNewline).dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            answer.fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        let count = answer.fields["content-length"].flatMap { Int($0) } ?? 0
        while received.count < count { try receive() }
        answer.body = String(decoding: received[..<count], as: UTF8.self)
        received.removeFirst(count)
        return answer
    }

    private mutating func take(upTo end: [UInt8]) throws -> String {
        var from = 0
        while true {
            while from + end.count <= received.count {
                if received[from] == end[0], Array(received[from..<from + end.count]) == end {
                    defer { received.removeFirst(from + end.count) }
                    return String(decoding: received[..<from], as: UTF8.self)
                }
                from += 1
            }
            try receive()
        }
    }

    /// Handlers of signals may interrupt the wait; that means nothing here.
    private mutating func receive() throws {
        let buffer = Buffer(65_536)
        var count = 0
        repeat { count = call(__NR_read, connection, buffer, buffer.count) } while count == -Int(EINTR)
        guard try must("reading from the engine", count) > 0 else { throw Lost("the engine has hung up") }
        received += buffer.bytes(count)
    }
}
