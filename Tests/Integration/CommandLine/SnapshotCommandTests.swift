// `martlet snapshot`, `martlet bench`, and the options that say how a function starts.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct SnapshotCommands {
    private func deployed(_ options: [String]) throws -> (ServerUnderTest, CodeFolder) {
        let server = try ServerUnderTest()
        let folder = try CodeFolder()
        try folder.add(
            "app.py", "import uuid\ndef handler(event, context):\n    return {'hello': event.get('name')}\n")
        let outcome = try server.command(["deploy", "f", folder["app.py"]] + options).run()
        #expect(outcome.status == 0, "\(outcome)")
        return (server, folder)
    }

    @Test func oneIsMadeListedInspectedAndDeleted() throws {
        let (server, folder) = try deployed(["--memory", "1769"])
        let none = try server.martlet("snapshot", "list")
        #expect(none.status == 0 && none.output.isEmpty && none.errors.contains("snapshot create"), "\(none)")
        let refused = try server.martlet("invoke", "f", "--start", "restore")
        #expect(refused.status == 75 && refused.errors.contains("martlet snapshot create"), "\(refused)")
        let made = try server.martlet("snapshot", "create", "f")
        #expect(made.status == 0 && made.output.hasPrefix("made: f ("), "\(made)")
        let list = try server.martlet("snapshot", "list")
        #expect(list.output.contains("ready"), "\(list)")
        let json = try JSON(parsing: Array(try server.martlet("snapshot", "inspect", "f", "--json").output.utf8))
        #expect(json["state"]?.text == "ready" && json["image"]?.object?.isEmpty == false, "\(json.line)")
        #expect(json["image"]?["memo"] == nil)
        let pages = try #require(json["image"]?["pages"]?.integer)
        let distinct = try #require(json["image"]?["distinct_pages"]?.integer)
        #expect(distinct > 0 && distinct <= pages)
        let inspected = try server.martlet("snapshot", "inspect", "f")
        #expect(inspected.output.contains("state: ready\n") && inspected.output.contains("image\n"), "\(inspected)")
        for (mode, started) in [("restore", "restored"), ("cold", "cold"), ("warm", "warm")] {
            let outcome = try server.martlet("invoke", "f", #"{"name": "x"}"#, "--start", mode, "--json")
            let answer = try JSON(parsing: Array(outcome.output.utf8))
            #expect(answer["phases"]?["start"]?.text == started, "\(outcome)")
        }
        let deleted = try server.martlet("snapshot", "delete", "f")
        #expect(deleted.status == 0 && deleted.output == "deleted: the snapshot of f\n", "\(deleted)")
        #expect(try server.martlet("snapshot", "create", "nobody").status == 66)
        withExtendedLifetime(folder) {}
        try server.end()
    }

    @Test func deployTakesHowItStarts() throws {
        let warmUp = try CodeFolder()
        try warmUp.add("events", "{\"name\": 1}\n\n{\"name\": 2}\n")
        let (server, folder) = try deployed([
            "--warm-up", warmUp["events"], "--provisioned", "1", "--reserved", "5", "--start", "pooled",
        ])
        let function = try server.request("GET", "/v1/functions/f").json
        #expect(function?["snapshot"] == .bool(true) && function?["warm_up"]?.list?.count == 2)
        #expect(function?["provisioned"] == .integer(1) && function?["reserved"] == .integer(5))
        #expect(function?["start"] == .text("pooled"))
        try server.waitForParked("f", 1)
        #expect(try server.invoke("f").started == "pooled")

        try warmUp.add("events", "{\"name\": 1}\nnot JSON\n")
        let wrong = try server.command(["deploy", "f", folder["app.py"], "--warm-up", warmUp["events"]]).run()
        #expect(wrong.status == 64 && wrong.errors.contains("line 2"), "\(wrong)")
        let more = try server.command(["deploy", "f", folder["app.py"], "--provisioned", "3", "--reserved", "2"]).run()
        #expect(more.status == 64 && more.errors.contains("more than the 2"), "\(more)")
        try server.end()
    }

    @Test func benchMeasuresBesideTheBareInterpreter() throws {
        let (server, folder) = try deployed(["--snapshot", "--memory", "1769"])
        _ = try server.makeSnapshot("f")
        let outcome = try server.martlet(
            "bench", "f", #"{"name": true}"#, "--start", "restore", "-n", "4", "--concurrency", "3", "--json",
            "--code", folder.path)
        #expect(outcome.status == 0, "\(outcome)")
        let json = try JSON(parsing: Array(outcome.output.utf8))
        #expect(json["started"] == .object([("restored", .integer(4))]), "\(outcome)")
        #expect(json["client"]?["count"] == .integer(4) && json["crowd"]?["at_once"] == .integer(3), "\(outcome)")
        #expect((json["phases"]?["restore"]?["median_us"]?.integer ?? 0) > 0, "\(outcome)")
        // A host without the interpreter has nothing to compare with, and says so.
        #expect(json["bare"] != nil || json["no_bare"] != nil, "\(outcome)")
        let words = try server.martlet("bench", "f", "--count", "2", "--no-bare", "--start", "warm")
        #expect(words.status == 0 && words.output.contains("client to answer"), "\(words)")
        #expect(try server.martlet("bench", "nobody").status == 66)
        try server.end()
    }
}
