// Extensions: external ones, started from a layer, and what becomes of an environment whose extension fails.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ExternalExtensions {
    @Test func hearOfEventsAndOfTheEnd() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("watched", how: "watch")
        let first = try server.invoke("watched", #"{"do":"tell"}"#, [("Martlet-Trace-Id", "Root=1-2-3")])
        #expect(first.json?["events"] == .integer(1), "\(first)")
        let second = try server.invoke("watched", "{}", ServerUnderTest.withLog)
        let log = try server.log("watched")
        #expect(log.contains("EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n"), "\(log)")
        let registration = """
            registered: 200 {"functionName":"watched","functionVersion":"$LATEST","handler":"events.handler",\
            "accountId":"000000000000"}
            """
        #expect(log.contains(registration), "\(log)")
        let events = log.split(separator: "\n").compactMap { line in
            line.hasPrefix("invoke: ") ? try? JSON(parsing: Array(line.dropFirst(8).utf8)) : nil
        }
        #expect(events.map { $0["requestId"]?.text } == [first.requestID, second.requestID], "\(log)")
        #expect(events.first?["tracing"]?["value"] == .text("Root=1-2-3"), "\(log)")
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:watched"
        #expect(events.first?["invokedFunctionArn"] == .text(arn), "\(log)")

        let end = try server.request("DELETE", "/v1/environments/\(second.environment)")
        #expect(end.status == 204)
        #expect(try server.log("watched").contains("shutdown: spindown True\n"))
        try server.end()
    }

    @Test func areToldWhatTheyDoWrong() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("wrong", how: "errors")
        // The ones of the same process never ask for an event: so the environment is never ready.
        let pending = try server.begin("wrong")
        let log = try server.log("wrong", until: "all tried\n")
        let answers = log.split(separator: "\n").filter { !$0.hasPrefix("INIT") && !$0.hasPrefix("EXTENSION") }
        let expected =
            [
                "no name: 403 Extension.InvalidExtensionName", "no JSON: 403 InvalidRequestFormat",
                "event: 403 Extension.InvalidEventType", "internal: 403 Extension.InvalidEventType",
                "no identifier: 403 Extension.MissingExtensionIdentifier",
                "odd identifier: 403 Extension.InvalidExtensionIdentifier",
                "unknown identifier: 403 Extension.UnknownExtensionIdentifier",
                "unknown subscriber: 403 Extension.UnknownExtensionIdentifier",
            ] + Array(repeating: "another: 200 ", count: 9) + ["registered: 200 "]
            + [
                "eleventh: 403 Extension.TooManyExtensions", "again: 403 Extension.AlreadyRegistered",
                "no type: 403 Extension.MissingHeader",
            ] + Array(repeating: "subscription: 400 ValidationError", count: 6)
        for (answer, wanted) in zip(answers, expected) { #expect(answer.hasPrefix(wanted), "\(log)") }
        #expect(answers.count >= expected.count, "\(log)")
        let environment = try #require(try server.environments(of: "wrong").first?["id"]?.text)
        _ = try server.request("DELETE", "/v1/environments/\(environment)?now=1")
        #expect(try pending.finish().errorType == "Sandbox.Failure")
        try server.end()
    }

    struct Failing: Sendable {
        let how: String
        let type: String
        var words: String?
    }

    /// In the middle of an event, or before there is any; whoever waits is told, and so is the one after.
    @Test(arguments: [
        Failing(how: "crash", type: "Extension.Crash"),
        Failing(how: "exit_error", type: "Extension.ExitError", words: "Extension.Weary"),
        Failing(how: "exit_early", type: "Extension.Crash"),
        Failing(how: "init_error", type: "Extension.InitError", words: "Extension.NotToday"),
    ]) func failuresAreTold(_ failing: Failing) throws {
        let server = try ServerUnderTest()
        try server.deployExtended("failing", how: failing.how)
        for _ in 0..<2 {
            let answer = try server.invoke("failing", #"{"do":"sleep","seconds":1}"#)
            #expect(answer.errorType == failing.type, "\(answer)")
            #expect(answer.errorMessage.hasPrefix("RequestId: \(answer.requestID) Error: "), "\(answer)")
            if let words = failing.words { #expect(answer.errorMessage.hasSuffix(words), "\(answer)") }
        }
        let state = ["exit_early": "Started", "init_error": "Registered"][failing.how] ?? "Ready"
        let log = try server.log("failing")
        #expect(log.contains("EXTENSION\tName: watcher\tState: \(state)\tEvents: ["), "\(log)")
        // With an extension that behaves, the function is served again.
        try server.deployExtended("failing", how: "watch")
        #expect(try server.invoke("failing").json?["events"] == .integer(1))
        try server.end()
    }

    @Test func oneThatNeverComesBackHoldsItsEnvironmentUntilTheTimeout() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("held", how: "never_back", timeout: 1)
        let clock = ContinuousClock()
        let start = clock.now
        // The answer does not wait for the extension; the log does.
        #expect(try server.invoke("held").json?["events"] == .integer(1))
        #expect(clock.now - start < .seconds(1))
        let environment = try #require(try server.environments(of: "held").first)
        #expect(environment["state"] == .text("finishing"), "\(environment)")
        let log = try server.log("held", until: "Status: timeout\n")
        #expect(log.contains("Status: timeout\n"), "\(log)")
        // It is told of the end, does not come for that either, and two seconds later the environment is free.
        let next = try server.invoke("held")
        #expect(next.environment == environment["id"]?.text && next.json?["events"] == .integer(1), "\(next)")
        #expect(next.json?["running"]?.list?.count == 1, "\(next)")
        try server.end()
    }

    @Test func theyHearOfFailuresAndTimeouts() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("told", how: "late", timeout: 1)
        let answer = try server.invoke("told", #"{"do":"sleep","seconds":5}"#)
        #expect(answer.errorType == "Sandbox.Timedout", "\(answer)")
        #expect(try server.invoke("told", #"{"do":"leave","status":1}"#).errorType == "Runtime.ExitError")
        #expect(try server.invoke("told").json?["events"] == .integer(1))
        let log = try server.log("told")
        // An answer after the deadline belongs to nothing any more.
        #expect(log.contains("shutdown: timeout True\nlate: 400 InvalidRequestID\n"), "\(log)")
        #expect(log.contains("shutdown: failure True\nlate: 400 InvalidRequestID\n"), "\(log)")
        try server.end()
    }

    /// An event that comes while an environment is cleared has all of its time afterwards, and no more than that.
    @Test func anEventWaitsForTheClearingAndThenHasItsOwnTime() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("cleared", how: "stubborn", timeout: 1)
        let clock = ContinuousClock()
        for seconds in [0...3, 2...5] {
            let start = clock.now
            let answer = try server.invoke("cleared", #"{"do":"sleep","seconds":20}"#)
            #expect(answer.errorType == "Sandbox.Timedout", "\(answer)")
            let took = (clock.now - start) / .seconds(1)
            #expect(took > Double(seconds.lowerBound) && took < Double(seconds.upperBound), "\(took) seconds")
        }
        #expect(try server.invoke("cleared").json?["events"] == .integer(1))
        try server.end()
    }

    @Test func oneThatDoesNotEndIsKilledAfterTwoSeconds() throws {
        let server = try ServerUnderTest()
        try server.deployExtended("stubborn", how: "stubborn")
        let answer = try server.invoke("stubborn")
        #expect(!answer.isError, "\(answer)")
        let before = Leftovers.now()
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try server.request("DELETE", "/v1/environments/\(answer.environment)").status == 204)
        let took = clock.now - start
        #expect(took > .milliseconds(1950) && took < .milliseconds(2500), "\(took)")
        #expect(Leftovers.now().processes < before.processes)
        #expect(try server.log("stubborn").contains("shutdown: spindown True\n"))
        try server.end()
    }

    /// The runtime is asked to end first, so that extensions see the last of it; one that does not is not waited for.
    @Test(arguments: ["", "stays"]) func theRuntimeEndsBeforeThem(_ how: String) throws {
        let server = try ServerUnderTest()
        try server.deployExtended("ends", how: "watch")
        let answer = try server.invoke("ends", #"{"do":"tell_the_end","how":"\#(how)"}"#)
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try server.request("DELETE", "/v1/environments/\(answer.environment)").status == 204)
        let took = clock.now - start
        #expect(how.isEmpty ? took < .milliseconds(290) : took > .milliseconds(295), "\(took)")
        #expect(took < .milliseconds(1500), "\(took)")
        let log = try server.log("ends")
        #expect(log.contains("the runtime is told\nshutdown: spindown True\n"), "\(log)")
        try server.end()
    }

    @Test func internalOnesLiveInTheRuntime() throws {
        let server = try ServerUnderTest()
        let code = """
            import json, os, threading
            from http.client import HTTPConnection
            def ask(method, path, body=None, **headers):
                connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
                connection.request(method, "/2020-01-01/extension/" + path, body, headers)
                answer = connection.getresponse()
                return answer, answer.read()
            answer, _ = ask("POST", "register", '{"events":["INVOKE"]}', **{"Lambda-Extension-Name": "inside"})
            identifier = answer.headers["Lambda-Extension-Identifier"]
            seen = []
            def watch():
                while True:
                    event = json.loads(ask("GET", "event/next", **{"Lambda-Extension-Identifier": identifier})[1])
                    seen.append(event["requestId"])
            threading.Thread(target=watch, daemon=True).start()
            def handler(event, context):
                status = None
                if event.get("late"):
                    late, body = ask("POST", "register", '{"events":[]}', **{"Lambda-Extension-Name": "late"})
                    status = [late.status, json.loads(body)["errorType"]]
                return {"seen": seen, "late": status}
            """
        try server.deploy("inside", runtime: "python3.11", handler: "main.handler", files: [("main.py", code)])
        let first = try server.invoke("inside", "{}", ServerUnderTest.withLog)
        let second = try server.invoke("inside", #"{"late":1}"#)
        #expect(second.json?["seen"]?.list?.first == .text(first.requestID), "\(second)")
        let refused = JSON.list([.integer(403), .text("Extension.RegistrationClosed")])
        #expect(second.json?["late"] == refused, "\(second)")
        try server.end()
    }
}

extension ServerUnderTest {
    /// A function of the lifecycle's, with the extension `watcher` in a layer.
    func deployExtended(_ name: String, how: String, timeout: Int64 = 5) throws {
        let files = try Subjects.files("extensions")
        let layer = JSON.object([("files", .object(files.map { ($0.0, .text($0.1)) }))])
        // A start anew has no more of the CPU than the memory buys.
        try deployLifecycle(
            name, "events.handler", timeout: timeout, [("HOW", how)],
            [("memory", .integer(1024)), ("layers", .list([layer]))])
    }
}
