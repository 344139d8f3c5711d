// What a parked clone costs: the memory that is its own, and what the engine keeps for it.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ClonesMemoryTests {
    private static let code = """
        import json, logging, socket, urllib.request, uuid
        def handler(event, context):
            return {"host": socket.gethostname()}
        """

    private func server(_ options: [String] = []) throws -> ServerUnderTest {
        let server = try ServerUnderTest(options)
        try server.deploy(
            "parked", runtime: "python3.11", handler: "main.handler", files: [("main.py", Self.code)],
            [("snapshot", .bool(true)), ("memory", .integer(128))])
        let made = try server.request("POST", "/v1/functions/parked/snapshot")
        try #require(made.status == 201, "\(made.text)")
        return server
    }

    /// What runs in the sandbox that calls itself so, by their numbers on the host; pid 1 first.
    private func processes(in host: String) -> [Int32] {
        HostFiles.names(in: "/proc").compactMap { Int32($0) }.sorted().filter { pid in
            HostProcesses.text("/proc/\(pid)/cgroup")?.split(separator: "\n").contains { $0.hasSuffix("/\(host)") }
                ?? false
        }
    }

    /// Kilobytes that go when the process goes: pages that were written to, which nobody else has, and anonymous ones
    /// that were not. Pages of files that happen to be mapped by nobody else are the page cache's.
    private func unique(_ pid: Int32) -> Int {
        var total = 0
        var (isAnonymous, clean) = (0, 0)
        for line in (HostProcesses.text("/proc/\(pid)/smaps") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 3, let count = Int(fields[1]) else { continue }
            switch fields[0] {
            case "Private_Clean:": clean = count
            case "Private_Dirty:": total += count
            case "Anonymous:": isAnonymous = count
            case "Swap:":
                // All of what is clean is anonymous, or none.
                total += min(clean, isAnonymous) + count
            default: break
            }
        }
        return total
    }

    @Test func aCloneThatHasAnsweredHasLittleOfItsOwn() throws {
        let server = try server()
        // The first tells which pages an event writes to; later ones have these, written to or not.
        for _ in 0..<3 {
            _ = try server.invoke("parked", "{}", [("Martlet-Start", "restore")])
            usleep(200_000)
        }
        let answer = try server.invoke("parked", "{}", [("Martlet-Start", "restore")])
        #expect(answer.reply.field("martlet-started") == "restored", "\(answer)")
        let all = processes(in: try #require(answer.json?["host"]?.text))
        try #require(all.count == 2, "\(all)")
        let own = unique(all[1])
        #expect(own > 0)
        #expect(own <= 1024, "\(own) KB")
        try server.end()
    }

    /// 500 take a minute: they are for MARTLET_LONG.
    @Test func manyParkedCostTheEngineLittle() throws {
        let count = Binaries.environment("MARTLET_LONG") == "1" ? 500 : 50
        let server = try server(["--max-environments", "600"])
        func engine() -> Int {
            let pids = [server.process.pid] + HostProcesses.descendants(of: server.process.pid)
            // Pid 1 of each sandbox is the engine's; what it has made is not.
            let own = pids.filter { pid in
                let inside = HostProcesses.status("NSpid", of: "/proc/\(pid)")?.split(separator: "\t") ?? []
                return inside.count < 2 || inside.last == "1"
            }
            return own.reduce(0) { $0 + unique($1) }
        }
        _ = try server.invoke("parked", "{}", [("Martlet-Start", "restore")])
        let before = engine()
        let provisioned = JSON.object([
            ("runtime", .text("python3.11")), ("handler", .text("main.handler")), ("snapshot", .bool(true)),
            ("memory", .integer(128)), ("provisioned", .integer(Int64(count))),
            ("code", .object([("files", .object([("main.py", .text(Self.code))]))])),
        ])
        let reply = try server.request("PUT", "/v1/functions/parked", body: provisioned.bytes)
        try #require(reply.status == 200, "\(reply.text)")
        let deadline = ContinuousClock().now + .seconds(120) * Binaries.patience
        while true {
            let there = try server.environments(of: "parked").count
            if there >= count { break }
            try #require(ContinuousClock().now < deadline, "\(there) are there")
            usleep(200_000)
        }
        let each = (engine() - before) / count
        print("\(count) parked: \(each) KB of the engine's for each")
        #expect(each <= 100, "\(each) KB for each")
        try server.end()
    }
}
