// `martlet run`: one event, no server.

import IntegrationSupport
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct Run {
    private func run(_ words: String..., input: String = "") throws -> Outcome {
        var program = Martlet().program(["run"] + words)
        program.input = input
        return try program.run()
    }

    @Test func aPythonFileIsGuessedWhole() throws {
        let before = Leftovers.now()
        let folder = try CodeFolder([("hello.py", Sample.python)])
        let outcome = try run(folder["hello.py"], #"{"a": 1}"#)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            outcome.output.hasPrefix(#"{"got": {"a": 1}, "stage": null, "name": "hello", "memory": "#), "\(outcome)")
        #expect(outcome.output.hasSuffix("}\n"))
        #expect(outcome.errors.contains("guessed --runtime python3.11 --handler hello.handler\n"))
        #expect(outcome.errors.contains("a line of log\n"))
        #expect(outcome.errors.contains("REPORT RequestId: "))
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test(arguments: ["index.js", "index.cjs", "handlers.js"]) func aNodeFileToo(_ name: String) throws {
        let folder = try CodeFolder([(name, Sample.node)])
        let outcome = try run(folder[name], "[1, 2]")
        #expect(outcome.output == #"{"got":[1,2],"node":"v18"}"# + "\n", "\(outcome)")
    }

    @Test func anECMAScriptModuleToo() throws {
        let folder = try CodeFolder([("index.mjs", "export const handler = async (event) => event;\n")])
        #expect(try run(folder.path, "7").output == "7\n")
    }

    @Test(arguments: [
        ("lambda_function.py", "def lambda_handler(event, context): return 'here'\n", "lambda_function.lambda_handler"),
        ("app.py", "def handler(event, context): return 'here'\n", "app.handler"),
        ("main.py", "def lambda_handler(event, context): return 'here'\n", "main.lambda_handler"),
        ("index.js", "module.exports = {\n  handler: async () => 'here',\n};\n", "index.handler"),
    ])
    func theHandlerOfADirectoryIsGuessed(_ sample: (file: String, text: String, handler: String)) throws {
        let ending = sample.file.split(separator: ".").last ?? ""
        let folder = try CodeFolder([(sample.file, sample.text), ("other.\(ending)", "")])
        let outcome = try run(folder.path)
        #expect(outcome.output.replacing("\n", with: "") == #""here""#, "\(outcome)")
        #expect(outcome.errors.contains("--handler \(sample.handler)\n"), "\(outcome)")
    }

    @Test func aZipIsCodeToo() throws {
        let folder = try CodeFolder([("app.py", Sample.python), ("package/__init__.py", "")])
        let zip = try folder.zipped()
        defer { HostFiles.remove(zip) }
        #expect(try run(zip, "--memory", "256").output.contains(#""memory": "256""#))
    }

    @Test func aProgramIsABootstrap() throws {
        let folder = try CodeFolder()
        try folder.add("program", Sample.bootstrap, mode: 0o755)
        let outcome = try run(folder["program"])
        #expect(outcome.output == #"{"from":"bash"}"# + "\n", "\(outcome)")
        #expect(outcome.errors.contains("guessed --runtime provided"))
    }

    @Test func aBootstrapInADirectoryIsPreferred() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        try folder.add("bootstrap", Sample.bootstrap, mode: 0o755)
        #expect(try run(folder.path).output == #"{"from":"bash"}"# + "\n")
    }

    @Test func optionsAndWordsComeInAnyOrder() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let outcome = try run(
            "--env", "STAGE=test", folder["app.py"], "--name=other", "{}", "--client-context", #"{"custom": {"x": 1}}"#)
        #expect(outcome.output.contains(#""stage": "test", "name": "other""#), "\(outcome)")
        #expect(outcome.output.contains(#""client": "{'x': 1}""#), "\(outcome)")
    }

    @Test func theEventComesFromAFileOrStandardInput() throws {
        let folder = try CodeFolder([("app.py", Sample.python), ("event.json", #"{"from": "file"}"#)])
        #expect(try run(folder["app.py"], "@" + folder["event.json"]).output.contains(#""from": "file""#))
        #expect(try run(folder["app.py"], "-", input: #"{"from": "stdin"}"#).output.contains(#""from": "stdin""#))
    }

    @Test func layersAreDirectoriesOrZips() throws {
        let one = try CodeFolder([("python/one.py", "value = 1\n")])
        let two = try CodeFolder([("python/two.py", "value = 2\n")])
        let zip = try two.zipped()
        defer { HostFiles.remove(zip) }
        let code = try CodeFolder([
            ("app.py", "import one, two\ndef handler(event, context): return one.value + two.value\n")
        ])
        let outcome = try run("--layer", one.path, "--layer", zip, code.path)
        #expect(outcome.output == "3\n", "\(outcome)")
    }

    @Test func jsonIsOneObject() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let outcome = try run("--json", folder["app.py"])
        #expect(outcome.output.hasPrefix(#"{"status":"ok","response":{"got":{}"#), "\(outcome)")
        #expect(outcome.output.contains(#""phases":{"start":"cold","sandbox_us":"#))
        #expect(outcome.output.contains("a line of log"))
        #expect(!outcome.errors.contains("a line of log"))
        #expect(outcome.output.split(separator: "\n").count == 1)
    }

    @Test func explainSaysWhatEachPhaseTook() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let errors = try run("--explain", folder["app.py"]).errors
        for words in ["the sandbox is made", "runtime and code start", "handles the event"] {
            #expect(errors.contains(words), "\(words)")
        }
    }

    @Test func itsLogIsNotKept() throws {
        let folder = try CodeFolder([("passing-by.py", Sample.python)])
        #expect(try run(folder["passing-by.py"]).status == 0)
        let state = Binaries.engineEnvironment["MARTLET_STATE"] ?? "/var/lib/martlet"
        #expect(!HostFiles.names(in: "\(state)/logs").contains("passing-by.log"))
    }

    // MARK: how it ends

    @Test func aFunctionThatFails() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let outcome = try run(folder["app.py"], #"{"fail": "no luck"}"#)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains(#""errorType": "ValueError""#))
        #expect(outcome.errors.contains("martlet: the function failed: ValueError: no luck\n"))
    }

    @Test func aFunctionThatTakesTooLong() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let outcome = try run(folder["app.py"], #"{"sleep": 60}"#, "--timeout", "1")
        #expect(outcome.status == 124, "\(outcome)")
        #expect(outcome.output.contains("Task timed out after 1.00 seconds"))
    }

    @Test func aFunctionOutOfMemory() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        let outcome = try run(folder["app.py"], #"{"memory": 400}"#, "--timeout", "20")
        #expect(outcome.status == 123, "\(outcome)")
        #expect(outcome.output.contains("Runtime.OutOfMemory"))
    }

    @Test(arguments: [2, 15]) func aSignalEndsItAndAllThatItMade(_ signal: Int32) throws {
        let before = Leftovers.now()
        let folder = try CodeFolder([
            (
                "app.py",
                "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(60)\n"
            )
        ])
        // The function's log is the first that is said, on what is then standard output.
        let line = "exec \"$0\" run --timeout 100 \"$1\" 2>&1"
        var program = Program(["/bin/sh", "-c", line, Binaries.martlet, folder["app.py"]])
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        let running = try program.start()
        _ = try running.firstLine()
        try running.waitFor("begun")
        running.signal(signal)
        let outcome = try running.end(limit: .seconds(10))
        #expect(outcome.status == 128 + signal, "\(outcome)")
        #expect(!outcome.timedOut)
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    // MARK: what is wrong with the input

    @Test func mistakesAreNamed() throws {
        let folder = try CodeFolder([
            ("app.py", "def other(event, context): pass\n"), ("notes.txt", "x"), ("a.py", ""), ("b.py", ""),
        ])
        let unclear = try CodeFolder([("a.py", ""), ("b.py", "")])
        let empty = try CodeFolder()
        let mistakes: [([String], Int32, [String])] = [
            ([], 64, ["no code", "run --help"]),
            (["/no/such/code"], 66, ["/no/such/code"]),
            ([folder.path], 64, ["app.py", "--handler app.NAME"]),
            ([folder["notes.txt"]], 64, ["notes.txt", "--runtime and --handler"]),
            ([unclear.path], 64, ["--runtime and --handler"]),
            ([empty.path], 64, ["no files"]),
            (["/dev/null"], 66, ["neither a directory nor a file"]),
            ([folder["app.py"], "--runtime", "cobol", "--handler", "x.y"], 66, ["cobol"]),
            ([folder["app.py"], "--handler", "app.other", "not json"], 64, ["the event is not JSON"]),
            ([folder["app.py"], "--handler", "app.other", "@/no/event"], 66, ["/no/event"]),
            ([folder["app.py"], "1", "2"], 64, ["'2'"]),
            (
                [folder["app.py"], "--handler", "app.other", "--layer", folder["app.py"]], 66,
                ["neither a directory nor a zip"]
            ),
            ([folder["app.py"], "--memory", "1"], 64, ["128 to 10240"]),
            ([folder["app.py"], "--timeout", "901"], 64, ["1 to 900"]),
            ([folder["app.py"], "--env", "X"], 64, ["NAME=VALUE"]),
            ([folder["app.py"], "--handler", "app.other", "--env", "AWS_REGION=x"], 64, ["AWS_REGION", "reserved"]),
            ([folder["app.py"], "--name", "a b"], 64, ["--name a b"]),
            ([folder["app.py"], "--fast"], 64, ["--fast", "run --help"]),
        ]
        for (words, status, parts) in mistakes {
            let outcome = try Martlet().program(["run"] + words).run()
            #expect(outcome.status == status, "\(words): \(outcome)")
            #expect(outcome.output.isEmpty)
            for part in parts { #expect(outcome.errors.contains(part), "\(words): \(outcome)") }
        }
    }

    @Test func aLinkOutOfTheDirectoryIsRefused() throws {
        let folder = try CodeFolder([("app.py", Sample.python)])
        try HostFiles.makeLink(folder["secret"], to: "/etc/shadow")
        let outcome = try run(folder.path)
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.errors.contains("secret is a link that leads out"))
    }
}
