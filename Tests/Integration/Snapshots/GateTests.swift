// No instruction of a function runs in a sandbox before every thread of every process in it has given up what a restore
// takes. Programs of the zoo try, with their first instruction, whatever one of those that is late would make possible;
// often, because it is a race: with processors to spare, without, and on one alone.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct GateTests {
    enum Machine: CaseIterable { case asItIs, loaded, oneProcessor }

    /// Everywhere with MARTLET_LONG=1.
    private static let isLong = Binaries.environment("MARTLET_LONG") == "1"

    @Test(arguments: ["gate-threads", "gate-processes"], Machine.allCases)
    func nothingRunsBeforeAllHaveArrived(_ subject: String, _ machine: Machine) throws {
        let load =
            try machine == .loaded ? (0..<4).map { _ in try Program(["sh", "-c", "while :; do :; done"]).start() } : []
        defer {
            for program in load {
                program.signal(SIGKILL)
                _ = try? program.end()
            }
        }
        let server = try ServerUnderTest()
        if machine == .oneProcessor { try keepOnOneProcessor(server) }
        try Zoo.deploy(subject, to: server, snapshot: true)
        let made = try server.request("POST", "/v1/functions/\(subject)/snapshot")
        try #require(made.status == 201, "\(made.text)")
        for number in 1...(machine == .asItIs || Self.isLong ? 50 : 10) {
            let answer = try server.invoke(subject, #"{"restored":true}"#, [("Martlet-Start", "restore")])
            #expect(answer.reply.field("martlet-started") == "restored", "\(number): \(answer)")
            #expect(answer.json?["ok"] == .bool(true), "\(number): \(answer)")
            _ = try server.request("DELETE", "/v1/environments/\(answer.environment)?now=true")
        }
        try server.end()
    }

    /// What they start inherits it.
    private func keepOnOneProcessor(_ server: ServerUnderTest) throws {
        for pid in [server.process.pid] + HostProcesses.descendants(of: server.process.pid) {
            let outcome = try Program(["taskset", "-a", "-cp", "0", "\(pid)"]).run()
            try #require(outcome.status == 0, "\(outcome)")
        }
    }
}
