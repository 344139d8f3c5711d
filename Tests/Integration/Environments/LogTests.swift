// What functions print: all of it in whole lines, and however much it is, nobody else waits and nothing fills up.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct FunctionLogs {
    @Test func aFloodHarmsNobody() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("flood", "events.handler", timeout: 60, [], [("memory", .integer(1769))])
        try server.deployLifecycle("neighbour", "events.handler", timeout: 5, [], [("memory", .integer(1769))])
        _ = try server.invoke("neighbour", #"{"do":"keep"}"#)
        let flood = try server.begin("flood", #"{"do":"write","lines":50000,"length":4096}"#, ServerUnderTest.withLog)
        var slowest = Duration.zero
        var count = 0
        let clock = ContinuousClock()
        while try server.environments(of: "flood").first?["state"] != .text("idle") {
            let start = clock.now
            #expect(try server.invoke("neighbour", #"{"do":"keep"}"#).text == "null")
            slowest = max(slowest, clock.now - start)
            count += 1
        }
        let answer = try flood.finish()
        #expect(answer.text == #""written""#, "\(answer)")
        print("\(count) events beside 200 MB of log, the slowest in \(slowest)")
        #expect(count > 5 && slowest < .milliseconds(500) * Binaries.patience, "\(count) events, \(slowest)")
        let size = HostFiles.names(in: "\(server.state)/logs").filter { $0.hasPrefix("flood.log") }
            .reduce(0) { $0 + ((try? HostFiles.read("\(server.state)/logs/\($1)").count) ?? 0) }
        #expect(size > 1 << 20 && size < 18 << 20, "\(size) bytes of log")
        #expect(try server.log("flood").contains("bytes of log were dropped"))
        try server.end()
    }

    @Test func theTailIsTheLastFourKilobytes() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("tail", "events.handler", timeout: 5)
        let short = try server.invoke("tail", #"{"do":"write","lines":2,"length":10}"#, ServerUnderTest.withLog)
        #expect(short.logTail.hasPrefix("START RequestId: \(short.requestID) Version: $LATEST\nxxxxxxxxx\n"))
        let long = try server.invoke("tail", #"{"do":"write","lines":3000,"length":10}"#, ServerUnderTest.withLog)
        #expect(long.logTail.utf8.count == 4096, "\(long.logTail.utf8.count)")
        #expect(long.logTail.contains("END RequestId: \(long.requestID)\nREPORT RequestId: \(long.requestID)\t"))
        #expect(long.logTail.hasSuffix(" MB\t\n"))
        let none = try server.invoke("tail")
        #expect(none.reply.field("martlet-log-result") == nil)
        try server.end()
    }

    /// Two environments of one function print at the same time, in many writes for each line.
    @Test func linesStayWhole() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("mixed", "events.handler", timeout: 20, [], [("memory", .integer(1769))])
        let marks = ["a", "b"]
        let pending = try marks.map {
            try server.begin("mixed", #"{"do":"write_slowly","lines":500,"mark":"\#($0)"}"#, ServerUnderTest.withLog)
        }
        var environments: Set<String> = []
        for one in pending { environments.insert(try one.finish().environment) }
        #expect(environments.count == 2)
        let lines = try server.log("mixed").split(separator: "\n")
        for mark in marks {
            let wanted = String(repeating: mark, count: 100)
            #expect(lines.count { $0 == wanted } == 500, "\(mark)")
        }
        #expect(lines.allSatisfy { !$0.contains("a") || !$0.hasPrefix("b") && !$0.hasPrefix("ab") })
        try server.end()
    }

    @Test func everyLineOfTheEngineIsAnObjectOnDemand() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("json", "events.handler", timeout: 1, [], [("log_format", .text("JSON"))])
        let answer = try server.invoke("json", "{}", ServerUnderTest.withLog)
        _ = try server.invoke("json", #"{"do":"sleep","seconds":3}"#)
        let lines = try server.log("json").split(separator: "\n").filter { $0 != "sleeping" }
        let events = lines.compactMap { try? JSON(parsing: Array($0.utf8)) }
        #expect(events.count == lines.count, "\(lines)")
        let types = events.compactMap { $0["type"]?.text }
        #expect(
            types == [
                "platform.initStart", "platform.start", "platform.report", "platform.start", "platform.fault",
                "platform.report",
            ])
        let report = events[2]["record"]
        #expect(report?["requestId"] == .text(answer.requestID) && report?["status"] == .text("success"))
        #expect(report?["metrics"]?["memorySizeMB"] == .integer(128))
        #expect((report?["metrics"]?["initDurationMs"]?.number ?? 0) > 1)
        #expect(events[5]["record"]?["status"] == .text("timeout"), "\(events[5])")
        #expect(events[5]["record"]?["metrics"]?["durationMs"] == .number(1000), "\(events[5])")
        try server.end()
    }
}
