// Events for the functions of a server under test, and what came of them.

import Glibc
import Linux
package import Wire

/// What a caller was answered.
package struct Answer: CustomStringConvertible {
    package let reply: ServerReply

    package init(reply: ServerReply) { self.reply = reply }

    package var text: String { reply.text }
    package var json: JSON? { reply.json }
    package var requestID: String { reply.field("martlet-request-id") ?? "" }
    package var environment: String { reply.field("martlet-environment") ?? "" }
    /// The function failed.
    package var isError: Bool { reply.field("martlet-function-error") ?? trailer("martlet-function-error") != nil }
    /// The members that every error of Lambda's has; empty when there is none.
    package var errorType: String { json?["errorType"]?.text ?? "" }
    package var errorMessage: String { json?["errorMessage"]?.text ?? "" }

    package func trailer(_ name: StaticString) -> String? { reply.trailers[name] }

    /// The end of the log, of an invocation that asked for it.
    package var logTail: String {
        guard let text = reply.field("martlet-log-result"), let bytes = try? Base64.decode(text, limit: 8192) else {
            return ""
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    package var description: String { "\(reply.status) \(isError ? "error " : "")\(text.prefix(2000))" }
}

extension ServerUnderTest {
    package static let withLog = [("Martlet-Log", "tail")]

    /// Gives an event to a function and waits for the answer.
    package func invoke(
        _ function: String, _ event: String = "{}", _ fields: [(String, String)] = []
    ) throws -> Answer {
        Answer(reply: try request("POST", "/v1/functions/\(function)/invoke", fields, json: event))
    }

    /// The same, and the answer is taken later: many wait side by side.
    package func begin(
        _ function: String, _ event: String = "{}", _ fields: [(String, String)] = []
    ) throws -> PendingAnswer {
        try beginRequest("POST", "/v1/functions/\(function)/invoke", fields, json: event)
    }

    package func beginRequest(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], json: String = ""
    ) throws -> PendingAnswer {
        try PendingAnswer(socket, "\(method) \(target)", fields, Array(json.utf8))
    }

    /// The log of a function so far.
    package func log(_ function: String) throws -> String {
        try request("GET", "/v1/functions/\(function)/logs").text
    }

    /// Waits until the log has this line, or until there is no sense in waiting any more; gives the log.
    package func log(_ function: String, until text: String, within limit: Duration = .seconds(5)) throws -> String {
        let deadline = ContinuousClock().now + limit * Binaries.patience
        while true {
            let log = try log(function)
            if log.contains(text) || ContinuousClock().now >= deadline { return log }
            usleep(20_000)
        }
    }

    package func environments(of function: String) throws -> [JSON] {
        try request("GET", "/v1/environments").json?["environments"]?.list?.filter { $0["function"]?.text == function }
            ?? []
    }

    package func delete(_ function: String) throws {
        _ = try request("DELETE", "/v1/functions/\(function)")
    }
}

/// An event that was sent, and whose answer is on its way.
package final class PendingAnswer {
    private let connection: FileDescriptor
    private var parser = HTTPParser(.responses)
    private var head: HTTPHead?

    init(_ socket: String, _ request: String, _ fields: [(String, String)], _ body: [UInt8]) throws {
        connection = try StreamSockets.connect(to: socket)
        var writer = HTTPWriter(reserving: 512 + body.count)
        writer.put("\(request) HTTP/1.1\r\nHost: martlet\r\nConnection: close\r\n")
        for (name, value) in fields { writer.field(name, value) }
        writer.body(body)
        try Files.write(writer.bytes, to: connection.raw, named: socket)
    }

    /// Whether anything of it has come.
    package var isAnswered: Bool {
        var waiting = pollfd(fd: connection.raw, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&waiting, 1, 0) != 0
    }

    /// The whole answer.
    package func finish() throws -> Answer { Answer(reply: try ServerReply(reading: connection.raw)) }

    /// The next part of a streamed answer, as soon as it is there; nil at its end, which `trailers` belongs to.
    package func nextPart() throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            switch try parser.next() {
            case .head(let head): self.head = head
            case .body(let part): return Array(part)
            case .end(let trailers):
                self.trailers = trailers
                return nil
            case nil:
                guard case .count(let count) = Streams.read(connection.raw, into: &buffer) else { return nil }
                parser.feed(buffer[..<count])
            }
        }
    }

    package private(set) var trailers = HTTPFields.none
}

/// The code of functions that tests use: directories of Tests/Subjects/Functions.
package enum Subjects {
    /// The files of a directory with their paths below it, as a deployment takes them.
    package static func files(_ directory: String) throws -> [(String, String)] {
        // This file stands four directories below the package.
        let package = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        return try files(in: "/\(package)/Tests/Subjects/Functions/\(directory)", "")
    }

    private static func files(in directory: String, _ prefix: String) throws -> [(String, String)] {
        var all: [(String, String)] = []
        for name in HostFiles.names(in: directory).sorted() where name != "__pycache__" {
            let path = "\(directory)/\(name)"
            if HostFiles.isDirectory(path) {
                all += try files(in: path, "\(prefix)\(name)/")
            } else {
                all.append((prefix + name, String(decoding: try HostFiles.read(path), as: UTF8.self)))
            }
        }
        return all
    }
}
