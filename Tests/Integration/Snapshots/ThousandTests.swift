// One capture, a thousand clones: of an interpreter, of one with threads, of a shell and what it starts, of a static
// program, of a pool of threads, of several processes. Every clone answers, each for itself.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ThousandTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        let name: String
        let runtime: String
        let handler: String
        let code: @Sendable () throws -> JSON
        var environment: [(String, JSON)] = []
        /// Where an answer says how many events its process has had.
        var count: String = "count"

        var testDescription: String { name }
    }

    static let kinds = [
        Kind(name: "python", runtime: "python3.11", handler: "main.handler") {
            text(
                "main.py",
                """
                import json, socket, urllib.request, uuid
                count = 0
                def handler(event, context):
                    global count
                    count += 1
                    return {"count": count, "host": socket.gethostname()}
                """)
        },
        Kind(name: "node", runtime: "nodejs18.x", handler: "index.handler") {
            text(
                "index.js",
                """
                const os = require("os");
                let count = 0;
                exports.handler = async () => ({ count: ++count, host: os.hostname() });
                """)
        },
        Kind(name: "shell-curl", runtime: "provided", handler: "") { try subject("shell-curl") },
        Kind(name: "static-c", runtime: "provided", handler: "") { try Zoo.code(Binaries.staticC) },
        Kind(
            name: "swift-pool", runtime: "provided", handler: "", code: { try Zoo.code(Binaries.zoo) },
            environment: [("ZOO", .text("thread-pool"))], count: "events"),
        Kind(name: "processes", runtime: "provided", handler: "") { try subject("processes") },
    ]

    private static func text(_ path: String, _ text: String) -> JSON {
        .object([("files", .object([(path, .text(text))]))])
    }

    private static func subject(_ name: String) throws -> JSON {
        .object([("files", .object(try Subjects.files(name).map { ($0.0, .text($0.1)) }))])
    }

    /// How many clones of each.
    private static let clones = 1000
    private static let atOnce = 10

    private func deploy(_ kind: Kind, to server: ServerUnderTest, snapshot: Bool) throws {
        let members: [(String, JSON)] = [
            ("runtime", .text(kind.runtime)), ("handler", .text(kind.handler)), ("code", try kind.code()),
            ("memory", .integer(512)), ("timeout", .integer(20)), ("environment", .object(kind.environment)),
        ]
        let flag: [(String, JSON)] = snapshot ? [("snapshot", .bool(true))] : []
        let reply = try server.request("PUT", "/v1/functions/\(kind.name)", body: JSON.object(members + flag).bytes)
        try #require(reply.status == 201, "\(reply.text)")
    }

    @Test(arguments: kinds) func everyCloneAnswersForItself(_ kind: Kind) throws {
        let server = try ServerUnderTest()
        try deploy(kind, to: server, snapshot: true)
        let cold = try server.invoke(kind.name, "{}", [("Martlet-Start", "cold")])
        #expect(cold.json?[kind.count] == .integer(1), "\(cold)")
        _ = try server.request("DELETE", "/v1/environments/\(cold.environment)?now=true")
        let made = try server.request("POST", "/v1/functions/\(kind.name)/snapshot")
        try #require(made.status == 201, "\(made.text)")

        try threeSideBySide(kind, server)
        var environments: Set<String> = []
        for batch in 0..<Self.clones / Self.atOnce {
            let pending = try (0..<Self.atOnce).map { _ in
                try server.begin(kind.name, "{}", [("Martlet-Start", "restore")])
            }
            for one in pending {
                let answer = try one.finish()
                #expect(answer.reply.field("martlet-started") == "restored", "batch \(batch): \(answer)")
                // Its memory is as it was captured, whatever others have done to theirs.
                #expect(answer.json?[kind.count] == .integer(1), "batch \(batch): \(answer)")
                environments.insert(answer.environment)
                // Those that are kept for others would be in the way.
                _ = try server.request("DELETE", "/v1/environments/\(answer.environment)?now=true")
            }
        }
        #expect(environments.count == Self.clones, "\(environments.count)")
        try server.end()
    }

    /// Clones that live at the same time have hosts and memory of their own, from event to event.
    private func threeSideBySide(_ kind: Kind, _ server: ServerUnderTest) throws {
        let first = try (0..<3).map { _ in try server.invoke(kind.name, "{}", [("Martlet-Start", "restore")]) }
        #expect(Set(first.compactMap { $0.json?["host"]?.text }).count == 3, "\(first)")
        for answer in first {
            #expect(answer.json?[kind.count] == .integer(1), "\(answer)")
            let again = try server.invokeAgain(answer)
            #expect(again.json?[kind.count] == .integer(2), "\(again)")
            #expect(again.json?["host"] == answer.json?["host"], "\(again)")
            _ = try server.request("DELETE", "/v1/environments/\(answer.environment)?now=true")
        }
    }

    /// The same functions, never captured.
    @Test(arguments: kinds) func holdsUncaptured(_ kind: Kind) throws {
        let server = try ServerUnderTest()
        try deploy(kind, to: server, snapshot: false)
        let first = try server.invoke(kind.name)
        #expect(first.json?[kind.count] == .integer(1), "\(first)")
        let again = try server.invokeAgain(first)
        #expect(again.json?[kind.count] == .integer(2), "\(again)")
        #expect(again.json?["host"] == first.json?["host"], "\(again)")
        try server.end()
    }
}
