// What clones of one capture must not share, and what each must have of its own: one test for each row of the table of
// hazards, for a function in Python and one in Node. Each asks three clones, and the environment that they differ from.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
final class HazardTests {
    struct Language: Sendable, CustomTestStringConvertible {
        let runtime: String
        let file: String
        var testDescription: String { runtime }
    }

    static let languages = [
        Language(runtime: "python3.11", file: "hazards.py"), Language(runtime: "nodejs18.x", file: "hazards.js"),
    ]

    /// Captured once for each language, and restored after a pause that clocks can be told by.
    struct Clones: Sendable {
        let answers: [JSON]
        let cold: JSON
        /// Of the wall clock, around each answer.
        let asked: [ClosedRange<Double>]
        let environments: [String]
        /// Between the capture and the first clone; and what is certain to be more than the capture took.
        let pause, capture: Double
    }

    private static let taken: [String: Result<Clones, any Error>] = Dictionary(
        uniqueKeysWithValues: languages.map { language in (language.runtime, Result { try take(language) }) })

    private static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func deploy(_ language: Language, to server: ServerUnderTest, _ environment: JSON) throws {
        let files = try Subjects.files("hazards").filter { $0.0 == language.file }
        try server.deploy(
            "hazards", runtime: language.runtime, handler: "hazards.handler", files: files,
            [
                ("snapshot", .bool(true)), ("memory", .integer(512)), ("environment", environment),
                // What starts cold has this long even where an init takes longer than Lambda allows it.
                ("timeout", .integer(Int64(min(900, 10 * Binaries.patience)))),
            ])
    }

    private static func take(_ language: Language) throws -> Clones {
        let server = try ServerUnderTest(["--log", "text"])
        try deploy(language, to: server, .object([]))
        let begun = now()
        let made = try server.request("POST", "/v1/functions/hazards/snapshot")
        guard made.status == 201 else { throw Program.Failure(description: made.text) }
        let (capture, pause) = (now() - begun, 1.0)
        usleep(UInt32(pause * 1e6))
        var answers: [Answer] = []
        var asked: [ClosedRange<Double>] = []
        for _ in 0..<3 {
            let begin = now()
            let answer = try server.invoke("hazards", "{}", [("Martlet-Start", "restore")])
            asked.append(begin...now())
            guard answer.reply.field("martlet-started") == "restored" else {
                throw Program.Failure(description: "not restored: \(answer) \(try server.end())")
            }
            if answer.isError { throw Program.Failure(description: "a clone fails: \(answer)") }
            answers.append(answer)
        }
        let cold = try server.invoke("hazards", "{}", [("Martlet-Start", "cold")])
        try server.end()
        return Clones(
            answers: answers.map { $0.json ?? .null }, cold: cold.json ?? .null, asked: asked,
            environments: answers.map(\.environment), pause: pause, capture: capture)
    }

    private func clones(_ language: Language) throws -> Clones { try Self.taken[language.runtime]!.get() }

    /// What stands at this place of a list, in each answer.
    private func column(_ name: String, _ index: Int, _ answers: [JSON]) -> [String] {
        answers.map { answer in
            guard let list = answer[name]?.list, index < list.count else { return "nothing" }
            return String(decoding: list[index].bytes, as: UTF8.self)
        }
    }

    @Test(arguments: languages) func randomNumbersDiffer(_ language: Language) throws {
        let clones = try clones(language)
        for index in 0..<(language.runtime.hasPrefix("python") ? 6 : 8) {
            let drawn = column("random", index, clones.answers + [clones.cold])
            #expect(Set(drawn).count == 4 && !drawn.contains("nothing"), "\(index): \(drawn)")
        }
    }

    @Test(arguments: languages) func theWallClockIsTrue(_ language: Language) throws {
        let clones = try clones(language)
        for (answer, asked) in zip(clones.answers, clones.asked) {
            let wall = try #require(answer["wall"]?.number)
            // Node counts whole milliseconds.
            #expect((asked.lowerBound - 0.002...asked.upperBound).contains(wall), "\(asked) \(wall)")
            #expect((answer["wallSince"]?.number ?? 0) >= clones.pause)
        }
    }

    @Test(arguments: languages) func theMonotonicClockGoesOnFromTheCapture(_ language: Language) throws {
        let clones = try clones(language)
        for (answer, asked) in zip(clones.answers, clones.asked) {
            let since = try #require(answer["since"]?.number)
            let most = clones.capture + asked.upperBound - asked.lowerBound
            #expect(since > 0 && since < most, "\(since) seconds since the hook before the capture")
            // The pause is in what the wall clock says, and not in this.
            let wall = try #require(answer["wallSince"]?.number)
            #expect(wall - since >= clones.pause - 0.002, "\(since) and \(wall) seconds")
        }
    }

    @Test(arguments: languages) func eachHasAnIdentityOfItsOwn(_ language: Language) throws {
        let clones = try clones(language)
        #expect(Set(clones.environments).count == 3)
        for (index, what) in ["host name", "user"].enumerated() {
            let own = column("identity", index, clones.answers + [clones.cold])
            #expect(Set(own).count == 4, "\(what): \(own)")
        }
    }

    @Test(arguments: languages) func insideTheyAreAlike(_ language: Language) throws {
        let clones = try clones(language)
        for (index, what) in ["pid", "user", "group"].enumerated() {
            let all = column("inside", index, clones.answers + [clones.cold])
            #expect(Set(all).count == 1, "\(what): \(all)")
        }
        #expect(column("inside", 3, clones.answers) == Array(repeating: "\"snap-start\"", count: 3))
        // As with SnapStart: what is captured has no log stream yet.
        #expect(column("inside", 4, clones.answers) == Array(repeating: "null", count: 3))
        #expect(column("inside", 3, [clones.cold]) == ["\"on-demand\""])
    }

    @Test(arguments: languages) func otherConnectionsComeBackClosed(_ language: Language) throws {
        let clones = try clones(language)
        #expect(clones.cold["connections"]?.list?.map(\.text) == ["open", "open"], "\(clones.cold)")
        for answer in clones.answers {
            let ends = answer["connections"]?.list?.map { $0.text ?? "" } ?? []
            #expect(ends.count == 2 && !ends.contains("open"), "\(ends)")
        }
    }

    @Test(arguments: languages) func tmpIsAsItWasAndEachsOwn(_ language: Language) throws {
        for answer in try clones(language).answers {
            #expect(answer["tmp"]?.list?.map(\.text) == ["kept"], "\(answer["tmp"] ?? .null)")
            #expect(answer["keptAgain"] == .text("0123456789"))
        }
    }

    @Test(arguments: languages) func openFilesAreAtTheirPlaces(_ language: Language) throws {
        for answer in try clones(language).answers {
            #expect(answer["kept"] == .text("45") && answer["gone"] == .text("gh"))
        }
    }

    @Test(arguments: languages) func hooksAreRun(_ language: Language) throws {
        let clones = try clones(language)
        for answer in clones.answers { #expect(answer["hooks"]?.list?.map(\.text) == ["before", "after"]) }
        #expect(clones.cold["hooks"]?.list?.isEmpty == true)
    }

    /// A descriptor for a process is of no kind that can be made again.
    @Test func whatCannotBeCapturedIsServedAllTheSame() throws {
        let server = try ServerUnderTest()
        try Self.deploy(Self.languages[0], to: server, .object([("REFUSED", .text("1"))]))
        let refused = try server.request("POST", "/v1/functions/hazards/snapshot")
        #expect(refused.status == 409)
        #expect(refused.json?["message"]?.text?.contains("pidfd") == true, "\(refused.text)")
        let cold = try server.invoke("hazards")
        #expect(["cold", "warm"].contains(cold.reply.field("martlet-started")) && !cold.isError, "\(cold)")
        let again = try server.invokeAgain(cold)
        #expect(again.json?["tmp"]?.list?.count == 2 && again.environment == cold.environment, "\(again)")
        try server.end()
    }
}
