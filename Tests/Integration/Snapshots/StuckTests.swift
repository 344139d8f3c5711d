// What hangs in the making or reading of snapshots holds nobody up: it is given up after a while, and events are answered
// all the same.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct StuckTests {
    private func server() throws -> ServerUnderTest {
        let server = try ServerUnderTest(["--log", "text", "--shells", "0"])
        let members: [(String, JSON)] = [
            ("runtime", .text("provided")), ("code", try Zoo.code(Binaries.staticC)), ("snapshot", .bool(true)),
        ]
        let reply = try server.request("PUT", "/v1/functions/stuck", body: JSON.object(members).bytes)
        try #require(reply.status == 201, "\(reply.text)")
        let made = try server.request("POST", "/v1/functions/stuck/snapshot")
        try #require(made.status == 201, "\(made.text)")
        return server
    }

    private func started(_ server: ServerUnderTest) throws -> String? {
        let answer = try server.invoke("stuck", "{}", [("Martlet-Start", "restore")])
        #expect(!answer.isError && answer.reply.status == 200, "\(answer)")
        return answer.reply.field("martlet-started")
    }

    /// It has hidden its arguments, as a pid 1 of a sandbox has; and it is in no namespace of its own.
    private func template(of server: ServerUnderTest) -> Int32? {
        HostProcesses.descendants(of: server.process.pid).first { pid in
            HostProcesses.text("/proc/\(pid)/cmdline")?.allSatisfy { $0 == "\0" } == true
                && HostProcesses.status("NSpid", of: "/proc/\(pid)") == "\(pid)"
        }
    }

    /// One that stays: what is learned of a first event ends the first one.
    private func lastingTemplate(of server: ServerUnderTest) throws -> Int32 {
        for _ in 0..<20 {
            #expect(try started(server) == "restored")
            usleep(100_000)
            if HostFiles.names(in: try image(of: server)).contains("touched"), let pid = template(of: server) {
                return pid
            }
        }
        throw Program.Failure(description: "there is no template")
    }

    private func image(of server: ServerUnderTest) throws -> String {
        let images = "\(server.state)/snapshots"
        return "\(images)/\(try #require(HostFiles.names(in: images).first { $0.hasPrefix("stuck@") }))"
    }

    @Test func aTemplateThatDoesNotAnswerIsGivenUp() throws {
        let server = try server()
        let template = try lastingTemplate(of: server)
        #expect(kill(template, SIGSTOP) == 0)
        let begun = ContinuousClock().now
        #expect(try started(server) == "cold")
        #expect(ContinuousClock().now - begun < .seconds(6) * Binaries.patience)
        #expect(kill(template, 0) == -1, "it is still there")
        #expect(try started(server) == "restored")
        #expect(self.template(of: server) != template)
        for pid in HostProcesses.descendants(of: server.process.pid) {
            let state = HostProcesses.status("State", of: "/proc/\(pid)")
            #expect(state?.hasPrefix("Z") != true, "nobody waits for \(pid)")
        }
        let outcome = try server.end()
        #expect(outcome.errors.contains("which does not answer"), "\(outcome)")
    }

    @Test func anImageThatCannotBeReadHoldsNobodyUp() throws {
        let server = try server()
        let plan = "\(try image(of: server))/plan"
        HostFiles.remove(plan)
        // Whoever opened it as a file would wait for somebody who writes.
        try #require(unsafe mkfifo(plan, 0o600) == 0)
        let begun = ContinuousClock().now
        let inspected = try server.beginRequest("GET", "/v1/functions/stuck/snapshot")
        let answer = try server.invoke("stuck", "{}", [("Martlet-Start", "cold")])
        #expect(answer.reply.field("martlet-started") == "cold", "\(answer)")
        #expect(ContinuousClock().now - begun < .seconds(3) * Binaries.patience)
        let reply = try inspected.finish()
        #expect(reply.reply.status == 200 && reply.text.contains("plan, which is no file"), "\(reply.text)")
        HostFiles.remove(plan)
        try server.end()
    }
}
