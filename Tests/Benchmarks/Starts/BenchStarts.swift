// What a start costs: never-used environments restored from snapshots, and parked ones, each in turns with a bare start
// of the same interpreter; then crowds. `martlet bench` measures; this puts its figures into one table, beside what the
// README promises.

import Glibc
import IntegrationSupport
import Wire

@main
enum BenchStarts {
    static func main() {
        let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200
        guard Binaries.isRoot else {
            print("bench-starts needs root")
            exit(69)
        }
        do {
            let place = try HostFiles.makeTemporaryDirectory("martlet-bench")
            defer { HostFiles.remove(place) }
            let kinds = try Kind.all(place)
            try withServer([]) { try measure($0, kinds, count) }
            print(
                "\nall at once, Python by restore                  one, µs  the last, µs  of two perfect cores  promise"
            )
            try withServer(["--shells", "320"]) { try measureCrowds("sandboxes made ahead", $0, kinds[0]) }
            try withServer(["--shells", "0"]) { try measureCrowds("none made ahead", $0, kinds[0]) }
        } catch {
            print("bench-starts: \(error)")
            exit(1)
        }
    }

    private static func withServer(_ options: [String], _ body: (ServerUnderTest) throws -> Void) throws {
        let server = try ServerUnderTest(["--max-environments", "800"] + options)
        defer { _ = try? server.end() }
        try body(server)
    }

    private static func measure(_ server: ServerUnderTest, _ kinds: [Kind], _ count: Int) throws {
        for kind in kinds { try kind.deploy(to: server) }
        let head = "client to answer, µs, \(count) each, in turns"
        print("\(text(head, 44)) median    p90    p99     bare  bare ÷ it  promise")
        var hello: Double?
        for kind in kinds {
            for (start, promise) in kind.starts {
                let figures = try bench(server, [kind.name, "--start", start, "-n", "\(count)"])
                let client = Times(figures["client"])
                let bare = figures["bare"].map { Times($0["client"]) }
                if start == "restore" && hello == nil { hello = client.median }
                print(
                    text("\(kind.title), \(start)", 42), number(client.median), number(client.p90),
                    number(client.p99), number(bare?.median, 8), ratio(bare?.median, client.median),
                    promise.words(client.median, hello: hello), separator: " ")
            }
        }
    }

    /// What two perfect cores would need is so many times half of what one takes alone, on the same server.
    private static func measureCrowds(_ title: String, _ server: ServerUnderTest, _ kind: Kind) throws {
        try kind.deploy(to: server)
        for crowd in [100, 300] {
            let figures = try bench(
                server, [kind.name, "--start", "restore", "-n", "50", "--no-bare", "--concurrency", "\(crowd)"])
            let last = Times(figures["crowd"]?["last_answer"])
            let share = figures["crowd"]?["ratio_to_perfect"]?.number
            print(
                text("\(crowd), \(title)", 46), number(Times(figures["client"]).median, 8), number(last.median, 13),
                text("", 18), decimal(share), "  at most 2", separator: " ")
        }
    }

    private static func bench(_ server: ServerUnderTest, _ words: [String]) throws -> JSON {
        let outcome = try server.command(["bench"] + words + ["--json"]).run(limit: .seconds(300))
        guard outcome.status == 0, let figures = try? JSON(parsing: Array(outcome.output.utf8)) else {
            throw Program.Failure(description: "martlet bench \(words.joined(separator: " ")): \(outcome)")
        }
        return figures
    }

    // MARK: columns

    private static func text(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func number(_ value: Double?, _ width: Int = 6) -> String {
        let digits = value.map { String(Int($0)) } ?? "-"
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
    }

    private static func ratio(_ bare: Double?, _ own: Double) -> String {
        guard let bare, own > 0 else { return "         -" }
        let words = decimal(bare / own)
        return String(repeating: " ", count: max(0, 10 - words.count)) + words
    }

    static func decimal(_ value: Double?) -> String {
        guard let value else { return "-" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

private struct Times {
    let median, p90, p99: Double

    init(_ times: JSON?) {
        func figure(_ name: String) -> Double { times?[name]?.number ?? 0 }
        (median, p90, p99) = (figure("median_us"), figure("p90_us"), figure("p99_us"))
    }
}
