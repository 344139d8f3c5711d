// Runtimes that the function or a layer brings: a shell script with curl, and AWS's own client for Python.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct CustomRuntimes {
    @Test func aShellScriptWithCurl() throws {
        let server = try ServerUnderTest()
        try server.deploy("shell", runtime: "provided", handler: "any", files: [("bootstrap", shellRuntime)])
        for event in [#"{"a":1}"#, "\"text\"", "[]"] {
            let answer = try server.invoke("shell", event, ServerUnderTest.withLog)
            #expect(answer.text == event && !answer.isError, "\(answer)")
            #expect(answer.logTail.contains("event \(answer.requestID)\n"), "\(answer.logTail)")
        }
        #expect(try server.environments(of: "shell").count == 1)
        try server.end()
    }

    /// Layers lie one over the other; the function's own bootstrap goes before theirs.
    @Test func aBootstrapOfALayer() throws {
        let server = try ServerUnderTest()
        func layer(_ files: [(String, String)]) -> JSON {
            .object([("files", .object(files.map { ($0.0, .text($0.1)) }))])
        }
        let first = layer([("bootstrap", "#!/bin/sh\nexit 9\n"), ("own", "of the first")])
        let second = layer([("bootstrap", shellRuntime)])
        let layers = [("layers", JSON.list([first, second]))]
        try server.deploy("layered", runtime: "provided", files: [("other", "")], layers)
        #expect(try server.invoke("layered", "[2]").text == "[2]")
        try server.deploy("own", runtime: "provided", files: [("bootstrap", "#!/bin/sh\nexit 8\n")], layers)
        #expect(try server.invoke("own").errorMessage.hasSuffix("exit status 8"))
        try server.end()
    }

    @Test func variablesAreLambdas() throws {
        let server = try ServerUnderTest(["--region", "eu-north-1", "--account", "123456789012"])
        let code = "import os\ndef handler(event, context): return [dict(os.environ), context.invoked_function_arn]"
        try server.deploy(
            "variables", runtime: "python3.11", handler: "main.handler", files: [("main.py", code)],
            [
                ("memory", .integer(256)),
                ("environment", .object([("OWN", .text("a b")), ("LANG", .text("de_DE.UTF-8"))])),
            ])
        let answer = try server.invoke("variables")
        let variables = answer.json?.list?.first
        for (name, value) in [
            ("OWN", "a b"), ("LANG", "de_DE.UTF-8"), ("_HANDLER", "main.handler"), ("AWS_REGION", "eu-north-1"),
            ("AWS_DEFAULT_REGION", "eu-north-1"), ("AWS_LAMBDA_FUNCTION_NAME", "variables"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"), ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/variables"),
            ("LAMBDA_TASK_ROOT", "/var/task"), ("LAMBDA_RUNTIME_DIR", "/var/runtime"), ("TZ", ":UTC"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"), ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ] { #expect(variables?[name] == .text(value), "\(name): \(answer)") }
        let stream = try server.environments(of: "variables").first?["log_stream"]
        #expect(stream != nil && variables?["AWS_LAMBDA_LOG_STREAM_NAME"] == stream, "\(answer)")
        #expect(answer.json?.list?.last == .text("arn:aws:lambda:eu-north-1:123456789012:function:variables"))
        try server.end()
    }

    // MARK: AWS's own client

    /// From PyPI, as a zip of what a layer has of it; kept between runs. Nothing where it cannot be had.
    private static func makeClientLayer() throws -> [UInt8]? {
        let cache = "\(Binaries.environment("HOME") ?? "/root")/.cache/martlet"
        let line = """
            set -e
            mkdir -p "$1/wheels"
            ls "$1"/wheels/awslambdaric-3.*.whl >/dev/null 2>&1 || python3 -m pip download -q --only-binary=:all: \
                --python-version 3.11 --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
                --dest "$1/wheels" 'awslambdaric>=3,<4' >&2
            python3 - "$1" <<'END'
            import glob, sys, zipfile
            with zipfile.ZipFile(sys.argv[1] + "/layer.zip", "w") as layer:
                names = set()
                for wheel in sorted(glob.glob(sys.argv[1] + "/wheels/*.whl")):
                    with zipfile.ZipFile(wheel) as one:
                        for name in one.namelist():
                            if name not in names and not name.endswith("/"):
                                names.add(name)
                                layer.writestr("python/" + name, one.read(name))
            END
            """
        let outcome = try Program(["sh", "-c", line, "sh", cache]).run(limit: .seconds(120))
        guard outcome.status == 0 else {
            print("awslambdaric cannot be had from PyPI, and is not tried: \(outcome)")
            return nil
        }
        return try HostFiles.read("\(cache)/layer.zip")
    }

    private static let clientLayer = try? makeClientLayer()

    @Test(.enabled(if: clientLayer != nil, "awslambdaric cannot be had from PyPI"))
    func awslambdaricRunsUnchanged() throws {
        let layer = try #require(Self.clientLayer)
        let server = try ServerUnderTest()
        let code = """
            import logging, sys
            logging.getLogger().setLevel(logging.INFO)
            def handler(event, context):
                print("printed")
                logging.info("logged")
                if event.get("fail"):
                    raise ValueError("as asked")
                client = context.client_context
                return {
                    "module": sys.modules["awslambdaric"].__name__, "id": context.aws_request_id,
                    "arn": context.invoked_function_arn, "name": context.function_name,
                    "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
                    "group": context.log_group_name, "client": client and client.custom,
                }
            """
        let wrapper = """
            #!/bin/sh
            exec env PYTHONPATH=/opt/python /usr/bin/python3.11 -m awslambdaric "$_HANDLER"
            """
        let zip = JSON.object([("zip", .text(String(decoding: Base64.encode(layer), as: UTF8.self)))])
        func deploy(_ name: String, handler: String, _ more: [(String, JSON)] = []) throws {
            try server.deploy(
                name, runtime: "python3.11", handler: handler, files: [("app.py", code), ("wrapper", wrapper)],
                [
                    ("environment", .object([("AWS_LAMBDA_EXEC_WRAPPER", .text("/var/task/wrapper"))])),
                    ("layers", .list([zip])), ("timeout", .integer(10)),
                ] + more)
        }
        try deploy("aws", handler: "app.handler")
        let context = String(decoding: Base64.encode(Array(#"{"custom":{"k":"v"}}"#.utf8)), as: UTF8.self)
        let fields = ServerUnderTest.withLog + [("Martlet-Client-Context", context)]
        for _ in 0..<3 {
            let answer = try server.invoke("aws", "{}", fields)
            let json = answer.json
            #expect(json?["module"] == .text("awslambdaric"), "\(answer)")
            #expect(json?["id"] == .text(answer.requestID) && json?["name"] == .text("aws"), "\(answer)")
            #expect(json?["arn"] == .text("arn:aws:lambda:us-east-1:000000000000:function:aws"), "\(answer)")
            #expect((json?["left"]?.integer).map { $0 > 5000 && $0 <= 10_000 } == true, "\(answer)")
            #expect(json?["group"] == .text("/aws/lambda/aws") && json?["client"]?["k"] == .text("v"), "\(answer)")
            #expect(answer.logTail.contains("printed\n"), "\(answer.logTail)")
            #expect(answer.logTail.contains("\t\(answer.requestID)\tlogged\n"), "\(answer.logTail)")
        }
        let failed = try server.invoke("aws", #"{"fail":1}"#, ServerUnderTest.withLog)
        #expect(failed.errorType == "ValueError" && failed.errorMessage == "as asked", "\(failed)")
        #expect(failed.json?["requestId"] == .text(failed.requestID), "\(failed)")
        #expect(failed.json?["stackTrace"]?.list?.count == 1, "\(failed)")
        #expect(failed.logTail.contains("[ERROR] ValueError: as asked\r"), "\(failed.logTail)")
        #expect(try server.environments(of: "aws").count == 1)

        try deploy("missing", handler: "nowhere.handler")
        let missing = try server.invoke("missing")
        #expect(missing.errorType == "Runtime.ImportModuleError", "\(missing)")
        try deploy("json", handler: "app.handler", [("log_format", .text("JSON"))])
        let logged = try server.invoke("json", "{}", ServerUnderTest.withLog)
        #expect(logged.logTail.contains(#""level": "INFO", "message": "logged""#), "\(logged.logTail)")
        try server.end()
    }
}
