// A client of the Runtime API that misbehaves in each way: what it is answered, what its caller is told; and meanwhile a
// neighbour's events are served as ever.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Misbehaviour {
    struct Behaviour: Sendable, CustomTestStringConvertible {
        let name: String
        /// What the caller gets: a payload, or an error by its payload.
        var payload: String?
        var isError = false
        /// What is said to the client, in this order.
        var log: [String] = []

        var testDescription: String { name }
    }

    private static let wrongID = #"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#
    private static let taken = #"202 {"status":"OK"}"#

    private static func refused(_ from: String, _ to: String) -> String {
        let words = "State transition from \(from) to \(to) failed for runtime. Error: State transition is not allowed"
        return #"403 {"errorMessage":"\#(words)","errorType":"InvalidStateTransition"}"#
    }

    private static let tooLarge = """
        413 {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}
        """
    private static let tooLargePayload = """
        {"errorType":"Function.ResponseSizeTooLarge","errorMessage":\
        "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}
        """
    private static let timedOut = """
        {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}
        """

    static let all = [
        Behaviour(
            name: "wrong_id", payload: #""right""#,
            log: ["wrong id: \(wrongID)", "error of a wrong id: \(wrongID)", "right id: \(taken)"]),
        Behaviour(
            name: "twice", payload: "1",
            log: [
                "first: \(taken)", "second: \(refused("RuntimeResponseSentState", "InvocationResponse"))",
                "error after it: \(refused("RuntimeResponseSentState", "InvocationErrorResponse"))",
            ]),
        Behaviour(
            name: "error_twice", payload: #"{"errorType":"Own","errorMessage":"mine"}"#, isError: true,
            log: ["first: \(taken)", "response after it: \(refused("RuntimeResponseSentState", "InvocationResponse"))"]),
        Behaviour(
            name: "late_init_error", payload: "1",
            log: ["init/error: \(refused("Running", "InitError"))", "answer: \(taken)"]),
        Behaviour(name: "next_again", payload: "{}", log: ["the same event", "answer: \(taken)"]),
        Behaviour(
            name: "next_twice", payload: "1",
            log: ["answer: \(taken)", "next beside another: \(refused("Ready", "Ready"))"]),
        Behaviour(name: "too_large", payload: tooLargePayload, isError: true, log: ["seven MB: \(tooLarge)"]),
        Behaviour(name: "largest", log: ["largest: \(taken)"]),
        Behaviour(
            name: "too_large_in_chunks", payload: tooLargePayload, isError: true,
            log: ["seven MB in chunks: \(tooLarge)"]),
        Behaviour(
            name: "response_mode",
            payload:
                #"{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"Invalid function response mode"}"#,
            isError: true,
            log: [
                #"mode: 400 {"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}"#
            ]),
        Behaviour(
            name: "paths", payload: "1",
            log: [
                "unknown path: 404 404 page not found", "no path: 404 404 page not found", "POST next: 405 GET 0",
                "GET response: 405 POST 0", "PUT error: 405 POST 0", "ping: 200 pong", "answer: \(taken)",
            ]),
        Behaviour(
            name: "garbage", payload: "1",
            log: [
                "garbage: 400", "garbage: 400", "garbage: 505", "garbage: 431", "garbage: 400", "garbage: 431",
                "answer: \(taken)",
            ]),
        Behaviour(name: "half", payload: #""whole""#, log: ["answer: \(taken)"]),
        Behaviour(
            name: "half_and_the_end", payload: #""whole""#,
            log: [
                #"half: 400 {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}"#,
                "answer: \(taken)",
            ]),
        Behaviour(name: "half_and_nothing", payload: timedOut, isError: true),
        Behaviour(
            name: "half_a_stream",
            payload: """
                {"errorType":"Runtime.TruncatedResponse","errorMessage":\
                "The runtime closed the connection in the middle of its response"}
                """, isError: true),
        Behaviour(name: "late", payload: timedOut, isError: true),
        Behaviour(name: "connections", payload: "1", log: ["1000 connections", "answer: \(taken)"]),
        Behaviour(name: "byte_by_byte", payload: #""slow""#, log: ["answer: \(taken)"]),
        Behaviour(name: "error_types", payload: "not even JSON", isError: true, log: ["answer: \(taken)"]),
    ]

    @Test func eachIsAnsweredAndHarmsNobody() throws {
        // One of them goes on misbehaving when it has asked for the next event.
        let server = try ServerUnderTest(["--freeze-after", "2000"])
        let echo = "def handler(event, context): return event"
        try server.deploy("neighbour", runtime: "python3.11", handler: "main.handler", files: [("main.py", echo)])
        #expect(try server.invoke("neighbour", "0").text == "0")
        let files = try Subjects.files("misbehaving")
        for behaviour in Self.all {
            let name = behaviour.name
            try server.deploy(
                name, runtime: "python3.11", handler: "runtime.handler", files: files,
                [
                    ("timeout", .integer(behaviour.payload == Self.timedOut ? 1 : 10)),
                    ("environment", .object([("BEHAVIOUR", .text(behaviour.name))])),
                ])
            // Who waits for the log waits until the runtime has asked for the next event.
            let pending = try server.begin(name, "{}", ServerUnderTest.withLog)
            try serveNeighbour(server, behaviour.name)
            try check(behaviour, try pending.finish(), server)
            try serveNeighbour(server, behaviour.name)
            try server.delete(name)
        }
        let environments = try server.environments(of: "neighbour")
        #expect(environments.first?["served"] == .integer(Int64(1 + Self.all.count * 40)), "\(environments)")
        try server.end()
    }

    /// Who asks for a large event on a hundred connections and reads none of it must not make us hold a hundred of them.
    @Test func whatAGreedyRuntimeMakesTheSupervisorHoldIsBounded() throws {
        let server = try ServerUnderTest()
        try server.deploy(
            "greedy", runtime: "python3.11", handler: "runtime.handler", files: try Subjects.files("misbehaving"),
            [("timeout", .integer(20)), ("environment", .object([("BEHAVIOUR", .text("greedy"))]))])
        let event = "\"" + String(repeating: "x", count: 6_000_000) + "\""
        let answer = try server.invoke("greedy", event, ServerUnderTest.withLog)
        #expect(answer.text == #""enough""#, "\(answer)\n\(answer.logTail)")
        let status = HostProcesses.text("/proc/\(server.process.pid)/status") ?? ""
        let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }?.split(separator: " ").dropFirst()
            .first
        let kilobytes = try #require(peak.flatMap { Int($0) }, "\(status)")
        #expect(kilobytes < 150_000, "a hundred events would be 600,000")
        try server.end()
    }

    private func serveNeighbour(_ server: ServerUnderTest, _ during: String) throws {
        for number in 0..<20 {
            let answer = try server.invoke("neighbour", "\(number)")
            #expect(answer.text == "\(number)", "\(during): \(answer)")
        }
    }

    private func check(_ behaviour: Behaviour, _ answer: Answer, _ server: ServerUnderTest) throws {
        #expect(answer.isError == behaviour.isError, "\(behaviour): \(answer)\n\(answer.logTail)")
        if let payload = behaviour.payload {
            let text = answer.text.replacing(answer.requestID, with: "ID")
            #expect(text == payload, "\(behaviour): \(answer)\n\(answer.logTail)")
        }
        // The next event: of the same runtime, or of one that was started anew and misbehaves again.
        if behaviour.payload != Self.timedOut {
            if behaviour.name == "next_twice" { usleep(500_000) }
            let next = try server.invoke(behaviour.name, "2")
            #expect(next.text == #"{"after":2}"#, "\(behaviour): \(next)")
        }
        let log = try server.log(behaviour.name)
        var lines = log.split(separator: "\n").map(String.init)[...]
        for wanted in behaviour.log {
            guard let index = lines.firstIndex(of: wanted) else {
                Issue.record("\(behaviour): no '\(wanted)' in\n\(log)")
                return
            }
            lines = lines[(index + 1)...]
        }
        #expect(!log.contains("late: "), "\(behaviour): \(log)")
    }
}
