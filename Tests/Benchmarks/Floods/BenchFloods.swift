// What one function's flood costs another: the time of a neighbour's warm event, quiet, beside a function that only burns
// the processor time it has, and beside each flood. The flooding function has the processor time that its memory buys, so
// a flood is to be compared with the burning: what it adds to that is the loop's.

import Glibc
import IntegrationSupport
import Linux
import Wire

@main
enum BenchFloods {
    /// In this order; the first is no flood.
    static let all = [
        "quiet", "burn", "endless_answers", "endless_body", "endless_data", "bodies", "connections", "held_connections",
        "pings", "unknown", "chunks", "single_bytes", "heads", "logs", "large_logs", "endless_line", "registrations",
        "subscribed_logs", "subscriptions", "descriptor",
    ]

    static func main() {
        var words = Array(CommandLine.arguments.dropFirst())
        let seconds = words.first.flatMap { Double($0) } ?? 3
        if words.first.flatMap({ Double($0) }) != nil { words.removeFirst() }
        guard Binaries.isRoot else {
            print("bench-floods needs root")
            exit(69)
        }
        do {
            print(
                """
                the neighbour's warm event, microseconds; the flooding function has 512 MB and 0.29 of a processor
                                       events     p50       p99       max   loop busy, us an event, supervisor
                """)
            for flood in words.isEmpty ? all : words { try measure(flood, seconds) }
        } catch {
            print("bench-floods: \(error)")
            exit(1)
        }
    }

    private static let echo = "def handler(event, context): return event"

    /// A server for each, so that none has what another has left.
    private static func measure(_ flood: String, _ seconds: Double) throws {
        let server = try ServerUnderTest()
        var isStuck = false
        // One that does not answer does not end by itself either.
        defer { _ = try? server.end(isStuck ? SIGKILL : SIGTERM) }
        try server.deploy("neighbour", runtime: "python3.11", handler: "main.handler", files: [("main.py", echo)])
        let connection = try StreamSockets.connect(to: server.socket)
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(
            connection.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        for _ in 0..<200 { _ = try round(connection) }
        var pending: PendingAnswer?
        if flood != "quiet" {
            try server.deploy(
                "flooding", runtime: "python3.11", handler: "runtime.handler", files: try Subjects.files("floods"),
                [
                    ("timeout", .integer(60)), ("memory", .integer(512)),
                    ("environment", .object([("FLOOD", .text(flood)), ("SECONDS", .text("\(seconds + 1)"))])),
                ])
            // A start has a processor of its own for a while; the flood begins when it has what its memory buys.
            if flood != "subscriptions" { _ = try server.invoke("flooding", #"{"seconds":0}"#) }
            pending = try server.begin("flooding", #"{"seconds":\#(seconds + 1)}"#)
            usleep(500_000)
        }
        let busyBefore = try processorTime(server.process.pid)
        let begin = Clock.now
        var times: [UInt64] = []
        while Clock.now - begin < UInt64(seconds * 1e9) {
            guard let time = try? round(connection) else {
                isStuck = true
                print(left(flood, 22) + right("\(times.count)", 7) + "   then no answer in 10 seconds")
                fflush(nil)
                return
            }
            times.append(time)
            // Somebody with other things to do: a flood is not kept away by the neighbour itself.
            usleep(500)
        }
        let wall = Clock.now - begin
        let busy = try processorTime(server.process.pid) - busyBefore
        let status = HostProcesses.text("/proc/\(server.process.pid)/status") ?? ""
        let memory =
            status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?.split(separator: " ").dropFirst()
            .first.flatMap { Int($0) } ?? 0
        let descriptors = HostFiles.names(in: "/proc/\(server.process.pid)/fd").count
        times.sort()
        func cell(_ value: UInt64) -> String { right("\(value / 1000)", 10) }
        print(
            left(flood, 22) + right("\(times.count)", 7) + cell(times[times.count / 2])
                + cell(times[times.count * 99 / 100]) + cell(times[times.count - 1])
                + right("\(busy * 100 / wall) %", 9)
                + right("\(busy / UInt64(times.count) / 1000)", 8)
                + "   \(memory / 1024) MB, \(descriptors) descriptors")
        // A table that grows, also through a pipe.
        fflush(nil)
        _ = try? pending?.finish()
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }

    private static let request: [UInt8] = {
        var writer = HTTPWriter()
        writer.requestLine(.post, "/v1/functions/neighbour/invoke")
        writer.put("Host: martlet\r\n")
        writer.body(Array(#"{"name":"martlet"}"#.utf8))
        return writer.bytes
    }()

    /// One event, in nanoseconds.
    private static func round(_ connection: borrowing FileDescriptor) throws -> UInt64 {
        let start = Clock.now
        try Files.write(request, to: connection.raw, named: "the control socket")
        let reply = try ServerReply(reading: connection.raw)
        guard reply.status == 200 else { throw Program.Failure(description: "status \(reply.status): \(reply.text)") }
        return Clock.now - start
    }

    /// What the supervisor's first thread, the loop, has used, in nanoseconds.
    private static func processorTime(_ pid: Int32) throws -> UInt64 {
        let text = HostProcesses.text("/proc/\(pid)/task/\(pid)/schedstat") ?? ""
        return text.split(separator: " ").first.flatMap { UInt64($0) } ?? 0
    }
}
