// The server as its operator meets it: it answers, serves, and ends with all that it has made.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct Serve {
    @Test func aFunctionIsDeployedAndInvoked() throws {
        let before = Leftovers.now()
        let server = try ServerUnderTest()
        try server.deploy(
            "hello", runtime: "python3.11", handler: "app.handler",
            files: [("app.py", "def handler(event, context):\n    return {'hello': event['name']}\n")])
        let reply = try server.request("POST", "/v1/functions/hello/invoke", json: #"{"name": "world"}"#)
        #expect(reply.status == 200)
        #expect(reply.json?["hello"]?.text == "world", "\(reply.text)")
        #expect(reply.field("martlet-started") == "cold")
        #expect(try server.end().status == 0)
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func tellsAServiceManagerThatAsked() throws {
        let listener = try NotifyListener()
        let server = try ServerUnderTest(environment: ["NOTIFY_SOCKET": listener.path])
        #expect(listener.next() == "READY=1")
        try server.end()
        #expect(listener.next() == "STOPPING=1")
    }

    @Test func speaksInLinesOrInJSON() throws {
        let lines = try ServerUnderTest(["--log", "text"])
        let text = try lines.end().errors
        #expect(text.contains(" ready socket=\(lines.socket)") && text.contains(" ended\n"), "\(text)")
        let objects = try ServerUnderTest(["--log", "json"])
        for line in try objects.end().errors.split(separator: "\n") {
            let json = try JSON(parsing: Array(line.utf8))
            #expect(json["level"]?.text == "info" && json["message"]?.text != nil, "\(line)")
        }
    }

    /// A fault that is the host's or ours is the operator's to see, and no caller's.
    @Test func whyASandboxWasRefusedIsToldToTheOperatorAlone() throws {
        let server = try ServerUnderTest()
        try server.deploy(
            "lost", runtime: "python3.11", handler: "app.handler", files: [("app.py", "def handler(e, c): pass\n")])
        for content in try Files.names(in: "\(server.state)/functions/lost") where content != "function.json" {
            try Linux.Trees.remove("\(server.state)/functions/lost/\(content)/code")
        }
        let reply = try server.request("POST", "/v1/functions/lost/invoke")
        #expect(reply.field("martlet-error-type") == "Sandbox.Failure")
        #expect(!reply.text.contains("/"), "\(reply.text)")
        let said = try server.end().errors
        #expect(said.contains("a sandbox was refused") && said.contains("/lost/"), "\(said)")
    }
}

/// What sd_notify speaks to: a socket for datagrams.
private final class NotifyListener {
    let path = "/tmp/martlet-notify-\(getpid())"
    private let socket: FileDescriptor

    init() throws {
        socket = FileDescriptor(owning: Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let raw = socket.raw
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(raw, $0, size) }
        }
        try #require(result == 0)
        // The supervisor has no rights when it speaks, as to a service manager.
        unsafe chmod(path, 0o777)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        _ = unsafe setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { unsafe unlink(path) }

    func next() -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe recv(socket.raw, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
