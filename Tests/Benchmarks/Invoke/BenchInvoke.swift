// What an invocation costs: warm ones beside a bare echo, in turns; many clients at once; and what the engine holds in
// memory meanwhile. Medians and ratios count, because machines are noisy and shared.

import Glibc
import IntegrationSupport
import Linux
import Wire

@main
enum BenchInvoke {
    static func main() {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 5000
        guard Binaries.isRoot else {
            print("bench-invoke needs root")
            exit(69)
        }
        do {
            let server = try Server()
            defer { server.end() }
            try measure(server, rounds: rounds)
        } catch {
            print("bench-invoke: \(error)")
            exit(1)
        }
    }

    private static let languages = [
        Language(
            name: "python", runtime: "python3.11", handler: "app.handler", file: "app.py",
            code: "def handler(event, context):\n    return event\n", echo: ["/usr/bin/python3.11", "-c", Echo.python]),
        Language(
            name: "node", runtime: "nodejs18.x", handler: "app.handler", file: "app.js",
            code: "exports.handler = async event => event\n", echo: ["/usr/bin/node", "-e", Echo.node]),
    ]

    private static func measure(_ server: Server, rounds: Int) throws {
        let client = try ControlClient(server.socket)
        for language in languages { try client.ask(language.deployment, expecting: language.anyStatus(client)) }
        let idle = server.memory()
        print("memory idle: supervisor \(idle.supervisor) KB, warden \(idle.warden) KB, together at most 40,960 KB")

        print(
            "\nwarm invocation, \(rounds) rounds in turns, microseconds      median     p90     p99   of the two echoes"
        )
        for language in languages { try warm(language, client, rounds) }

        print("\n16 clients on 16 environments, 5 seconds each        per second  median     p99")
        for language in languages { try Crowd(server.socket, language.invocation, clients: 16).run(language.name) }

        for _ in 0..<100 {
            try client.ask(
                ControlClient.request(.post, "/v1/environments", #"{"function":"\#(languages[0].function)"}"#),
                expecting: 201)
        }
        let busy = server.memory()
        print(
            """

            memory with 100 environments: supervisor \(busy.supervisor) KB, warden \(busy.warden) KB, \
            together at most 61,440 KB
            """)
        for language in languages { try client.ask(language.removal, expecting: 204) }
    }

    private static let turn = 100

    /// The client has the first processor. The echo once has another, as when both have work to do, and once the same,
    /// which is the least that a round trip can take. The engine and its function may use all.
    private static func warm(_ language: Language, _ client: ControlClient, _ rounds: Int) throws {
        let state = Binaries.environment("MARTLET_STATE") ?? "/var/lib/martlet"
        let far = try Echo(root: "\(state)/roots/\(language.runtime)", language.echo)
        let near = try Echo(root: "\(state)/roots/\(language.runtime)", language.echo)
        defer {
            far.end()
            near.end()
        }
        try far.use(processors: "1")
        try near.use(processors: "0")
        try Processors.allow("0", to: getpid())
        defer { try? Processors.allowAll(to: getpid()) }
        let event = Array(Language.event.utf8)
        var times: [[UInt64]] = [[], [], []]
        for round in 0..<3 * (rounds + 2 * turn) {
            let who = round / turn % 3
            let start = Clock.now
            switch who {
            case 0: try far.round(event)
            case 1: try near.round(event)
            default: try client.ask(language.invocation, expecting: 200)
            }
            if round >= 6 * turn { times[who].append(Clock.now - start) }
        }
        let (other, same, ours) = (Times(times[0]), Times(times[1]), Times(times[2]))
        print("  \(language.name) echo on another processor    \(other.row)")
        print("  \(language.name) echo on the client's own     \(same.row)")
        let ratios = "\(Times.ratio(ours.median, other.median)) and \(Times.ratio(ours.median, same.median))"
        print("  \(language.name) through martlet              \(ours.row)   \(ratios)")
    }
}

struct Language {
    let name, runtime, handler, file, code: String
    let echo: [String]

    static let event = #"{"name":"martlet"}"#
    var function: String { "martlet-bench-\(name)" }

    var deployment: [UInt8] {
        let body = JSON.object([
            ("runtime", .text(runtime)), ("handler", .text(handler)), ("timeout", .integer(30)),
            ("memory", .integer(1769)), ("code", .object([("files", .object([(file, .text(code))]))])),
        ])
        return ControlClient.request(.put, "/v1/functions/\(function)", body.line)
    }

    var invocation: [UInt8] { ControlClient.request(.post, "/v1/functions/\(function)/invoke", Self.event) }
    var removal: [UInt8] { ControlClient.request(.delete, "/v1/functions/\(function)") }

    /// 200 where an earlier run has left it behind.
    func anyStatus(_ client: ControlClient) throws -> Int {
        let request = ControlClient.request(.get, "/v1/functions/\(function)")
        try client.send(request)
        return try client.receive().status == 200 ? 200 : 201
    }
}

struct Times {
    private let sorted: [UInt64]
    init(_ times: [UInt64]) { sorted = times.sorted() }

    func quantile(_ part: Double) -> UInt64 { sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] }
    var median: UInt64 { quantile(0.5) }

    /// Microseconds, with one place, in columns.
    static func cell(_ nanoseconds: UInt64) -> String {
        let text = "\(nanoseconds / 1000).\(nanoseconds / 100 % 10)"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }

    var row: String { Self.cell(median) + Self.cell(quantile(0.9)) + Self.cell(quantile(0.99)) }

    static func ratio(_ a: UInt64, _ b: UInt64) -> String {
        let hundredths = a * 100 / max(1, b)
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
