// Environments with extensions, out of a snapshot: each hears of events, of the end, and goes on with its telemetry.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ExtendedStarts {
    @Test func extensionsHearOfEventsAndOfTheEnd() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("watched", how: "watch")
        _ = try server.makeSnapshot("watched")
        var answers: [Answer] = []
        for _ in 0..<2 {
            let answer = try server.start("watched", "restore")
            #expect(answer.started == "restored" && !answer.isError, "\(answer)")
            answers.append(answer)
            let again = try server.invokeAgain(answer)
            #expect(again.json?["events"] == .integer(2), "\(again)")
            answers.append(again)
        }
        let log = try server.log("watched", until: "\"requestId\": \"\(answers[3].requestID)\"")
        let heard = log.split(separator: "\n").compactMap { line in
            line.hasPrefix("invoke: ") ? try? JSON(parsing: Array(line.dropFirst(8).utf8)) : nil
        }
        #expect(heard.map { $0["requestId"]?.text } == answers.map(\.requestID), "\(log)")
        let end = try server.request("DELETE", "/v1/environments/\(answers[0].environment)")
        #expect(end.status == 204)
        #expect(try server.log("watched").contains("shutdown: spindown True\n"), "\(log)")
        try server.end()
    }

    @Test(arguments: ["telemetry_http", "telemetry_tcp"]) func subscribersHearOn(_ how: String) throws {
        let server = try ServerUnderTest()
        try server.deployExtended("watched", how: how)
        _ = try server.makeSnapshot("watched")
        let answer = try server.start("watched", "restore")
        #expect(answer.started == "restored" && !answer.isError, "\(answer)")
        _ = try server.request("DELETE", "/v1/environments/\(answer.environment)")
        let log = try server.log("watched", until: "platform.restoreReport")
        #expect(log.contains("platform.restoreStart") && log.contains("platform.restoreReport"), "\(log)")
        #expect(log.contains("platform.report"), "\(log)")
        try server.end()
    }
}
