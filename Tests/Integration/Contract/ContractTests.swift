// What a function may count on: each row of the tables, deployed and invoked through a server, in its own environment.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Contract {
    @Test(arguments: [("python", "python3.11"), ("nodejs", "nodejs18.x")])
    func everyRowHolds(_ language: String, _ runtime: String) throws {
        let server = try ServerUnderTest()
        let files = try Subjects.files(language)
        var count = 0
        for (index, row) in try ContractRow.all(of: language).enumerated() where !row.needsSnapshot {
            let name = "row-\(index)"
            try server.deploy(
                name, runtime: runtime, handler: row.json["handler"]?.text ?? "", files: files, row.configuration)
            for problem in try problems(of: row, name, server) { Issue.record("\(language), \(row.name): \(problem)") }
            try server.delete(name)
            count += 1
        }
        #expect(count > 60)
        try server.end()
    }

    private func problems(of row: ContractRow, _ name: String, _ server: ServerUnderTest) throws -> [String] {
        for event in row.json["before"]?.list ?? [] { _ = try server.invoke(name, event.line, ServerUnderTest.withLog) }
        let target = "/v1/functions/\(name)/invoke"
        let answer = Answer(reply: try server.request("POST", target, row.fields, body: row.event))
        let matcher = Matcher(names: [
            "requestId": answer.requestID, "functionName": name,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:\(name)",
        ])
        var problems = problems(of: row, answer, matcher)
        let lines = (row.expect["log"]?.list ?? []).compactMap(\.text)
        var log = try server.log(name)
        let deadline = ContinuousClock().now + .seconds(2)
        while matcher.missing(lines, in: log) != nil, ContinuousClock().now < deadline {
            usleep(20_000)
            log = try server.log(name)
        }
        if let missing = matcher.missing(lines, in: log) { problems.append("no line \(missing) in the log\n\(log)") }
        for text in (row.expect["absent"]?.list ?? []).compactMap(\.text) where log.contains(text) {
            problems.append("'\(text)' is in the log\n\(log)")
        }
        return problems
    }

    private func problems(of row: ContractRow, _ answer: Answer, _ matcher: Matcher) -> [String] {
        // What is no JSON does not get as far as the function.
        if (try? JSON.validate(row.event)) == nil {
            return answer.json?["type"]?.text == "InvalidRequest" ? [] : ["an event that is no JSON: \(answer)"]
        }
        let expect = row.expect
        var problems: [String] = []
        func check(_ holds: Bool, _ what: String) {
            if !holds { problems.append("\(what): \(answer)\n\(answer.logTail)") }
        }
        check(answer.reply.status == 200, "the status")
        if let result = expect["result"] {
            check(!answer.isError && matcher.matches(result, answer.json), "the result")
        }
        if let text = expect["text"]?.text { check(!answer.isError && matcher.matches(text, answer.text), "the text") }
        // An init that fails fails again inside of the invocation, whose answer that is then.
        for error in [expect["error"], expect["initError"]].compactMap(\.self) {
            check(answer.isError && matcher.matches(error, answer.json, mayHaveMore: true), "the error")
        }
        if let stream = expect["stream"] { problems += self.problems(of: stream, answer, matcher) }
        if let status = expect["exit"]?.integer, expect["error"] == nil, expect["initError"] == nil {
            check(answer.errorType == "Runtime.ExitError", "the error of an exit")
            let words = "RequestId: \(answer.requestID) Error: Runtime exited with error: exit status \(status)"
            check(answer.errorMessage == words, "the words of an exit")
        }
        return problems
    }

    private func problems(of stream: JSON, _ answer: Answer, _ matcher: Matcher) -> [String] {
        var problems: [String] = []
        if answer.reply.field("content-type") != stream["contentType"]?.text { problems.append("the content type") }
        if !matcher.matches(stream["body"]?.text ?? "", answer.text) { problems.append("the body: \(answer)") }
        guard let error = stream["error"] else {
            if answer.isError { problems.append("an error nobody expected: \(answer)") }
            return problems
        }
        let body = answer.trailer("martlet-error-body").flatMap { try? Base64.decode($0, limit: 65_536) } ?? []
        if !answer.isError || !matcher.matches(error, try? JSON(parsing: body), mayHaveMore: true) {
            problems.append("the error at the end: \(String(decoding: body, as: UTF8.self))")
        }
        return problems
    }
}
