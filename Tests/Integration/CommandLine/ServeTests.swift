// The server as its operator meets it: it answers, serves, and ends with all that it has made.

import IntegrationSupport
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
}
