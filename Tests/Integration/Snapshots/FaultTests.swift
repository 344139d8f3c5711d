// Steps of captures and restores that fail, by their numbers: the event is answered all the same, nothing is left of what
// had been begun, and the reason is in the log. A sample of the steps; every one with MARTLET_LONG=1.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct FaultTests {
    private static let isLong = Binaries.environment("MARTLET_LONG") == "1"

    /// Nothing fails behind the last.
    private static let captureSteps = isLong ? Array(0...7) : [0, 2, 5, 6, 7]
    private static let restoreSteps = isLong ? Array(0...60) : [0, 3, 8, 14, 22, 30]

    private func server(_ option: String, _ step: Int) throws -> ServerUnderTest {
        let server = try ServerUnderTest(["--log", "text", option, "\(step)"])
        let members: [(String, JSON)] = [
            ("runtime", .text("provided")), ("code", try Zoo.code(Binaries.staticC)), ("snapshot", .bool(true)),
        ]
        let reply = try server.request("PUT", "/v1/functions/faulty", body: JSON.object(members).bytes)
        try #require(reply.status == 201, "\(reply.text)")
        return server
    }

    @Test(arguments: captureSteps) func aCaptureThatFails(_ step: Int) throws {
        let before = Leftovers.now()
        let server = try server("--fail-capture", step)
        let made = try server.request("POST", "/v1/functions/faulty/snapshot")
        let fails = made.status == 409
        // Seven steps there are for a single process.
        #expect(fails == (step < 7), "\(step): \(made.text)")
        if fails { #expect(made.text.contains("made to fail (step \(step))"), "\(made.text)") }
        let answer = try server.invoke("faulty")
        #expect(!answer.isError && answer.reply.status == 200, "\(step): \(answer)")
        // The keeper removes what the capture had written when its process is gone.
        let drafts = { HostFiles.names(in: "\(server.state)/snapshots").filter { $0.hasPrefix(".") } }
        #expect(waitUntil { drafts().isEmpty }, "\(drafts())")
        let outcome = try server.end()
        if fails { #expect(outcome.errors.contains("made to fail (step \(step))"), "\(outcome)") }
        #expect(Leftovers.settled(since: before) == "")
    }

    @Test(arguments: restoreSteps) func aRestoreThatFails(_ step: Int) throws {
        let before = Leftovers.now()
        let server = try server("--fail-restore", step)
        let made = try server.request("POST", "/v1/functions/faulty/snapshot")
        try #require(made.status == 201, "\(made.text)")
        let answers = try (0..<3).map { _ in try server.invoke("faulty") }
        for answer in answers {
            #expect(!answer.isError && answer.reply.status == 200, "\(step): \(answer)")
        }
        let isRestored = answers[0].reply.field("martlet-started") != "cold"
        let outcome = try server.end()
        if !isRestored { #expect(outcome.errors.contains("step \(step),"), "\(step): \(outcome)") }
        #expect(Leftovers.settled(since: before) == "")
    }
}
