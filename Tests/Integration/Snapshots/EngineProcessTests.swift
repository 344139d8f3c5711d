// What the engine's own processes use and hold when they work with what a function has made: each is in a group of its own
// with a limit, has open what it needs, and reads what others wrote without a right.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct EngineProcessTests {
    /// Leaves files in /tmp, with names of 246 bytes, `depth` directories down.
    private static func code(files count: Int, depth: Int = 0) -> String {
        """
        import os
        place = "/tmp"
        for level in range(\(depth)):
            place += "/" + "d" * 250
            os.mkdir(place)
        for number in range(\(count)):
            os.close(os.open(place + "/" + str(number).zfill(6) + "x" * 240, os.O_CREAT | os.O_WRONLY))
        def handler(event, context):
            return len(os.listdir(place))
        """
    }

    private func server(_ code: String, memory: Int, _ options: [String] = []) throws -> ServerUnderTest {
        let server = try ServerUnderTest(["--log", "text", "--shells", "0"] + options)
        try server.deploy(
            "many", runtime: "python3.11", handler: "many.handler", files: [("many.py", code)],
            [("snapshot", .bool(false)), ("memory", .integer(Int64(memory))), ("timeout", .integer(60))])
        return server
    }

    /// Makes the snapshot, and looks again and again meanwhile at the process whose group is called so.
    private func makeSnapshot(_ server: ServerUnderTest, watching kind: String, _ look: (Int32) -> Void) throws
        -> ServerReply
    {
        let request = try server.beginRequest("POST", "/v1/functions/many/snapshot")
        try watch(server, kind, until: request, look)
        return try request.finish().reply
    }

    private func watch(
        _ server: ServerUnderTest, _ kind: String, until request: PendingAnswer, _ look: (Int32) -> Void
    ) throws {
        while !request.isAnswered {
            for pid in EngineProcesses.ofKind(kind, of: server.process.pid) { look(pid) }
            usleep(2000)
        }
    }

    @Test func thousandsOfFilesCostLittle() throws {
        let before = Leftovers.now()
        let server = try server(Self.code(files: 15_000), memory: 512)
        var peak: UInt64 = 0
        var isOpen: [Int: Int] = [:]
        let made = try makeSnapshot(server, watching: "capture") { pid in
            peak = max(peak, EngineProcesses.peakMemory(of: pid) ?? 0)
            isOpen[HostFiles.names(in: "/proc/\(pid)/fd").count, default: 0] += 1
        }
        try #require(made.status == 201, "\(made.text)")
        // The standard streams, the channel, and what it reads and writes at the moment.
        #expect(isOpen.keys.allSatisfy { $0 <= 16 } && !isOpen.isEmpty, "\(isOpen)")
        #expect(peak > 0 && peak < 100 << 20, "\(peak >> 10) KB")
        var template: Int32?
        for _ in 0..<3 {
            let begin = ContinuousClock().now
            let answer = try server.invoke("many", "{}", [("Martlet-Start", "restore")])
            print("15,000 files: restored in \(ContinuousClock().now - begin), capture's peak \(peak >> 10) KB")
            #expect(answer.reply.field("martlet-started") == "restored" && answer.reply.text == "15000", "\(answer)")
            template = EngineProcesses.ofKind("template", of: server.process.pid).first ?? template
        }
        let pid = try #require(template)
        let resident = HostProcesses.status("VmRSS", of: "/proc/\(pid)")?.split(separator: " ").first.flatMap {
            Int($0)
        }
        #expect((resident ?? .max) < 64 << 10, "\(resident ?? 0) KB")
        // The standard streams, the channel, the pages.
        #expect(Set(HostFiles.names(in: "/proc/\(pid)/fd")).isSubset(of: ["0", "1", "2", "3", "1019", "1020"]))
        try server.end()
        #expect(Leftovers.settled(since: before) == "")
    }

    @Test func moreNamesThanAFunctionMayHaveAreRefused() throws {
        let server = try server(Self.code(files: 2000, depth: 14), memory: 128)
        var peak: UInt64 = 0
        let made = try makeSnapshot(server, watching: "capture") {
            peak = max(peak, EngineProcesses.peakMemory(of: $0) ?? 0)
        }
        #expect(made.status == 409, "\(made.text)")
        #expect(
            made.text.contains("more than 4096 KB of names in /tmp and /dev/shm, the most for a function of 128 MB"),
            "\(made.text)")
        #expect(peak < 100 << 20, "\(peak >> 10) KB")
        try server.end()
    }

    @Test func aCaptureThatNeedsMoreThanItMayIsRefused() throws {
        let before = Leftovers.now()
        let server = try server(Self.code(files: 15_000), memory: 512, ["--capture-memory", "8"])
        let made = try server.request("POST", "/v1/functions/many/snapshot")
        #expect(made.status == 409, "\(made.text)")
        #expect(made.text.contains("it needed more than the 8 MB that the capture may use"), "\(made.text)")
        for _ in 0..<2 {
            let answer = try server.invoke("many")
            #expect(answer.reply.text == "15000" && answer.reply.field("martlet-started") != "restored", "\(answer)")
        }
        try server.end()
        #expect(Leftovers.settled(since: before) == "")
    }

    /// From before the first byte of a plan that it reads.
    @Test func aPlanIsReadWithoutARight() throws {
        let server = try server(Self.code(files: 15_000), memory: 512)
        let made = try server.request("POST", "/v1/functions/many/snapshot")
        try #require(made.status == 201, "\(made.text)")
        for _ in 0..<20 {
            var reading = 0
            let request = try server.beginRequest("GET", "/v1/functions/many/snapshot")
            try watch(server, "description", until: request) { pid in
                let isReading = HostFiles.names(in: "/proc/\(pid)/fd").contains { number in
                    let place = HostProcesses.text("/proc/\(pid)/fdinfo/\(number)")
                    return place?.split(separator: "\n").first.map { $0.hasPrefix("pos:") && !$0.hasSuffix("\t0") }
                        == true
                        && EngineProcesses.link("/proc/\(pid)/fd/\(number)").hasSuffix("/plan")
                }
                guard isReading, let seccomp = HostProcesses.status("Seccomp", of: "/proc/\(pid)") else { return }
                reading += 1
                #expect(seccomp == "2")
                let path = "/proc/\(pid)"
                #expect(HostProcesses.status("CapEff", of: path) ?? "0000000000000000" == "0000000000000000")
                #expect(HostProcesses.status("NoNewPrivs", of: path) ?? "1" == "1")
                #expect(
                    HostProcesses.status("Uid", of: path).map { $0.split(separator: "\t").allSatisfy { $0 == "65534" } }
                        ?? true)
                // The standard streams, the plan, the answer.
                #expect(HostFiles.names(in: "\(path)/fd").count <= 5)
            }
            let reply = try request.finish().reply
            #expect(reply.status == 200 && reply.text.contains("distinct_pages"))
            if reading > 0 {
                try server.end()
                return
            }
        }
        Issue.record("it was never seen")
    }

    @Test func theSupervisorHasALimit() throws {
        let before = Leftovers.now()
        let server = try ServerUnderTest(["--log", "text", "--max-environments", "100"])
        // The warden moves it, while it begins to serve.
        for _ in 0..<5000 where EngineProcesses.group(of: server.process.pid, "pids")?.contains("/martlet-") != true {
            usleep(1000)
        }
        let group = EngineProcesses.group(of: server.process.pid, "memory")
        #expect(group?.contains("/martlet-supervisor-") == true, "\(group ?? "none")")
        #expect(EngineProcesses.group(of: server.process.pid, "pids")?.contains("/martlet-supervisor-") == true)
        // The warden, which clears up, is not in it.
        for pid in HostProcesses.descendants(of: server.process.pid) {
            #expect(EngineProcesses.group(of: pid, "memory")?.contains("/martlet-supervisor-") == false)
        }
        #expect(EngineProcesses.memoryLimit(of: server.process.pid) == (512 + 800) << 20)
        try server.end()
        #expect(Leftovers.settled(since: before) == "")
    }
}
