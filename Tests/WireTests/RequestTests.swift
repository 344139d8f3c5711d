import Testing
import Wire

@Suite struct Requests {
    static func good() -> SandboxRequest { SandboxRequest(command: ["/bin/true"], root: "/r") }

    @Test func aPlainOneHasNoProblem() { #expect(Self.good().problem() == nil) }

    struct Mistake: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout SandboxRequest) -> Void
        let words: String
    }

    static let mistakes = [
        Mistake(testDescription: "an empty command", change: { $0.command = [""] }, words: "no name"),
        Mistake(
            testDescription: "one that waits in the host's network",
            change: { ($0.command, $0.without) = ([], [.networkNamespace]) }, words: "network of its own"),
        Mistake(testDescription: "no memory", change: { $0.memoryMB = 0 }, words: "memory of 0 MB"),
        Mistake(testDescription: "127 MB", change: { $0.memoryMB = 127 }, words: "128 to 10240"),
        Mistake(testDescription: "10241 MB", change: { $0.memoryMB = 10_241 }, words: "128 to 10240"),
        Mistake(testDescription: "no /tmp", change: { $0.tmpMB = 0 }, words: "/tmp of 0 MB"),
        Mistake(
            testDescription: "six layers", change: { $0.layers = Array(repeating: "/l", count: 6) }, words: "6 layers"),
        Mistake(testDescription: "a relative root", change: { $0.root = "r" }, words: "not an absolute path"),
        Mistake(testDescription: "a relative layer", change: { $0.layers = ["l"] }, words: "not an absolute path"),
        Mistake(testDescription: "a variable without =", change: { $0.environment = ["A"] }, words: "NAME=VALUE"),
        Mistake(testDescription: "a variable without a name", change: { $0.environment = ["=A"] }, words: "NAME=VALUE"),
        Mistake(testDescription: "a timeout of years", change: { $0.timeoutMS = .max }, words: "a day"),
    ]

    @Test(arguments: mistakes) func mistakesAreNamed(_ mistake: Mistake) throws {
        var request = Self.good()
        mistake.change(&request)
        let problem = try #require(request.problem())
        #expect(problem.contains(mistake.words))
    }
}

@Suite struct ProcessRequests {
    @Test func aPlainOneHasNoProblem() {
        #expect(ProcessRequest(number: 0, command: ["x"], environment: ["A=", "B=c=d"]).problem() == nil)
    }

    @Test(arguments: [
        (ProcessRequest(number: 0, command: []), "no command"),
        (ProcessRequest(number: 0, command: ["", "x"]), "no command"),
        (ProcessRequest(number: 0, command: ["x"], environment: ["A"]), "NAME=VALUE"),
        (ProcessRequest(number: 0, command: ["x"], environment: ["=A"]), "NAME=VALUE"),
    ]) func mistakesAreNamed(_ request: ProcessRequest, _ words: String) throws {
        #expect(try #require(request.problem()).contains(words))
    }

    @Test func aSandboxWithoutACommandWaits() {
        let request = SandboxRequest(command: [], root: "/r")
        #expect(request.waits)
        #expect(request.problem() == nil)
        #expect(!Requests.good().waits)
    }
}

@Suite struct JSONTexts {
    @Test func valuesAreWrittenAsTheyAre() {
        let value = JSON.object([
            ("b", .bool(true)), ("a", .list([.integer(-1), .null, .number(0.5)])), ("t", .text("x")),
        ])
        #expect(value.line == #"{"b":true,"a":[-1,null,0.5],"t":"x"}"#)
    }

    @Test func whatMustBeEscapedIs() {
        #expect(JSON.text("\"\\\n\r\t\u{1}ü/").line == #""\"\\\n\r\t\u0001ü/""#)
    }

    @Test func whatIsNoNumberIsNull() { #expect(JSON.number(.nan).line == "null") }
}
