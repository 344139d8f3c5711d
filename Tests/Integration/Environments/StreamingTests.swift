// Answers in parts: early to who wants them so, gathered for who does not; and what is told of an end in the middle.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Streaming {
    private static let streamed = [("Martlet-Response-Mode", "streaming")]

    private func start() throws -> ServerUnderTest {
        let server = try ServerUnderTest()
        try server.deploy(
            "streams", runtime: "nodejs18.x", handler: "main.handler", files: try Subjects.files("streaming"),
            [("timeout", .integer(2)), ("memory", .integer(1024))])
        #expect(try server.invoke("streams", #"{"do":"parts","count":1,"pause":0}"#).text == "part 0\n")
        return server
    }

    @Test func partsComeAsTheyAreWritten() throws {
        let server = try start()
        let clock = ContinuousClock()
        let pending = try server.begin("streams", #"{"do":"parts","count":4,"pause":200}"#, Self.streamed)
        var times: [ContinuousClock.Instant] = []
        var text = ""
        while let part = try pending.nextPart() {
            times.append(clock.now)
            text += String(decoding: part, as: UTF8.self)
        }
        #expect(text == "part 0\npart 1\npart 2\npart 3\n")
        #expect(times.count == 4 && times[0] + .milliseconds(500) < times[3], "\(times)")
        // Who did not ask for parts gets the whole.
        let whole = try server.invoke("streams", #"{"do":"parts","count":3,"pause":10}"#)
        #expect(whole.text == "part 0\npart 1\npart 2\n" && whole.reply.field("content-type") == "text/plain")
        try server.end()
    }

    struct End: Sendable {
        let how: String
        let type: String
        let words: String
    }

    @Test(arguments: [
        End(how: "fails", type: "TypeError", words: "in the middle"),
        End(how: "hangs", type: "Sandbox.Timedout", words: "RequestId: ID Error: Task timed out after 2.00 seconds"),
        End(how: "dies", type: "Runtime.", words: ""),
    ]) func anEndInTheMiddleIsTold(_ end: End) throws {
        let server = try start()
        let answer = try server.invoke("streams", #"{"do":"\#(end.how)"}"#, Self.streamed)
        #expect(answer.text == "so far" && answer.isError, "\(answer)")
        let body = answer.trailer("martlet-error-body").flatMap { try? Base64.decode($0, limit: 65_536) } ?? []
        let error = try? JSON(parsing: body)
        #expect(error?["errorType"]?.text?.hasPrefix(end.type) == true, "\(String(decoding: body, as: UTF8.self))")
        if !end.words.isEmpty {
            #expect(error?["errorMessage"]?.text?.replacing(answer.requestID, with: "ID") == end.words)
        }
        // To who wanted the whole, the error is the answer.
        let whole = try server.invoke("streams", #"{"do":"\#(end.how)"}"#)
        #expect(whole.isError && whole.errorType.hasPrefix(end.type), "\(whole)")
        #expect(try server.invoke("streams", #"{"do":"parts","count":1,"pause":0}"#).text == "part 0\n")
        try server.end()
    }

    /// The function waits for its caller; what is in between does not fill up.
    @Test func aSlowCallerIsWaitedFor() throws {
        let server = try start()
        let path = "/proc/\(server.process.pid)"
        func memory() -> Int {
            HostProcesses.status("VmRSS", of: path).flatMap { Int($0.prefix(while: \.isNumber)) } ?? 0
        }
        let before = memory()
        let pending = try server.begin("streams", #"{"do":"large","megabytes":60}"#, Self.streamed)
        var size = try pending.nextPart()?.count ?? 0
        usleep(800_000)
        let during = memory()
        #expect(during < before + 30_000, "\(before) kB before, \(during) kB with 60 MB on the way")
        while let part = try pending.nextPart() { size += part.count }
        #expect(size == 60 << 20)

        // One that goes away is not waited for.
        do {
            let left = try server.begin("streams", #"{"do":"large","megabytes":60}"#, Self.streamed)
            _ = try left.nextPart()
        }
        let log = try server.log("streams", until: "never", within: .milliseconds(700))
        #expect(!log.contains("Status: timeout"), "\(log)")
        #expect(try server.environments(of: "streams").allSatisfy { $0["state"] == .text("idle") })
        // A buffered caller cannot have that much.
        let large = try server.invoke("streams", #"{"do":"large","megabytes":7}"#)
        #expect(large.errorType == "Function.ResponseSizeTooLarge", "\(large)")
        try server.end()
    }
}
