// A function that sends without end, by each way that leads to the supervisor; or one message that would keep whoever
// reads it waiting. Meanwhile a neighbour's events are served, and what the supervisor holds has a ceiling. How long they
// take is for `scripts/dev bench-floods` to say: here is what no slow machine explains.

import Glibc
import IntegrationSupport
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Floods {
    private struct Course {
        var events = 0
        var slowest = Duration.zero
        var mostDescriptors = 0
        var mostKB = 0
    }

    /// Serves a neighbour for as long as the flood has its event.
    private func neighbour(of flood: String, _ server: ServerUnderTest, seconds: Double) throws -> Course {
        try server.deploy(
            flood, runtime: "python3.11", handler: "runtime.handler", files: try Subjects.files("floods"),
            [
                ("timeout", .integer(60)), ("memory", .integer(512)),
                ("environment", .object([("FLOOD", .text(flood)), ("SECONDS", .text("\(seconds)"))])),
            ])
        let pending = try server.begin(flood, #"{"seconds":\#(seconds)}"#)
        var course = Course()
        let clock = ContinuousClock()
        let begin = clock.now
        while clock.now - begin < .seconds(seconds) {
            let start = clock.now
            #expect(try server.invoke("neighbour", "1").text == "1")
            course.slowest = max(course.slowest, clock.now - start)
            course.events += 1
            let directory = "/proc/\(server.process.pid)"
            course.mostDescriptors = max(course.mostDescriptors, HostFiles.names(in: "\(directory)/fd").count)
            let status = HostProcesses.text("\(directory)/status") ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            course.mostKB = max(course.mostKB, kilobytes)
            usleep(5000)
        }
        let answer = try pending.finish()
        #expect(answer.text == #""over""#, "\(flood): \(answer)")
        return course
    }

    private func server() throws -> ServerUnderTest {
        let server = try ServerUnderTest()
        let echo = "def handler(event, context): return event"
        try server.deploy("neighbour", runtime: "python3.11", handler: "main.handler", files: [("main.py", echo)])
        #expect(try server.invoke("neighbour", "0").text == "0")
        return server
    }

    /// A socket that lingers, sent along with a request: its last descriptor would be dropped in the middle of a read, for as
    /// long as the function likes.
    @Test func aDescriptorSentAlongKeepsNobodyWaiting() throws {
        let server = try server()
        let course = try neighbour(of: "descriptor", server, seconds: 1)
        #expect(course.slowest < .seconds(2) * Binaries.patience, "\(course)")
        let log = try server.log("descriptor")
        // Where the kernel cannot refuse it, there is no socket to send it through.
        let isRefused = log.contains("descriptor: Operation not permitted\n")
        #expect(isRefused || log.contains("descriptor: Connection refused\n"), "\(log)")
        try server.end()
    }

    @Test func harmNoNeighbour() throws {
        let server = try server()
        for flood in ["endless_answers", "endless_body", "endless_data", "bodies", "connections", "pings", "chunks"] {
            let course = try neighbour(of: flood, server, seconds: 1)
            #expect(course.events > 3, "\(flood): \(course)")
            #expect(course.slowest < .milliseconds(500) * Binaries.patience, "\(flood): \(course)")
            #expect(course.mostKB < 100_000, "\(flood): \(course)")
            try server.delete(flood)
        }
        try server.end()
    }

    @Test func ofSubscriptionsEndAtTen() throws {
        let server = try server()
        let course = try neighbour(of: "subscriptions", server, seconds: 2)
        #expect(course.mostDescriptors < 200 && course.mostKB < 100_000, "\(course)")
        #expect(try server.log("subscriptions").contains("subscriptions: 10\n"))
        try server.end()
    }

    /// Beyond the ceiling of its environment each is closed at once.
    @Test func ofConnectionsAreNotAllKept() throws {
        let server = try server()
        let course = try neighbour(of: "held_connections", server, seconds: 1)
        // The environment's, and what an engine has open.
        #expect(course.mostDescriptors < 128 + 100, "\(course)")
        try server.end()
    }
}
