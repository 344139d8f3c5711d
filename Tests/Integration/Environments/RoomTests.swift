// How many environments there are, which of them takes an event, and when they go.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Room {
    @Test func whereThereIsNoneTheCallerIsToldToComeBack() throws {
        let server = try ServerUnderTest(["--max-environments", "1"])
        for name in ["one", "other"] { try server.deployLifecycle(name, "events.handler", timeout: 5) }
        let busy = try server.begin("one", #"{"do":"sleep","seconds":1}"#, ServerUnderTest.withLog)
        _ = try server.log("one", until: "sleeping\n")
        let refused = try server.invoke("other")
        #expect(refused.reply.status == 429 && refused.json?["type"] == .text("TooManyRequests"), "\(refused)")
        #expect(refused.reply.field("retry-after") == "1")
        let environment = try #require(try server.environments(of: "one").first?["id"]?.text)
        let direct = try server.request("POST", "/v1/environments/\(environment)/invoke", json: "{}")
        #expect(direct.status == 409 && direct.json?["type"] == .text("EnvironmentBusy"), "\(direct.text)")
        #expect(try busy.finish().text == #""slept""#)
        // One that waits makes room, and so does one whose processes have failed.
        #expect(try server.invoke("other").json?["events"] == .integer(1))
        #expect(try server.invoke("one", #"{"do":"leave","status":1}"#).errorType == "Runtime.ExitError")
        #expect(try server.invoke("other").json?["events"] == .integer(1))
        try server.end()
    }

    /// A runtime that takes its time between its answer and its request for the next event serves one caller alone.
    @Test func oneCallerHasOneEnvironment() throws {
        let server = try ServerUnderTest(["--max-environments", "1"])
        try server.deploy(
            "shell", runtime: "provided", files: [("bootstrap", shellRuntime)], [("memory", .integer(1769))])
        let first = try server.invoke("shell", "0")
        // It waits for the runtime as long as 20 ms; on a slow machine that may be too short, and the caller asks again.
        var asked = 0
        for number in 1...20 {
            var answer = try server.invoke("shell", "\(number)")
            while answer.reply.status == 429, asked < 20 {
                asked += 1
                answer = try server.invoke("shell", "\(number)")
            }
            #expect(answer.text == "\(number)" && answer.environment == first.environment, "\(answer)")
        }
        #expect(asked == 0 || MachineSpeed.slowness > 1 && asked < 20, "asked again \(asked) times")
        // To make room it must have asked for the next event, which whoever waits for the log knows.
        _ = try server.invoke("shell", "0", ServerUnderTest.withLog)
        // One that has to wait longer goes elsewhere; where there is nothing else, it is refused.
        let slow = shellRuntime.replacing("response\"\n", with: "response\"\n    sleep 0.5\n")
        try server.deploy("slow", runtime: "provided", files: [("bootstrap", slow)])
        #expect(try server.invoke("slow", "1").text == "1")
        let refused = try server.invoke("slow", "2")
        #expect(refused.reply.status == 429, "\(refused)")
        try server.end()
    }

    @Test func whatWaitsTooLongEnds() throws {
        let server = try ServerUnderTest(["--idle-after", "1"])
        for name in ["waits", "fails"] { try server.deployLifecycle(name, "events.handler", timeout: 5) }
        _ = try server.invoke("waits")
        #expect(try server.invoke("fails", #"{"do":"leave","status":1}"#).isError)
        let deadline = ContinuousClock().now + .seconds(5)
        while try !(server.environments(of: "waits") + server.environments(of: "fails")).isEmpty {
            guard ContinuousClock().now < deadline else { break }
            usleep(100_000)
        }
        #expect(try server.environments(of: "waits").isEmpty)
        #expect(try server.environments(of: "fails").isEmpty)
        try server.end()
    }

    /// What runs comes to its end with the code that it has; what comes later gets the new one.
    @Test func anotherVersionTakesOver() throws {
        let server = try ServerUnderTest()
        func deploy(_ version: Int) throws {
            let code = """
                import time
                def handler(event, context):
                    time.sleep(event)
                    return open("/var/task/version").read()
                """
            try server.deploy(
                "changes", runtime: "python3.11", handler: "main.handler",
                files: [("main.py", code), ("version", "\(version)")])
        }
        try deploy(1)
        #expect(try server.invoke("changes", "0").text == #""1""#)
        let old = try server.begin("changes", "1")
        usleep(200_000)
        try deploy(2)
        #expect(try server.invoke("changes", "0").text == #""2""#)
        #expect(try old.finish().text == #""1""#)
        usleep(500_000)
        #expect(try server.environments(of: "changes").count == 1)
        try server.end()
    }

    @Test func aFunctionThatIsGoneHasNoLog() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("gone", how: "watch")
        let busy = try server.begin("gone", #"{"do":"sleep","seconds":1}"#)
        _ = try server.log("gone", until: "sleeping\n")
        try server.delete("gone")
        #expect(try server.invoke("gone").reply.status == 404)
        // It comes to its end, and is answered; what it prints meanwhile is nobody's any more.
        #expect(try busy.finish().text == #""slept""#)
        usleep(800_000)
        #expect(try server.request("GET", "/v1/environments").json?["environments"] == .list([]))
        #expect(HostFiles.names(in: "\(server.state)/logs") == [])
        try server.end()
    }

    /// A function that nobody has deployed lives as long as its environment.
    @Test func anEnvironmentMayBringItsFunction() throws {
        let server = try ServerUnderTest()
        let code = "def handler(event, context): return context.function_name"
        let function = """
            {"runtime":"python3.11","handler":"main.handler","code":{"files":{"main.py":"\(code)"}}}
            """
        let made = try server.request("POST", "/v1/environments", json: function)
        #expect(made.status == 201, "\(made.text)")
        let id = try #require(made.json?["id"]?.text)
        let answer = Answer(reply: try server.request("POST", "/v1/environments/\(id)/invoke", json: "{}"))
        #expect(answer.json == made.json?["function"], "\(answer)")
        #expect(try server.request("GET", "/v1/functions").json?["functions"] == .list([]))
        let places = HostFiles.names(in: "\(server.state)/passing")
        #expect(places.count == 1)
        #expect(try server.request("DELETE", "/v1/environments/\(id)").status == 204)
        let deadline = ContinuousClock().now + .seconds(5)
        func files() -> [String] {
            places.flatMap { HostFiles.names(in: "\(server.state)/passing/\($0)") }.filter { $0 != "lock" }
        }
        while !files().isEmpty, ContinuousClock().now < deadline { usleep(100_000) }
        #expect(files() == [])
        try server.end()
    }

    @Test func eventsOfTheLargestSize() throws {
        let server = try ServerUnderTest()
        let code = "def handler(event, context): return len(event)"
        try server.deploy("length", runtime: "python3.11", handler: "main.handler", files: [("main.py", code)])
        let largest = "\"\(String(repeating: "x", count: (6 << 20) - 2))\""
        let answer = try server.invoke("length", largest)
        #expect(answer.text == "\((6 << 20) - 2)", "\(answer)")
        let tooLarge = try server.invoke("length", largest + " ")
        #expect(tooLarge.reply.status == 413 && tooLarge.json?["type"] == .text("RequestTooLarge"), "\(tooLarge)")
        try server.end()
    }

    @Test func environmentsAreMadeAheadAndEndedByTheirNames() throws {
        let server = try ServerUnderTest()
        try server.deployLifecycle("ahead", "events.handler", timeout: 5)
        let events = try server.beginRequest("GET", "/v1/events")
        let made = try server.request("POST", "/v1/environments", json: #"{"function":"ahead"}"#)
        #expect(made.status == 201, "\(made.text)")
        let id = try #require(made.json?["id"]?.text)
        #expect((made.json?["phases"]?["sandbox_us"]?.integer ?? 0) > 0, "\(made.text)")
        #expect((made.json?["phases"]?["init_us"]?.integer ?? 0) > 0, "\(made.text)")
        let answer = try server.invoke("ahead")
        #expect(answer.environment == id && answer.json?["events"] == .integer(1), "\(answer)")
        let direct = Answer(reply: try server.request("POST", "/v1/environments/\(id)/invoke", json: "{}"))
        #expect(direct.json?["events"] == .integer(2), "\(direct)")
        #expect(try server.request("DELETE", "/v1/environments/\(id)").status == 204)
        #expect(try server.request("GET", "/v1/environments/\(id)").status == 404)
        var text = ""
        while !text.contains(#""state":"ended""#), let part = try events.nextPart() {
            text += String(decoding: part, as: UTF8.self)
        }
        let states = text.split(separator: "\n").compactMap { (try? JSON(parsing: Array($0.utf8)))?["state"]?.text }
        let event = ["invoking", "finishing", "idle"]
        #expect(states == ["starting", "idle"] + event + event + ["ending", "ended"], "\(text)")
        try server.end()
    }
}
