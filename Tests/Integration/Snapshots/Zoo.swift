// The zoo, as the program that holds it lists it, and its subjects as functions.

import Glibc
import IntegrationSupport
import Testing
import Wire

struct ZooSubject: Sendable, CustomTestStringConvertible {
    let name: String
    /// What the reason has in it, of a subject that is not captured.
    let refusal: String?
    /// Time has to pass between capture and restore.
    let needsPause: Bool
    let state: String

    var testDescription: String { "\(name): \(state)" }

    init?(row: String) {
        let columns = row.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard columns.count == 4 else { return nil }
        (name, needsPause, state) = (columns[0], columns[2] == "pause", columns[3])
        let mark = "refused: "
        refusal = columns[1].hasPrefix(mark) ? String(columns[1].dropFirst(mark.count)) : nil
    }
}

enum Zoo {
    /// Empty when it was not built; a test says so.
    static let all: [ZooSubject] = {
        guard let outcome = try? Program([Binaries.zoo, "--list"]).run(), outcome.status == 0 else { return [] }
        return outcome.output.split(separator: "\n").compactMap { ZooSubject(row: String($0)) }
    }()

    static let restored = all.filter { $0.refusal == nil }
    static let refused = all.filter { $0.refusal != nil }

    /// A program as the whole code of a function, without its symbols.
    static func code(_ program: String) throws -> JSON {
        let folder = try CodeFolder()
        let outcome = try Program(["strip", "-o", folder["bootstrap"], program]).run()
        guard outcome.status == 0 else { throw Program.Failure(description: "strip: \(outcome)") }
        let zip = try folder.zipped()
        defer { HostFiles.remove(zip) }
        return .object([("zip", .text(String(decoding: Base64.encode(try HostFiles.read(zip)), as: UTF8.self)))])
    }

    private static let own = Result { try code(Binaries.zoo) }

    static func deploy(
        _ subject: String, as name: String? = nil, to server: ServerUnderTest, snapshot: Bool
    ) throws {
        let members: [(String, JSON)] = [
            ("runtime", .text("provided")), ("code", try own.get()), ("memory", .integer(512)),
            ("timeout", .integer(10)), ("environment", .object([("ZOO", .text(subject))])),
        ]
        let body = JSON.object(members + (snapshot ? [("snapshot", .bool(true))] : []))
        let reply = try server.request("PUT", "/v1/functions/\(name ?? subject)", body: body.bytes)
        guard reply.status == 201 else { throw Program.Failure(description: "\(subject): \(reply.text)") }
    }
}

extension ServerUnderTest {
    /// The next event, for the environment that has answered; it may just be about to ask for it.
    func invokeAgain(_ answer: Answer) throws -> Answer {
        for _ in 0..<2000 {
            let path = "/v1/environments/\(answer.environment)/invoke"
            let again = Answer(reply: try request("POST", path, json: "{}"))
            if again.json?["type"] != .text("EnvironmentBusy") { return again }
            usleep(1000)
        }
        throw Program.Failure(description: "\(answer.environment) asks for no other event")
    }
}
