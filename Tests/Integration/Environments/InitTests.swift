// An init that fails is done once more for the event that waits, under the function's own timeout; what comes of that is
// the answer.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Inits {
    /// Ten seconds each, side by side.
    @Test func slowOnes() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("slow-once", "start.handler", timeout: 5, [("HOW", "slow"), ("FAILS", "once")])
        try server.deployLifecycle("slow-always", "start.handler", timeout: 2, [("HOW", "slow"), ("FAILS", "always")])
        try server.deploy(
            "silent", runtime: "provided",
            files: [("bootstrap", "#!/bin/sh\nsleep 1000\n")], [("timeout", .integer(1))])
        let clock = ContinuousClock()
        let start = clock.now
        let once = try server.begin("slow-once", "{}", ServerUnderTest.withLog)
        let always = try server.begin("slow-always", "{}", ServerUnderTest.withLog)
        let silent = try server.begin("silent", "{}", ServerUnderTest.withLog)
        let prepared = try server.beginRequest("POST", "/v1/environments", json: #"{"function":"slow-always"}"#)

        let served = try once.finish()
        let took = clock.now - start
        #expect(took > .seconds(10) && took < .seconds(13), "\(took)")
        #expect((served.json?["remaining"]?.integer).map { (3000...5000).contains($0) } == true, "\(served)")
        let log = try server.log("slow-once", until: "REPORT")
        checkInitReport(log, "Phase: init\tStatus: timeout", 10_000...10_500)
        #expect(!log.contains("\tInit Duration"), "an init that failed is no part of the report: \(log)")
        #expect(log.contains("INIT_START Runtime Version: python3.11\t"), "\(log)")

        for (name, seconds, pending) in [("slow-always", 2, always), ("silent", 1, silent)] {
            let answer = try pending.finish()
            #expect(answer.errorType == "Sandbox.Timedout", "\(name): \(answer)")
            let words = "RequestId: \(answer.requestID) Error: Task timed out after \(seconds).00 seconds"
            #expect(answer.errorMessage == words, "\(name): \(answer)")
            let log = try server.log(name)
            checkInitReport(log, "Phase: init\tStatus: timeout", 10_000...10_500)
            checkInitReport(
                log, "Phase: invoke\tStatus: timeout", UInt64(seconds) * 1000...UInt64(seconds) * 1000 + 500)
            #expect(log.contains("\tDuration: \(seconds)000.00 ms\t"), "\(log)")
            #expect(log.contains("Status: timeout"), "\(log)")
        }
        let reply = try prepared.finish().reply
        #expect(reply.status == 422 && reply.json?["error_type"] == .text("Sandbox.Timedout"), "\(reply.text)")
        try server.end()
    }

    private func checkInitReport(_ log: String, _ end: String, _ range: ClosedRange<UInt64>) {
        let line = log.split(separator: "\n").first { $0.hasPrefix("INIT_REPORT") && $0.hasSuffix(end) }
        let time = line?.split(separator: " ").dropFirst(3).first.flatMap { Double($0) }
        #expect(time.map { range.contains(UInt64($0)) } == true, "\(end): \(log)")
    }

    @Test(arguments: ["exit", "raise"]) func onesThatFail(_ how: String) throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("once", "start.handler", timeout: 5, [("HOW", how), ("FAILS", "once")])
        let served = try server.invoke("once")
        #expect(served.json?["remaining"] != nil, "\(served)")
        #expect(served.reply.field("martlet-started") == "cold")
        let type = how == "exit" ? "Runtime.ExitError" : "Runtime.Unknown"
        let log = try server.log("once", until: "REPORT")
        #expect(log.contains("\tPhase: init\tStatus: error\tError Type: \(type)\n"), "\(log)")
        #expect(log.split(separator: "\n").count { $0 == "failing" } == 1, "\(log)")

        try server.deployLifecycle("always", "start.handler", timeout: 5, [("HOW", how), ("FAILS", "always")])
        for _ in 0..<2 {
            let answer = try server.invoke("always")
            if how == "exit" {
                #expect(answer.errorType == "Runtime.ExitError", "\(answer)")
                let words = "RequestId: \(answer.requestID) Error: Runtime exited with error: exit status 7"
                #expect(answer.errorMessage == words)
            } else {
                #expect(answer.errorType == "LookupError" && answer.errorMessage == "not ready", "\(answer)")
                #expect(answer.json?["requestId"] == .text(""), "\(answer)")
            }
        }
        let both = try server.log("always")
        #expect(both.contains("\tPhase: invoke\tStatus: error\tError Type: \(type)\n"), "\(both)")
        // The first event has two inits; the second begins with the broken environment and has one.
        #expect(both.split(separator: "\n").count { $0 == "failing" } == 3, "\(both)")
        let reply = try server.request("POST", "/v1/environments", json: #"{"function":"always"}"#)
        #expect(reply.status == 422, "\(reply.text)")
        try server.end()
    }

    @Test func outOfMemory() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("eats", "start.handler", timeout: 5, [("HOW", "eat"), ("FAILS", "always")])
        let answer = try server.invoke("eats")
        #expect(answer.errorType == "Runtime.OutOfMemory", "\(answer)")
        try server.end()
    }

    @Test func entryPoints() throws {
        let server = try ServerUnderTest()
        let cases = [
            (
                "missing", "other", "#!/bin/sh\n",
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
            ),
            ("not-executable", "bootstrap", "echo", "cannot execute /var/task/bootstrap: permission denied"),
            (
                "no-interpreter", "bootstrap", "#!/nowhere\n",
                "cannot execute /var/task/bootstrap: the interpreter or loader that it names is not in the root"
            ),
        ]
        for (name, file, text, words) in cases {
            try server.deploy(name, runtime: "provided", files: [(file, text)])
            let answer = try server.invoke(name)
            #expect(answer.errorType == "Runtime.InvalidEntrypoint", "\(answer)")
            #expect(answer.errorMessage == "RequestId: \(answer.requestID) Error: \(words)", "\(answer)")
        }
        // Put right, it works.
        let echo = "#!/bin/sh\nexec sh /var/task/loop\n"
        try server.deploy("missing", runtime: "provided", files: [("bootstrap", echo), ("loop", shellRuntime)])
        #expect(try server.invoke("missing", "[1]").text == "[1]")
        try server.end()
    }
}

/// A runtime as a line of shell: each event comes back.
let shellRuntime = """
    #!/bin/sh
    api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
    while :; do
        event=$(curl -sS -D /tmp/head "$api/invocation/next")
        id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/head | tr -d '\\r' | cut -d' ' -f2)
        echo "event $id"
        curl -sS -o /dev/null -d "$event" "$api/invocation/$id/response"
    done
    """
