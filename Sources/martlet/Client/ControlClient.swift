// Speaks to a control socket: one request at a time, and it waits. A connection for each: a command has one thing to ask.

import Glibc
import Linux
import Wire

struct ControlReply {
    let head: HTTPHead
    var body: [UInt8] = []
    var trailers = HTTPFields.none

    /// The body as a value; null where it is none.
    var json: JSON { (try? JSON(parsing: body, limits: JSON.Limits(values: 10_000_000))) ?? .null }
}

struct ControlClient {
    let socket: String

    /// Sends a request and gives back the whole answer if it is a good one. One that is not becomes a failure with the
    /// engine's own words.
    /// - Parameter hear: gets a good answer's body in parts, as they come; the reply then has none
    func ask(
        _ method: HTTPMethod, _ target: String, _ fields: [(String, String)] = [], body: [UInt8] = [],
        progress: String? = nil, hear: ((ArraySlice<UInt8>) -> Void)? = nil
    ) throws(CommandFailure) -> ControlReply {
        let connection = try connect()
        var waiting = Progress(progress ?? "waiting for the engine")
        defer { waiting.end() }
        var writer = HTTPWriter(reserving: 512)
        writer.requestLine(method, target)
        writer.field("Host", "martlet")
        writer.field("Connection", "close")
        for (name, value) in fields { writer.field(name, value) }
        writer.field("Content-Length", body.count)
        writer.endOfFields()
        // The engine may refuse, and close, before it has taken everything: its answer then says why.
        if send(connection.raw, writer.bytes, &waiting) { _ = send(connection.raw, body, &waiting) }
        let reply = try receive(connection.raw, &waiting, hear)
        if reply.head.status >= 300 { throw failure(reply) }
        return reply
    }

    private func connect() throws(CommandFailure) -> FileDescriptor {
        Signals.ignore(SIGPIPE)
        do throws(SystemError) {
            return try StreamSockets.connect(to: socket)
        } catch {
            switch error.code {
            case EACCES, EPERM:
                throw CommandFailure(
                    ExitStatus.noRights,
                    """
                    you may not use \(socket): be root (sudo), or of the group that the engine was given with \
                    --socket-group
                    """)
            case ENOENT, ECONNREFUSED:
                throw CommandFailure(
                    ExitStatus.unreachable,
                    """
                    no engine listens at \(socket): start one with 'sudo martlet serve', or say where it is with --socket
                    """)
            default: throw CommandFailure(ExitStatus.unreachable, "cannot reach the engine: \(error)")
            }
        }
    }

    /// False when the other side takes no more.
    private func send(_ raw: Int32, _ bytes: [UInt8], _ waiting: inout Progress) -> Bool {
        var done = 0
        while done < bytes.count {
            var poll = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
            _ = unsafe Glibc.poll(&poll, 1, 250)
            waiting.tick(done: done * 100 / bytes.count)
            // A part that the socket takes at once, so that it does not make us wait without a word.
            guard poll.revents != 0 else { continue }
            let part = min(bytes.count - done, 64 * 1024)
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(raw, $0.baseAddress! + done, part) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    private func receive(
        _ raw: Int32, _ waiting: inout Progress, _ hear: ((ArraySlice<UInt8>) -> Void)?
    ) throws(CommandFailure) -> ControlReply {
        var limits = HTTPLimits()
        // The log of a function that is followed, or a streamed answer, may be of any length.
        limits.body = Int.max / 2
        var parser = HTTPParser(.responses, limits: limits)
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var reply: ControlReply?
        do throws(HTTPError) {
            while true {
                while let event = try parser.next() {
                    switch event {
                    case .head(let head):
                        reply = ControlReply(head: head)
                        if hear != nil { waiting.end() }
                    case .body(let part):
                        if let hear, let reply, reply.head.status < 300 {
                            hear(part)
                        } else {
                            reply?.body.append(contentsOf: part)
                        }
                    case .end(let trailers):
                        reply?.trailers = trailers
                        if let reply { return reply }
                    }
                }
                var poll = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
                while unsafe Glibc.poll(&poll, 1, 250) <= 0 {
                    if hear == nil || reply == nil { waiting.tick() }
                }
                guard case .count(let count) = Streams.read(raw, into: &buffer) else { break }
                parser.feed(buffer[..<count])
            }
            if parser.close(), let reply { return reply }
        } catch {
            throw CommandFailure(ExitStatus.step, "what answers at \(socket) is no engine: \(error.message)")
        }
        throw CommandFailure(
            ExitStatus.unreachable,
            reply == nil
                ? "the engine at \(socket) closed the connection: it does not admit this user, or it has ended"
                : "the engine at \(socket) ended in the middle of its answer")
    }

    private func failure(_ reply: ControlReply) -> CommandFailure {
        let json = reply.json
        let message = json["message"]?.text ?? "the engine answered with status \(reply.head.status)"
        let action = json["action"]?.text.map { "; \($0)" } ?? ""
        return CommandFailure(ExitStatus.of(httpStatus: reply.head.status), message + action)
    }
}
