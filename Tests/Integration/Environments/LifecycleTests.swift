// What goes wrong in the middle of an event: who waits is told as Lambda tells it, and the next event is served by fresh
// processes, with what was in /tmp; or by a fresh environment where the kernel has ended the old one.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Lifecycle {
    struct Mishap: Sendable, CustomTestStringConvertible {
        let event: String
        let type: String
        let words: String
        /// What the report adds; the type of the error unless told.
        var status: String?
        /// The kernel ends the environment as a whole.
        var endsEnvironment = false

        var testDescription: String { event }
    }

    private static let timeout = "Task timed out after 1.00 seconds"
    private static let killed = "Runtime exited with error: signal: killed"

    static let mishaps = [
        Mishap(event: #"{"do":"sleep","seconds":20}"#, type: "Sandbox.Timedout", words: timeout, status: "timeout"),
        Mishap(event: #"{"do":"deadlock"}"#, type: "Sandbox.Timedout", words: timeout, status: "timeout"),
        Mishap(event: #"{"do":"stubborn"}"#, type: "Sandbox.Timedout", words: timeout, status: "timeout"),
        Mishap(
            event: #"{"do":"leave","status":0}"#, type: "Runtime.ExitError",
            words: "Runtime exited without providing a reason"),
        Mishap(
            event: #"{"do":"leave","status":3}"#, type: "Runtime.ExitError",
            words: "Runtime exited with error: exit status 3"),
        Mishap(
            event: #"{"do":"fault"}"#, type: "Runtime.ExitError",
            words: "Runtime exited with error: signal: segmentation fault"),
        Mishap(event: #"{"do":"die","signal":9}"#, type: "Runtime.ExitError", words: killed),
        Mishap(
            event: #"{"do":"die","signal":6}"#, type: "Runtime.ExitError",
            words: "Runtime exited with error: signal: aborted"),
        Mishap(event: #"{"do":"eat"}"#, type: "Runtime.OutOfMemory", words: killed, endsEnvironment: true),
        Mishap(event: #"{"do":"child_eats"}"#, type: "Runtime.OutOfMemory", words: killed, endsEnvironment: true),
    ]

    @Test func whoeverWaitsIsToldAndTheNextEventIsServed() throws {
        let server = try ServerUnderTest()
        for (index, mishap) in Self.mishaps.enumerated() { try see(mishap, "mishap-\(index)", server) }
        try server.end()
    }

    private func see(_ mishap: Mishap, _ name: String, _ server: ServerUnderTest) throws {
        // A start anew has no more of the CPU than the memory buys.
        try server.deployLifecycle(
            name, "events.handler", timeout: mishap.status == "timeout" ? 1 : 5, [],
            [("memory", .integer(mishap.endsEnvironment ? 128 : 1024))])
        let before = try server.invoke(name, #"{"do":"keep"}"#)
        #expect(before.text == "null", "\(mishap): \(before)")
        let answer = try server.invoke(name, mishap.event, ServerUnderTest.withLog)
        #expect(answer.isError && answer.reply.status == 200, "\(mishap): \(answer)")
        let message = "RequestId: \(answer.requestID) Error: \(mishap.words)"
        let expected = JSON.object([("errorType", .text(mishap.type)), ("errorMessage", .text(message))])
        #expect(answer.text == expected.line, "\(mishap)")
        #expect(answer.environment == before.environment, "\(mishap)")

        let next = try server.invoke(name)
        // Fresh processes: nothing is remembered, and nothing runs that was left behind.
        #expect(next.json?["events"] == .integer(1), "\(mishap): \(next)")
        #expect(next.json?["running"] == .list([]), "\(mishap): \(next)")
        #expect(next.json?["kept"] == .bool(!mishap.endsEnvironment), "\(mishap): \(next)")
        #expect((next.environment == before.environment) == !mishap.endsEnvironment, "\(mishap)")
        #expect(try server.environments(of: name).count == 1, "\(mishap)")
        checkLog(answer, mishap)
        try server.delete(name)
    }

    private func checkLog(_ answer: Answer, _ mishap: Mishap) {
        let (id, log) = (answer.requestID, answer.logTail)
        let lines = log.split(separator: "\n").map(String.init)
        #expect(lines.first == "START RequestId: \(id) Version: $LATEST", "\(mishap): \(log)")
        guard lines.count >= 5 else {
            Issue.record("\(mishap): lines are missing in \(log)")
            return
        }
        let last = Array(lines.suffix(4))
        #expect(last[0].hasSuffix("Z RequestId: \(id) Error: \(mishap.words)"), "\(mishap): \(log)")
        #expect(last[1] == mishap.type, "\(mishap): \(log)")
        #expect(last[2] == "END RequestId: \(id)", "\(mishap): \(log)")
        let report = last[3].split(separator: "\t").map(String.init)
        #expect(report[0] == "REPORT RequestId: \(id)", "\(mishap): \(log)")
        if mishap.status == "timeout" {
            #expect(report[1...2] == ["Duration: 1000.00 ms", "Billed Duration: 1000 ms"], "\(mishap): \(log)")
        }
        let status = mishap.status.map { ["Status: \($0)"] } ?? ["Status: error", "Error Type: \(mishap.type)"]
        #expect(Array(report.suffix(status.count)) == status, "\(mishap): \(log)")
        #expect(!log.contains("Init Duration"), "\(mishap): \(log)")
    }

    @Test func aChildThatIsLeftBehindGoesOnUntilTheRuntimeFails() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("left", "events.handler", timeout: 3)
        let first = try server.invoke("left", #"{"do":"leave_child"}"#)
        #expect(first.json?["running"]?.list?.isEmpty == false, "\(first)")
        let second = try server.invoke("left")
        #expect(second.json?["running"] == .list([.text("sleep 1000")]), "\(second)")
        #expect(second.json?["events"] == .integer(2))
        #expect(try server.invoke("left", #"{"do":"leave","status":1}"#).isError)
        let third = try server.invoke("left")
        #expect(third.json?["running"] == .list([]), "\(third)")
        try server.end()
    }

    /// Whoever ends between two events is started anew for the next, which is not told about it.
    @Test func aRuntimeThatEndsBetweenEventsIsStartedAnew() throws {
        let server = try ServerUnderTest(["--freeze-after", "60000"])
        let code = """
            import os, threading, time
            def leave():
                time.sleep(0.1)
                os._exit(5)
            def handler(event, context):
                if event.get("leave"): threading.Thread(target=leave).start()
                return os.path.exists("/tmp/kept") or open("/tmp/kept", "w").close()
            """
        try server.deploy("between", runtime: "python3.11", handler: "main.handler", files: [("main.py", code)])
        let first = try server.invoke("between", #"{"leave":1}"#)
        #expect(first.text == "null", "\(first)")
        usleep(300_000)
        let next = try server.invoke("between", "{}", ServerUnderTest.withLog)
        #expect(next.text == "true" && next.environment == first.environment, "\(next)")
        #expect(next.logTail.contains("\tMemory Size: 128 MB\t"), "\(next.logTail)")
        try server.end()
    }
}

extension ServerUnderTest {
    func deployLifecycle(
        _ name: String, _ handler: String, timeout: Int64, _ variables: [(String, String)] = [],
        _ more: [(String, JSON)] = []
    ) throws {
        try deploy(
            name, runtime: "python3.11", handler: handler, files: try Subjects.files("lifecycle"),
            [
                ("timeout", .integer(timeout)),
                ("environment", .object(variables.map { ($0.0, .text($0.1)) })),
            ] + more)
    }
}
