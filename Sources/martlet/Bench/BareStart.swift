// The same work without an engine: the host's own interpreter is started, loads the function, calls it once, and prints.
// Measured until its answer is there; that it also has to end is not counted.

import Glibc
import Linux
import Wire

struct BareStart {
    let interpreter: String
    private let arguments: [String]
    private let environment: [String]

    /// Or why there is none to compare with.
    enum Choice {
        case bare(BareStart)
        case none(String)
    }

    static func choose(_ function: JSON, code: String, layers: [String], event: [UInt8]) -> Choice {
        let runtime = function["runtime"]?.text ?? ""
        let handler = function["handler"]?.text ?? ""
        guard let dot = handler.lastIndex(of: ".") else { return .none("its handler has no function") }
        let (module, name) = (String(handler[..<dot]), String(handler[handler.index(after: dot)...]))
        let event = String(decoding: event, as: UTF8.self)
        if runtime.hasPrefix("python") {
            guard Files.exists("/usr/bin/python3") else { return .none("there is no /usr/bin/python3 on this host") }
            let paths = [code] + layers.map { "\($0)/python" }
            return .bare(
                BareStart(
                    interpreter: "/usr/bin/python3", arguments: ["-c", python(module, name, event)],
                    environment: ["PYTHONPATH=\(paths.joined(separator: ":"))"]))
        }
        if runtime.hasPrefix("nodejs") {
            guard Files.exists("/usr/bin/node") else { return .none("there is no /usr/bin/node on this host") }
            let paths = layers.map { "\($0)/nodejs/node_modules" }
            return .bare(
                BareStart(
                    interpreter: "/usr/bin/node", arguments: ["-e", node("\(code)/\(module)", name, event)],
                    environment: ["NODE_PATH=\(paths.joined(separator: ":"))"]))
        }
        return .none("the runtime \(runtime) has no interpreter of its own")
    }

    /// JSON is Python but for three words: json, which the function may not want, is not imported for it.
    private static func python(_ module: String, _ name: String, _ event: String) -> String {
        """
        import importlib, sys
        true, false, null = True, False, None
        class Context:
            aws_request_id = "bare"
            def get_remaining_time_in_millis(self): return 3000
        module = importlib.import_module(\(quoted(module.split(separator: "/").joined(separator: "."))))
        result = str(getattr(module, \(quoted(name)))(\(event), Context()))
        sys.__stdout__.write("\\n" + result + "\\n")
        sys.__stdout__.flush()
        """
    }

    private static func node(_ path: String, _ name: String, _ event: String) -> String {
        """
        const path = \(quoted(path)), fs = require('fs');
        const found = ['.js', '.cjs', '.mjs'].map(end => path + end).find(file => fs.existsSync(file)) || path;
        (found.endsWith('.mjs') ? import(found) : Promise.resolve(require(found)))
            .then(module => module[\(quoted(name))](\(event), { awsRequestId: 'bare' }))
            .then(result => process.stdout.write('\\n' + JSON.stringify(result) + '\\n'));
        """
    }

    private static func quoted(_ text: String) -> String { JSON.text(text).line }

    /// Microseconds until the answer was there; what it printed when none came.
    func measure() throws -> UInt64 {
        let ends = try Streams.pipe()
        let output = FileDescriptor(owning: ends.read)
        let begun = Clock.now
        let pid: Int32
        do {
            let written = FileDescriptor(owning: ends.write)
            let null = try Files.open("/dev/null", .readWrite)
            pid = try Spawn.start(
                interpreter, arguments: [interpreter] + arguments,
                environment: environment + ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
                streams: [(null.raw, 0), (written.raw, 1), (written.raw, 2)])
        }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var took: UInt64 = 0
        while true {
            var poll = pollfd(fd: output.raw, events: Int16(POLLIN), revents: 0)
            _ = unsafe Glibc.poll(&poll, 1, -1)
            switch Streams.read(output.raw, into: &buffer) {
            case .nothing: continue
            case .count(let count):
                took = (Clock.now - begun) / 1000
                text.append(contentsOf: buffer[..<count])
                continue
            case .ended: break
            }
            break
        }
        guard let ending = try Processes.wait(for: pid)?.ending, ending == .exited(0), took > 0 else {
            let last = String(decoding: text.suffix(500), as: UTF8.self).split(separator: "\n").last ?? "nothing"
            throw CommandFailure(ExitStatus.step, "\(interpreter) failed: \(last)")
        }
        return took
    }
}
