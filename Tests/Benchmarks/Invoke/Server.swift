// The engine under measurement: a server of our own, on a run directory of its own.

import Glibc
import IntegrationSupport
import Linux

final class Server {
    let socket: String
    private let run: String
    private let pid: Int32

    init() throws {
        run = "/run/martlet-bench-\(getpid())"
        socket = "\(run)/control.sock"
        var words = ["martlet", "serve", "--run", run, "--log", "quiet"]
        if let state = Binaries.environment("MARTLET_STATE") { words += ["--state", state] }
        if let cgroup = Binaries.environment("MARTLET_CGROUP") { words += ["--cgroup", cgroup] }
        pid = try Spawn.start(Binaries.martlet, arguments: words, environment: [])
        for _ in 0..<500 {
            if (try? StreamSockets.connect(to: socket)) != nil { return }
            usleep(10_000)
        }
        throw Broken(description: "the server does not listen after five seconds")
    }

    func end() {
        kill(pid, SIGTERM)
        _ = try? Processes.wait(for: pid)
        try? Trees.remove(run)
    }

    /// What supervisor and warden hold in memory that is theirs alone, or their part of what is shared, in KB.
    func memory() -> (supervisor: Int, warden: Int) {
        let children = (try? Files.readText("/proc/\(pid)/task/\(pid)/children")) ?? ""
        let warden = children.split(separator: " ").first.flatMap { Int32($0) } ?? 0
        return (Self.proportionalKB(pid), Self.proportionalKB(warden))
    }

    private static func proportionalKB(_ pid: Int32) -> Int {
        let text = (try? Files.readText("/proc/\(pid)/smaps_rollup")) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("Pss:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        return 0
    }
}
