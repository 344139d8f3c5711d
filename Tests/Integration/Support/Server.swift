// An engine of the test's own: `martlet serve` with places that nobody else uses, ended and removed with its owner. The
// default state directory lends its roots alone.

import Glibc
import Linux
package import Wire

package final class ServerUnderTest: @unchecked Sendable {
    /// Everything of it stands below this.
    package let place: String
    package let process: RunningProgram
    private var hasEnded = false

    package var state: String { "\(place)/state" }
    package var run: String { "\(place)/run" }
    package var socket: String { "\(place)/run/control.sock" }

    /// Starts it and waits until it answers.
    /// - Parameter options: of `martlet serve`, after those that name its places
    /// - Parameter environment: beside what tells it its places
    /// - Parameter earlier: the place of one that has ended and left it
    package init(_ options: [String] = [], environment: [String: String] = [:], after earlier: String? = nil) throws {
        place = try earlier ?? HostFiles.makeTemporaryDirectory("martlet-server")
        if earlier == nil {
            for name in ["state", "state/roots"] { try HostFiles.makeDirectory("\(place)/\(name)") }
            // As other commands of the engine make it.
            try HostFiles.makeDirectory("\(place)/run", mode: 0o700)
        }
        let roots = "\(Binaries.engineEnvironment["MARTLET_STATE"] ?? "/var/lib/martlet")/roots"
        // The warden follows no link out of its state directory, so the roots are mounted there; in a mount namespace
        // that the server takes along when it ends, however it ends.
        let line = "mount --bind \"$1\" \"$2\" && mount -o remount,bind,ro \"$2\" && shift 2 && exec \"$@\""
        var program = Program(
            ["unshare", "--mount", "sh", "-c", line, "sh", roots, "\(place)/state/roots"]
                + [Binaries.martlet, "serve", "--log", "quiet"] + options)
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        program.environment.merge(environment) { $1 }
        program.environment["MARTLET_STATE"] = "\(place)/state"
        program.environment["MARTLET_RUN"] = "\(place)/run"
        process = try program.start()
        try waitUntilItAnswers()
    }

    deinit {
        if !hasEnded { _ = try? end() }
    }

    private func waitUntilItAnswers() throws {
        let deadline = ContinuousClock().now + .seconds(10) * Binaries.patience
        while (try? request("GET", "/healthz"))?.status != 200 {
            guard ContinuousClock().now < deadline, !process.collect() else {
                throw Program.Failure(description: "the server does not answer: \(try end())")
            }
            usleep(5000)
        }
    }

    /// Tells it to end, and waits until it has.
    /// - Parameter keeping: whether its place is left for another
    @discardableResult
    package func end(keeping: Bool = false, _ signal: Int32 = SIGTERM) throws -> Outcome {
        hasEnded = true
        process.signal(signal)
        let outcome = try process.end()
        if !keeping { HostFiles.remove(place) }
        return outcome
    }

    // MARK: speaking to it

    /// A client command of martlet's, which finds this server by itself.
    package func command(_ words: [String], input: String = "") -> Program {
        var program = Martlet().program(words)
        program.environment["MARTLET_SOCKET"] = socket
        program.environment["MARTLET_RUN"] = run
        program.environment["MARTLET_STATE"] = state
        program.input = input
        return program
    }

    package func martlet(_ words: String..., input: String = "") throws -> Outcome {
        try command(words, input: input).run()
    }

    /// One request on a connection of its own, and its whole answer.
    package func request(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], body: [UInt8] = []
    ) throws -> ServerReply {
        let connection = try StreamSockets.connect(to: socket)
        var writer = HTTPWriter(reserving: 512 + body.count)
        writer.put("\(method) \(target) HTTP/1.1\r\nHost: martlet\r\nConnection: close\r\n")
        for (name, value) in fields { writer.field(name, value) }
        writer.body(body)
        try Files.write(writer.bytes, to: connection.raw, named: socket)
        return try ServerReply(reading: connection.raw)
    }

    package func request(
        _ method: String, _ target: String, _ fields: [(String, String)] = [], json: String
    ) throws -> ServerReply {
        try request(method, target, fields, body: Array(json.utf8))
    }

    /// A function of text files, deployed.
    @discardableResult
    package func deploy(
        _ name: String, runtime: String, handler: String = "", files: [(String, String)],
        _ more: [(String, JSON)] = []
    ) throws -> ServerReply {
        let members: [(String, JSON)] = [
            ("runtime", .text(runtime)), ("handler", .text(handler)),
            ("code", .object([("files", .object(files.map { ($0.0, .text($0.1)) }))])),
        ]
        let reply = try request("PUT", "/v1/functions/\(name)", body: JSON.object(members + more).bytes)
        guard reply.status == 200 || reply.status == 201 else {
            throw Program.Failure(description: "\(name) was not deployed: \(reply.status) \(reply.text)")
        }
        return reply
    }
}

/// What the control socket has answered.
package struct ServerReply {
    package let head: HTTPHead
    package let body: [UInt8]
    package let trailers: HTTPFields

    package var status: Int { head.status }
    package var text: String { String(decoding: body, as: UTF8.self) }
    /// Nothing when it is none.
    package var json: JSON? { try? JSON(parsing: body) }
    package func field(_ name: StaticString) -> String? { head.fields[name] }

    /// Reads up to the end of the answer.
    package init(reading raw: Int32) throws {
        var parser = HTTPParser(.responses)
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var head: HTTPHead?
        var body: [UInt8] = []
        while true {
            while let event = try parser.next() {
                switch event {
                case .head(let one): head = one
                case .body(let part): body += part
                case .end(let trailers):
                    guard let head else { continue }
                    (self.head, self.body, self.trailers) = (head, body, trailers)
                    return
                }
            }
            guard case .count(let count) = Streams.read(raw, into: &buffer) else {
                guard parser.close() else { throw Program.Failure(description: "the answer ends in the middle") }
                // An answer without a length ends with its connection.
                guard let head else { throw Program.Failure(description: "no answer came") }
                (self.head, self.body, trailers) = (head, body, .none)
                return
            }
            parser.feed(buffer[..<count])
        }
    }
}
