// Telemetry: what a subscriber inside gets of the platform's, the function's and its own events, over HTTP and over TCP.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct TelemetrySubscriptions {
    @Test(arguments: ["telemetry_http", "telemetry_tcp"]) func everyKindOfEventComes(_ how: String) throws {
        // What is gathered is delivered before the environment is frozen.
        let server = try ServerUnderTest(["--freeze-after", "2000"])
        try server.deployExtended("watched", how: how)
        let answer = try server.invoke("watched", #"{"do":"write","lines":1,"length":6}"#, ServerUnderTest.withLog)
        #expect(answer.text == #""written""#, "\(answer)")
        var log = try server.log("watched", until: "got platform.report ")
        let events = Events(log)
        #expect(log.contains("subscribed: 200 \"OK\"\n"), "\(log)")
        for type in [
            "initStart", "telemetrySubscription", "extension", "initRuntimeDone", "initReport", "start", "runtimeDone",
            "report",
        ] {
            #expect(events["platform.\(type)"].count == 1, "\(type): \(log)")
        }
        #expect(events["platform.telemetrySubscription"].first?["name"] == .text("watcher"), "\(log)")
        #expect(events["platform.start"].first?["requestId"] == .text(answer.requestID), "\(log)")
        let done = events["platform.runtimeDone"].first
        #expect(done?["status"] == .text("success") && done?["requestId"] == .text(answer.requestID), "\(log)")
        #expect(done?["metrics"]?["producedBytes"] == .integer(9), "\(log)")
        let metrics = events["platform.report"].first?["metrics"]
        #expect(metrics?["memorySizeMB"] == .integer(1024), "\(log)")
        #expect((metrics?["initDurationMs"]?.number ?? 0) > 1, "\(log)")
        #expect(log.contains("got function xxxxx\n") && log.contains("got extension hello\n"), "\(log)")

        // Whoever subscribes anew after a failure gets each event once.
        let failed = try server.invoke("watched", #"{"do":"leave","status":3}"#)
        #expect(failed.errorType == "Runtime.ExitError", "\(failed)")
        let again = try server.invoke("watched", "{}", ServerUnderTest.withLog)
        #expect(!again.isError, "\(again)")
        log = try server.log("watched", until: "\"requestId\": \"\(again.requestID)\", \"status\": \"success\"")
        usleep(200_000)
        log = try server.log("watched")
        for event in [Events(log)["platform.runtimeDone"], Events(log)["platform.report"]].flatMap(\.self)
        where event["requestId"] == .text(failed.requestID) {
            #expect(event["errorType"] == .text("Runtime.ExitError"), "\(log)")
        }
        #expect(Events(log)["platform.initReport"].last?["phase"] == .text("invoke"), "\(log)")
        for type in ["start", "runtimeDone", "report"] {
            let count = Events(log)["platform.\(type)"].count { $0["requestId"] == .text(again.requestID) }
            #expect(count == 1, "\(type): \(log)")
        }
        try server.end()
    }

    /// What is gathered when an environment is frozen is delivered before it ends.
    @Test func whatIsLeftComesAtTheEnd() throws {
        let server = try ServerUnderTest(["--freeze-after", "5"])
        try server.deployExtended("late", how: "telemetry_later")
        let answer = try server.invoke("late", "{}", ServerUnderTest.withLog)
        usleep(100_000)
        #expect(try !server.log("late").contains("got platform.report "))
        #expect(try server.request("DELETE", "/v1/environments/\(answer.environment)").status == 204)
        let log = try server.log("late")
        #expect(Events(log)["platform.report"].first?["requestId"] == .text(answer.requestID), "\(log)")
        #expect(log.contains("shutdown: spindown True\n"), "\(log)")
        try server.end()
    }

    /// The lines that the subscriber writes of the events that it gets.
    private struct Events {
        private let lines: [Substring]
        init(_ log: String) { lines = log.split(separator: "\n") }

        subscript(type: String) -> [JSON] {
            lines.filter { $0.hasPrefix("got \(type) ") }
                .compactMap { try? JSON(parsing: Array($0.dropFirst(5 + type.count).utf8)) }
        }
    }
}
