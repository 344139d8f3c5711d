// The commands that speak to an engine, against one of the test's own.

import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct Client {
    let server: ServerUnderTest
    let folder: CodeFolder

    init() throws {
        server = try ServerUnderTest()
        folder = try CodeFolder([("hello.py", Sample.python), ("index.js", Sample.node)])
    }

    private func deployHello() throws {
        let outcome = try server.martlet("deploy", "hello", folder["hello.py"])
        #expect(outcome.status == 0, "\(outcome)")
    }

    private func object(_ outcome: IntegrationSupport.Outcome) throws -> JSON {
        #expect(outcome.status == 0, "\(outcome)")
        return try JSON(parsing: Array(outcome.output.utf8))
    }

    @Test func fromDeployToDelete() throws {
        let deployed = try server.martlet("deploy", "hello", folder["hello.py"], "--memory", "256")
        #expect(deployed.output == "deployed: hello (python3.11, hello.handler, 256 MB, 3 s)\n", "\(deployed)")
        #expect(deployed.errors == "martlet: guessed --runtime python3.11 --handler hello.handler\n")

        let invoked = try server.martlet("invoke", "hello", #"{"a": 1}"#, "--log")
        #expect(invoked.status == 0, "\(invoked)")
        #expect(invoked.output.hasPrefix(#"{"got": {"a": 1}"#), "\(invoked)")
        #expect(invoked.errors.contains("a line of log\n"))
        #expect(invoked.errors.contains("REPORT"))

        let functions = try server.martlet("functions")
        #expect(functions.output.contains("hello  python3.11  hello.handler  256"), "\(functions)")
        #expect(try server.martlet("ps").output.contains("hello"))
        #expect(try server.martlet("logs", "hello").output.contains("a line of log\n"))

        #expect(try server.martlet("delete", "hello").output == "deleted: hello\n")
        #expect(try server.martlet("invoke", "hello").status == 66)
        let none = try server.martlet("functions")
        #expect(none.output.isEmpty && none.errors.contains("nothing is deployed"), "\(none)")
    }

    @Test func aSecondInvocationIsWarm() throws {
        try deployHello()
        let first = try object(try server.martlet("invoke", "hello", "--json"))
        let second = try object(try server.martlet("invoke", "hello", "--json"))
        #expect(first["phases"]?["start"]?.text == "cold")
        #expect(second["phases"]?["start"]?.text == "warm")
        #expect(first["environment"]?.text == second["environment"]?.text)
        #expect(first["status"]?.text == "ok")
        #expect(first["response"]?["name"]?.text == "hello")
        #expect(first["log"] == nil)
    }

    @Test func anEnvironmentAheadOfAnyEvent() throws {
        try deployHello()
        let started = try server.martlet("init", "hello")
        #expect(started.status == 0, "\(started)")
        #expect(started.errors.contains("runtime and code start"))
        let id = trimmed(started.output)
        let invoked = try object(try server.martlet("invoke", "hello", "--environment", id, "--json"))
        #expect(invoked["environment"]?.text == id)
        let all = try object(try server.martlet("ps", "--json"))
        #expect(all.list?.count == 1)
        #expect(all.list?.first?["served"]?.integer == 1)
        #expect(try server.martlet("shutdown", id).output == "ended: \(id)\n")
        #expect(try object(try server.martlet("ps", "--json")).list?.isEmpty == true)
        #expect(try server.martlet("shutdown", id).status == 66)
        #expect(try server.martlet("invoke", "hello", "--environment", id).status == 66)
    }

    @Test func anEnvironmentOfAnotherFunctionIsRefused() throws {
        try deployHello()
        #expect(try server.martlet("deploy", "other", folder["index.js"]).status == 0)
        let id = trimmed(try server.martlet("init", "other").output)
        let outcome = try server.martlet("invoke", "hello", "--environment", id)
        #expect(outcome.status == 66, "\(outcome)")
        #expect(outcome.errors.contains("not one of hello's"))
    }

    @Test func shutdownNowDoesNotWait() throws {
        try deployHello()
        let id = trimmed(try server.martlet("init", "hello").output)
        let running = try server.command(["invoke", "hello", #"{"sleep": 2}"#, "--environment", id]).start()
        var state = ""
        for _ in 0..<200 where state != "busy" {
            state = try object(try server.martlet("ps", "--json")).list?.first?["state"]?.text ?? ""
        }
        #expect(try server.martlet("shutdown", "--now", id).status == 0)
        #expect(try running.end().status == 1)
    }

    @Test func functionsThatFail() throws {
        try deployHello()
        let failed = try server.martlet("invoke", "hello", #"{"fail": "no luck"}"#)
        #expect(failed.status == 1, "\(failed)")
        #expect(failed.output.contains(#""errorMessage": "no luck""#))
        #expect(failed.errors == "martlet: the function failed: ValueError: no luck\n")
        let late = try server.martlet("invoke", "hello", #"{"sleep": 60}"#)
        #expect(late.status == 124, "\(late)")
        let told = try server.martlet("invoke", "hello", #"{"fail": "no luck"}"#, "--json", "--log")
        #expect(told.status == 1)
        let object = try JSON(parsing: Array(told.output.utf8))
        #expect(object["status"]?.text == "function-error")
        #expect(object["response"]?["errorType"]?.text == "ValueError")
        #expect(object["log"]?.text?.contains("a line of log") == true)
    }

    @Test func codeThatDoesNotStart() throws {
        try folder.add("broken.py", "raise RuntimeError('no')\ndef handler(event, context): pass\n")
        #expect(try server.martlet("deploy", "broken", folder["broken.py"]).status == 0)
        let outcome = try server.martlet("init", "broken")
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("log"))
    }

    @Test func eventsComeFromFilesAndStandardInput() throws {
        try deployHello()
        try folder.add("event.json", #"{"from": "file"}"#)
        #expect(try server.martlet("invoke", "hello", "@" + folder["event.json"]).output.contains(#""from": "file""#))
        let piped = try server.martlet("invoke", "hello", "-", input: #"{"from": "stdin"}"#)
        #expect(piped.output.contains(#""from": "stdin""#))
        let context = try server.martlet("invoke", "--client-context", #"{"custom": {"x": 1}}"#, "hello")
        #expect(context.output.contains("{'x': 1}"), "\(context)")
    }

    @Test func aStreamComesInParts() throws {
        try folder.add(
            "stream.js",
            """
            exports.handler = awslambda.streamifyResponse(async (event, stream) => {
              stream.write('one ');
              await new Promise((done) => setTimeout(done, 50));
              if (event.fail) throw new Error('half way');
              stream.write('two');
              stream.end();
            });

            """)
        #expect(try server.martlet("deploy", "stream", folder["stream.js"]).status == 0)
        let whole = try server.martlet("invoke", "stream", "--stream")
        #expect(whole.status == 0, "\(whole)")
        #expect(whole.output == "one two\n")
        let half = try server.martlet("invoke", "stream", "--stream", #"{"fail": 1}"#)
        #expect(half.status == 1, "\(half)")
        #expect(half.output == "one \n")
        #expect(half.errors.contains("half way"), "\(half)")
        #expect(try server.martlet("invoke", "stream", "--stream", "--json").status == 64)
    }

    @Test func aLogIsFollowed() throws {
        try deployHello()
        let following = try server.command(["logs", "-f", "hello"]).start()
        #expect(try server.martlet("invoke", "hello").status == 0)
        try following.waitFor("a line of log")
        #expect(try server.martlet("invoke", "hello", #"{"fail": "later"}"#).status == 1)
        try following.waitFor("ValueError: later")
        following.signal(15)
        #expect(try following.end().status == 143)
        let lines = try object(try server.martlet("logs", "hello", "--json")).list?.compactMap(\.text) ?? []
        #expect(lines.contains("a line of log"))
    }

    @Test func deployingAgainChangesTheFunction() throws {
        try deployHello()
        let again = try server.martlet("deploy", "hello", folder["index.js"], "--description", "in Node", "--json")
        #expect(try object(again)["runtime"]?.text == "nodejs18.x")
        #expect(try server.martlet("invoke", "hello").output == #"{"got":{},"node":"v18"}"# + "\n")
        #expect(try server.martlet("functions").output.contains("in Node"))
    }

    @Test func mistakesAreNamed() throws {
        try deployHello()
        let mistakes: [([String], Int32, [String])] = [
            (["deploy"], 64, ["NAME", "deploy --help"]),
            (["deploy", "hello"], 64, ["CODE"]),
            (["deploy", "hello world", folder.path], 64, ["hello world"]),
            (["deploy", "x", "/no/such"], 66, ["/no/such"]),
            (["deploy", "x", folder["hello.py"], "--runtime", "cobol", "--handler", "x.y"], 64, ["cobol"]),
            (["invoke", "nobody"], 66, ["no function 'nobody'", "martlet deploy"]),
            (["invoke", "hello", "{"], 64, ["not JSON"]),
            (["invoke", "hello", "1", "2"], 64, ["'2'"]),
            (["invoke", "hello", "--environment", "../x"], 64, ["'../x'"]),
            (["init", "nobody"], 66, ["nobody"]),
            (["logs", "nobody"], 66, ["nobody"]),
            (["delete", "nobody"], 66, ["nobody"]),
            (["shutdown", "nobody"], 66, ["nobody"]),
            (["ps", "all"], 64, ["'all'"]),
            (["ps", "--all"], 64, ["--all", "ps --help"]),
        ]
        for (words, status, parts) in mistakes {
            let outcome = try server.command(words).run()
            #expect(outcome.status == status, "\(words): \(outcome)")
            #expect(outcome.output.isEmpty)
            for part in parts { #expect(outcome.errors.contains(part), "\(words): \(outcome)") }
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func whoMayNotUseTheSocketIsTold() throws {
        // A copy that nobody may run, and a directory that nobody may look into.
        try HostFiles.copy(Binaries.martlet, to: folder["martlet"])
        let outcome = try Program(
            [
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", folder["martlet"], "ps",
                "--socket",
                server.socket,
            ]
        ).run()
        #expect(outcome.status == 77, "\(outcome)")
        #expect(outcome.errors.contains("--socket-group"))
    }

    @Test func membersOfTheSocketsGroupMayUseIt() throws {
        let shared = try ServerUnderTest(["--socket-group", "65534"])
        try HostFiles.copy(Binaries.martlet, to: folder["martlet"])
        let outcome = try Program(
            [
                "setpriv", "--reuid", "65533", "--regid", "65534", "--clear-groups", folder["martlet"], "functions",
                "--json", "--socket", shared.socket,
            ]
        ).run()
        #expect(outcome.output == "[]\n", "\(outcome)")
    }

    @Test func aFullEngineSaysTryLater() throws {
        let small = try ServerUnderTest(["--max-environments", "1"])
        #expect(try small.martlet("deploy", "hello", folder["hello.py"]).status == 0)
        let running = try small.command(["invoke", "hello", #"{"sleep": 2}"#]).start()
        for _ in 0..<200 where try small.martlet("ps").output.isEmpty {}
        let outcome = try small.martlet("invoke", "hello")
        #expect(outcome.status == 75, "\(outcome)")
        #expect(outcome.errors.contains("--max-environments"))
        #expect(try running.end().status == 0)
    }
}

@Suite struct WithoutAnEngine {
    @Test(arguments: [
        ["ps"], ["functions"], ["invoke", "x"], ["init", "x"], ["shutdown", "x"], ["logs", "x"], ["delete", "x"],
    ])
    func itSaysHowToStartOne(_ words: [String]) throws {
        let outcome = try Martlet().program(words + ["--socket", "/no/such/control.sock"]).run()
        #expect(outcome.status == 69, "\(outcome)")
        #expect(
            outcome.errors.hasPrefix(
                "martlet: no engine listens at /no/such/control.sock: start one with 'sudo martlet serve'"))
    }

    @Test func allCommandsHaveHelp() throws {
        let overview = try Martlet().program(["--help"]).run()
        #expect(overview.status == 0)
        for name in [
            "run", "exec", "serve", "doctor", "deploy", "invoke", "functions", "logs", "delete", "init", "ps",
            "shutdown",
        ] {
            #expect(overview.output.contains("\n  \(name) "), "\(name)")
            let help = try Martlet().program([name, "--help"]).run()
            #expect(help.status == 0)
            #expect(help.output.contains("usage: martlet \(name)"), "\(name)")
            #expect(help.output.contains("exit status"), "\(name)")
            #expect(try Martlet().program(["help", name]).run().output == help.output)
        }
        #expect(try Martlet().program(["help", "cobol"]).run().status == 64)
    }
}
