// The functions that are measured: what many import, in two languages; and one that holds much.

import IntegrationSupport
import Wire

/// What the README promises of a start.
enum Promise {
    case none
    /// Of the bare start, at most one part of so many.
    case part(Int)
    case microseconds(Int)
    /// Of what Python's hello takes.
    case times(Int)

    func words(_ median: Double, hello: Double?) -> String {
        switch self {
        case .none: ""
        case .part(let count): "  at least \(count)"
        case .microseconds(let most): "  at most \(most) µs"
        case .times(let most):
            "  at most \(most) times Python's hello: \(BenchStarts.decimal(hello.map { median / $0 }))"
        }
    }
}

struct Kind {
    let name: String
    let title: String
    let runtime: String
    let code: String
    let layer: String?
    let starts: [(String, Promise)]

    static func all(_ place: String) throws -> [Kind] {
        func folder(_ name: String, _ file: String, _ code: String) throws -> String {
            try HostFiles.makeDirectory("\(place)/\(name)")
            try HostFiles.write(code, to: "\(place)/\(name)/\(file)")
            return "\(place)/\(name)"
        }
        var kinds = [
            Kind(
                name: "python", title: "Python: json, logging, urllib, uuid", runtime: "python3.11",
                code: try folder("python", "index.py", python), layer: nil,
                starts: [("restore", .part(10)), ("pooled", .microseconds(400))]),
            Kind(
                name: "node", title: "Node", runtime: "nodejs18.x", code: try folder("node", "index.js", node),
                layer: nil, starts: [("restore", .part(20)), ("pooled", .none)]),
        ]
        if let layer = try numpyLayer("\(place)/layer") {
            kinds.append(
                Kind(
                    name: "numpy", title: "Python: numpy, 104 MB of state", runtime: "python3.11",
                    code: try folder("numpy", "index.py", heavy), layer: layer, starts: [("restore", .times(2))]))
        } else {
            print("numpy is not measured: Debian's python3-numpy is not there (scripts/setup bench)")
        }
        return kinds
    }

    func deploy(to server: ServerUnderTest) throws {
        let words = ["--runtime", runtime, "--handler", "index.handler", "--memory", "1769", "--snapshot"]
        let layers = layer.map { ["--layer", $0] } ?? []
        for words in [["deploy", name, code] + words + layers, ["snapshot", "create", name]] {
            let outcome = try server.command(words).run(limit: .seconds(120))
            guard outcome.status == 0 else {
                throw Program.Failure(description: "martlet \(words.joined(separator: " ")): \(outcome)")
            }
        }
        // The first ones tell which pages an event touches.
        for _ in 0..<3 { _ = try server.martlet("invoke", name, "--start", "restore") }
    }

    // MARK: numpy as a layer

    /// Debian's numpy with the libraries that the root lacks; nil when this host has none.
    private static func numpyLayer(_ place: String) throws -> String? {
        let package = "/usr/lib/python3/dist-packages/numpy"
        guard HostFiles.exists(package) else { return nil }
        let line = """
            set -e
            mkdir -p "$1/python" "$1/lib"
            cp -r "$2" "$1/python"
            find "$1/python" -name '*.so' -exec ldd {} + | awk '/=> \\/.*(blas|lapack|gfortran|quadmath)/ {print $3}' |
                sort -u | xargs -I{} cp -L {} "$1/lib"
            """
        let outcome = try Program(["sh", "-c", line, "sh", place, package]).run(limit: .seconds(60))
        guard outcome.status == 0 else { throw Program.Failure(description: "make a layer of numpy: \(outcome)") }
        return place
    }

    // MARK: code

    private static let python = """
        import json, logging, urllib.request, uuid
        def handler(event, context):
            return {"hello": event.get("name", "world"), "id": str(uuid.uuid4())}

        """
    private static let node = """
        exports.handler = async event => ({hello: event.name || 'world'});

        """
    private static let heavy = """
        import json, logging, urllib.request, uuid
        import numpy
        state = numpy.ones(13_000_000)
        def handler(event, context):
            return {"hello": event.get("name", "world"), "sum": float(state[:1000].sum()), "id": str(uuid.uuid4())}

        """
}
