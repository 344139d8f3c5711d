// Functions as files, of which tests of the commands make use.

import IntegrationSupport

/// A directory of a test's own, removed with its owner.
final class CodeFolder {
    let path: String

    init(_ files: [(String, String)] = []) throws {
        path = try HostFiles.makeTemporaryDirectory("martlet-code")
        for (name, text) in files { try add(name, text) }
    }

    deinit { HostFiles.remove(path) }

    func add(_ name: String, _ text: String, mode: UInt32 = 0o644) throws {
        let parts = name.split(separator: "/").dropLast()
        for count in 0..<parts.count {
            try? HostFiles.makeDirectory("\(path)/\(parts[...count].joined(separator: "/"))")
        }
        try HostFiles.write(text, to: "\(path)/\(name)", mode: mode)
    }

    subscript(name: String) -> String { "\(path)/\(name)" }

    /// A zip of everything in it, as another program makes one.
    func zipped() throws -> String {
        let target = "\(path).zip"
        let outcome = try Program(["python3", "-m", "zipfile", "-c", target, path + "/."]).run()
        guard outcome.status == 0 else { throw Program.Failure(description: "zip: \(outcome)") }
        return target
    }
}

enum Sample {
    static let python = """
        import os, sys, time
        def handler(event, context):
            print("a line of log")
            if "fail" in event: raise ValueError(event["fail"])
            if "sleep" in event: time.sleep(event["sleep"])
            if "memory" in event: bytearray(event["memory"] << 20)
            return {"got": event, "stage": os.environ.get("STAGE"), "name": context.function_name,
                    "memory": context.memory_limit_in_mb, "client": str(context.client_context and context.client_context.custom)}
        """
    static let node = "exports.handler = async (event) => ({ got: event, node: process.version.split('.')[0] });\n"
    /// A custom runtime in a shell: no curl in the smallest root, so it speaks HTTP through bash.
    static let bootstrap = """
        #!/bin/bash
        host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API##*:}
        while :; do
          exec 3<>/dev/tcp/$host/$port
          printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3
          id=; while IFS= read -r line <&3; do line=${line%$'\\r'}; [[ -z $line ]] && break
            [[ ${line,,} == lambda-runtime-aws-request-id:* ]] && id=${line#*: }
          done
          cat <&3 >/dev/null; exec 3>&-
          exec 3<>/dev/tcp/$host/$port
          body='{"from":"bash"}'
          printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$id" "${#body}" "$body" >&3
          cat <&3 >/dev/null; exec 3>&-
        done
        """
}
