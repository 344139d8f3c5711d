// Each subject of the zoo: alone, where its check must hold, and restored from a snapshot, where the check tells whether
// its state came along. What is to be refused is refused with its reason, and served by cold starts.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ZooTests {
    /// MARTLET_ZOO=cold: nothing is captured, only the checks themselves are tried.
    private static let isColdOnly = Binaries.environment("MARTLET_ZOO") == "cold"

    /// What a clone is known not to have as its original had.
    private static let known: [String: Comment] = [
        "process-mappings": "the restorer's own pages stay"
    ]

    /// More than subjects take for a clone that has lived on in between, and less than the pause.
    private static let pause: UInt32 = 4

    @Test func thereAreManySubjects() {
        #expect(Zoo.restored.count >= 60 && !Zoo.refused.isEmpty, "the zoo was not built: \(Binaries.zoo)")
    }

    @Test(.enabled(if: isColdOnly, "MARTLET_ZOO=cold is not set"), arguments: Zoo.all)
    func holdsUncaptured(_ subject: ZooSubject) throws {
        let server = try ServerUnderTest()
        try Zoo.deploy(subject.name, to: server, snapshot: false)
        try expectCold(subject, server, [])
        try server.end()
    }

    @Test(.enabled(if: !isColdOnly, "MARTLET_ZOO=cold is set"), arguments: Zoo.restored)
    func comesAlong(_ subject: ZooSubject) throws {
        let server = try ServerUnderTest()
        try Zoo.deploy(subject.name, to: server, snapshot: true)
        try expectCold(subject, server)
        let made = try server.request("POST", "/v1/functions/\(subject.name)/snapshot")
        try #require(made.status == 201, "\(made.text)")
        if subject.needsPause { sleep(Self.pause * UInt32(Binaries.patience)) }
        var hosts: Set<String> = []
        for number in 1...3 {
            let first = try server.invoke(subject.name, #"{"restored":true}"#, [("Martlet-Start", "restore")])
            #expect(first.reply.field("martlet-started") == "restored", "clone \(number): \(first)")
            let known = Self.known[subject.name]
            let host = try holds(first, events: 1, "clone \(number)", known)
            // The next event finds what the first has left.
            let again = try server.invokeAgain(first)
            #expect(try holds(again, events: 2, "clone \(number), again", known) == host)
            hosts.insert(host)
        }
        #expect(hosts.count == 3, "\(hosts)")
        try server.end()
    }

    @Test(.enabled(if: !isColdOnly, "MARTLET_ZOO=cold is set"), arguments: Zoo.refused)
    func isRefused(_ subject: ZooSubject) throws {
        let server = try ServerUnderTest()
        try Zoo.deploy(subject.name, to: server, snapshot: true)
        let refused = try server.request("POST", "/v1/functions/\(subject.name)/snapshot")
        let words = try #require(subject.refusal)
        #expect(refused.status == 409 && refused.json?["type"] == .text("NoSnapshot"), "\(refused.text)")
        #expect(refused.json?["message"]?.text?.contains(words) == true, "not a word of '\(words)': \(refused.text)")
        try expectCold(subject, server)
        try server.end()
    }

    /// Two events to a new environment that was never captured; the second after it was frozen.
    private func expectCold(
        _ subject: ZooSubject, _ server: ServerUnderTest, _ fields: [(String, String)] = [("Martlet-Start", "cold")]
    ) throws {
        let first = try server.invoke(subject.name, "{}", fields)
        #expect(first.reply.field("martlet-started") == "cold", "\(first)")
        try holds(first, events: 1, "cold")
        usleep(60_000)
        let again = try server.invokeAgain(first)
        try holds(again, events: 2, "cold, again")
        // The engine keeps but a few of those that were made because somebody wanted a new one.
        _ = try server.request("DELETE", "/v1/environments/\(first.environment)?now=true")
    }

    /// The subject says that its state is there, and that it has had so many events. Gives the name of its host.
    @discardableResult
    private func holds(
        _ answer: Answer, events: Int64, _ when: String, _ known: Comment? = nil
    ) throws -> String {
        if let known {
            withKnownIssue(known) { #expect(answer.json?["ok"] == .bool(true), "\(when): \(answer)") }
        } else {
            #expect(answer.json?["ok"] == .bool(true), "\(when): \(answer)")
        }
        #expect(answer.json?["events"] == .integer(events), "\(when): \(answer)")
        return answer.json?["host"]?.text ?? ""
    }
}
