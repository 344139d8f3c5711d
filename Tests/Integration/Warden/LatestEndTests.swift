// Time is up for a sandbox, and its supervisor does nothing about it: the warden ends it.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct LatestEndTests {
    private func request(_ id: UInt32) -> SandboxRequest { WaitingSandbox.request(id) }

    @Test func theWardenEndsWhatIsPastItsLatestEndAndNothingElse() throws {
        let words = try SharedWords(LatestEnds.count, named: "test")
        let warden = try WardenUnderTest(arguments: ["--latest-ends", "9"], inherited: words.file)
        for id in UInt32(1)...3 { _ = try WaitingSandbox(in: warden, request(id)) }
        // One does nothing, the second has all the time of the world, the third's is over.
        let start = Clock.now
        (words[2], words[3]) = (.max, start)
        #expect(try WardenUnderTest.reason(warden.end(of: 3)) == .timedOut)
        #expect(Clock.now - start >= LatestEnds.grace)
        for id in UInt32(1)...2 {
            try warden.send(.kill(id: id))
            #expect(try WardenUnderTest.reason(warden.end(of: id)) == .killed)
        }
    }

    /// The supervisor could make the warden die by making it shorter.
    @Test func wordsWhoseFileMayShrinkAreNotRead() throws {
        let file = try MemoryFile.make(named: "test")
        try FileRegions.setSize(file.raw, UInt64(LatestEnds.count * 8))
        let warden = try WardenUnderTest(arguments: ["--latest-ends", "9"], inherited: file.raw)
        guard case .refused(0, let refusal)? = try warden.reply() else {
            Issue.record("the warden has taken them")
            return
        }
        #expect(refusal.message.contains("size"))
        #expect(try warden.waitForExit() == .exited(0))
    }

    private static let endless = """
        def handler(event, context):
            if event.get("ends"):
                return "ended"
            print("looping", flush=True)
            while True:
                pass

        """

    @Test func aFunctionThatLoopsIsEndedWhileTheSupervisorHangs() throws {
        let server = try ServerUnderTest()
        try server.deploy(
            "endless", runtime: "python3.11", handler: "app.handler", files: [("app.py", Self.endless)],
            [("timeout", .integer(1))])
        let pending = try server.begin("endless")
        _ = try server.log("endless", until: "looping\n")
        let sandboxes = HostProcesses.descendants(of: server.process.pid).dropFirst().map { pid in
            try? Processes.open(pid).release()
        }
        defer { for case let raw? in sandboxes { _ = FileDescriptor(owning: raw) } }
        #expect(!sandboxes.isEmpty)
        server.process.signal(SIGSTOP)
        for case let raw? in sandboxes {
            #expect(Processes.hasEnded(raw, within: 15_000 * Int32(Binaries.patience)))
        }
        server.process.signal(SIGCONT)
        let answer = try pending.finish()
        #expect(answer.errorType == "Sandbox.Timedout", "\(answer)")
        // The next event finds a new environment.
        let next = try server.invoke("endless", #"{"ends": true}"#)
        #expect(next.text == #""ended""#, "\(next)")
        #expect(try server.end().status == 0)
    }
}
