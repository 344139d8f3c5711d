// Clients of the control socket that go away at any moment: what they held is given back.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Connections {
    /// What is written and the end of it come as one: the end must be seen all the same.
    @Test(arguments: [
        "", "GET", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/functions/waits/invoke HTTP/1.1\r\n\r\n",
        "POST /v1/functions/waits/invoke HTTP/1.1\r\nContent-Length: 100\r\n\r\n{", "GET /v1/events HTTP/1.1\r\n\r\n",
    ])
    func whoGoesAwayLeavesNothing(_ text: String) throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("waits", "events.handler", timeout: 3)
        _ = try server.invoke("waits")
        let before = HostFiles.names(in: "/proc/\(server.process.pid)/fd").count
        for _ in 0..<200 {
            let connection = try StreamSockets.connect(to: server.socket)
            try Files.write(Array(text.utf8), to: connection.raw, named: "the control socket")
        }
        let deadline = ContinuousClock().now + .seconds(10)
        var now = 0
        repeat {
            usleep(20_000)
            now = HostFiles.names(in: "/proc/\(server.process.pid)/fd").count
        } while now > before + 100 && ContinuousClock().now < deadline
        // Environments that the events had made may stay.
        #expect(now <= before + 100, "\(before) descriptors before, \(now) after")
        #expect(try server.request("GET", "/healthz").status == 200)
        try server.end()
    }
}
