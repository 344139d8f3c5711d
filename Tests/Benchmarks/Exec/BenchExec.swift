// What a sandbox costs: the time from starting `martlet exec -- /bin/true` to its end, beside other tools that do the
// same with the same root. In turns within one run, because machines are noisy and shared; medians and ratios count.

import Glibc
import IntegrationSupport
import Linux

@main
enum BenchExec {
    static func main() throws {
        let runs = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200
        let name = (Binaries.environment("MARTLET_STATE") ?? "/var/lib/martlet") + "/roots/provided"
        guard Binaries.isRoot, let root = resolved(name), Binaries.isExecutable("\(root)/bin/true") else {
            print("bench-exec needs root and the root file system 'provided' (scripts/roots provided)")
            exit(69)
        }
        let bundle = try Bundle(root: root)
        defer { bundle.remove() }
        var contenders = [
            Contender("/bin/true alone", ["/bin/true"]),
            Contender("martlet exec", [Binaries.martlet, "exec", "--", "/bin/true"]),
        ]
        if Binaries.isExecutable("/usr/bin/bwrap") {
            let bare = ["/usr/bin/bwrap", "--unshare-all", "--ro-bind", root, "/"]
            contenders.append(Contender("bwrap --unshare-all", bare + ["/bin/true"]))
            contenders.append(
                Contender(
                    "bwrap, with /proc /dev /tmp",
                    bare + ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "/bin/true"]))
        }
        if Binaries.isExecutable("/usr/sbin/runc") {
            contenders.append(Contender("runc run", ["/usr/sbin/runc", "run", "--bundle", bundle.path, bundle.name]))
        }
        try measure(&contenders, runs: runs)
        print(table(contenders, runs: runs))
    }

    /// Without links: runc takes none.
    private static func resolved(_ path: String) -> String? {
        guard let end = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(end) }
        return unsafe String(cString: end)
    }

    private static func measure(_ contenders: inout [Contender], runs: Int) throws {
        for index in contenders.indices { _ = try contenders[index].run() }
        for round in 0..<runs {
            // Whoever comes after the slowest finds colder caches: each comes first in its turn.
            for offset in contenders.indices {
                let index = (round + offset) % contenders.count
                contenders[index].times.append(try contenders[index].run())
            }
            if isatty(2) == 1 { try Files.write(Array("\r\(round + 1) of \(runs)".utf8), to: 2, named: "progress") }
        }
        if isatty(2) == 1 { try Files.write(Array("\r".utf8), to: 2, named: "progress") }
    }

    private static func table(_ contenders: [Contender], runs: Int) -> String {
        let own = contenders[1].median
        let rows = contenders.map { contender in
            let ratio = Double(own) / Double(contender.median)
            return pad(contender.name, 30) + right(contender.median) + right(contender.at(0.9)) + right(contender.at(0))
                + "   " + (contender.name == contenders[1].name ? "" : "martlet is \(twoDigits(ratio)) of it")
        }
        let head = pad("in turns, \(runs) runs each, µs", 30) + "    median       p90      best"
        return ([head] + rows).joined(separator: "\n")
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ number: UInt64) -> String {
        let text = String(number)
        return String(repeating: " ", count: max(0, 10 - text.count)) + text
    }

    private static func twoDigits(_ number: Double) -> String { String((number * 100).rounded() / 100) }
}

private struct Failure: Error {
    let name: String
    let ending: Processes.Ending?
}

/// A command, and how long it took each time.
private struct Contender {
    let name: String
    let command: [String]
    var times: [UInt64] = []

    init(_ name: String, _ command: [String]) {
        self.name = name
        self.command = command
    }

    /// Microseconds from start to end. Anything but success ends the benchmark: a refusal is quick.
    func run() throws -> UInt64 {
        let start = Clock.now
        let pid = try Spawn.start(command[0], arguments: command, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
        let ending = try Processes.wait(for: pid)?.ending
        let end = Clock.now
        guard ending == .exited(0) else { throw Failure(name: name, ending: ending) }
        return (end - start) / 1000
    }

    func at(_ part: Double) -> UInt64 {
        let sorted = times.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }

    var median: UInt64 { at(0.5) }
}

/// What runc wants to know: its own standard configuration, with our root and command.
private final class Bundle {
    let path: String
    let name = "martlet-bench"

    init(root: String) throws {
        path = try HostFiles.makeTemporaryDirectory("martlet-bench")
        guard Binaries.isExecutable("/usr/sbin/runc") else { return }
        _ = try Program(["/usr/sbin/runc", "spec", "--bundle", path]).run()
        var text = String(decoding: try HostFiles.read("\(path)/config.json"), as: UTF8.self)
        for (old, new) in [
            ("\"terminal\": true", "\"terminal\": false"), ("\"sh\"", "\"/bin/true\""), ("\"rootfs\"", "\"\(root)\""),
        ] {
            text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
        }
        try HostFiles.write(text, to: "\(path)/config.json")
    }

    func remove() { HostFiles.remove(path) }
}
