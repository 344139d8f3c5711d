// `martlet bench`: sends events to a function one after the other, each in turn with a bare start of its interpreter, and
// says what each phase took. With --concurrency, crowds of events come afterwards, all of one at once.

import Environments
import Glibc
import Lambda
import Linux
import Wire

enum BenchCommand {
    static func run(_ arguments: [String]) -> Int32 {
        var own = BenchOptions()
        return Command.client(Help.bench) {
            try ClientOptions("bench", arguments, ["NAME", "EVENT?"]) { (name, reader) throws(UsageError) in
                try own.take(name, &reader)
            }
        } _: { options in
            var bench = try Bench(options, own)
            try bench.measureInTurns()
            if own.concurrency > 0 { try bench.measureCrowds() }
            Terminal.print(options.json ? bench.report.json.line : bench.report.words)
            return ExitStatus.success
        }
    }
}

private struct Bench {
    private let client: ControlClient
    private let connection: BenchConnection
    private let own: BenchOptions
    private let name: String
    private let request: [UInt8]
    private var bare: BareStart?
    private var progress: Progress
    var report: BenchReport

    /// After each event, so that what it leaves to be done is not done at the expense of what comes next. None follows
    /// the bare start: processors that have slept for long take a quarter of a millisecond to wake.
    private static let rest: UInt32 = 20_000
    private static let crowds = 5

    init(_ options: ClientOptions, _ own: BenchOptions) throws {
        self.own = own
        name = options.words[0]
        client = options.client
        progress = Progress("measuring \(name)")
        let event = try EventSource.read(options.word(1))
        let function = try client.ask(.get, "/v1/functions/\(name)").json
        connection = try BenchConnection(options.places.socket)
        var writer = HTTPWriter(reserving: 512 + event.count)
        writer.requestLine(.post, "/v1/functions/\(name)/invoke")
        writer.field("Host", "martlet")
        writer.field("Martlet-Start", own.start.rawValue)
        writer.body(event)
        request = writer.bytes
        report = BenchReport(name: name, start: own.start, processors: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard own.hasBare else { return }
        switch Self.bare(function, own, event) {
        case .bare(let bare): self.bare = bare
        case .none(let why): report.whyNoBare = why
        }
    }

    /// The files of the function, as the engine has them on this very host.
    private static func bare(
        _ function: JSON, _ own: BenchOptions, _ event: [UInt8]
    ) -> BareStart.Choice {
        if let code = own.code { return BareStart.choose(function, code: code, layers: [], event: event) }
        let home = "\(own.state)/functions/\(function["name"]?.text ?? "")"
        guard let bytes = try? Files.read("\(home)/function.json", limit: 1 << 20),
            let json = try? JSON(parsing: bytes),
            let content = json["content"]?.text, json["revision"]?.text == function["revision"]?.text
        else {
            return .none("its files are not to be read in \(own.state): name them with --code or --state")
        }
        let layers = (0..<(function["layers"]?.integer ?? 0)).map { "\(home)/\(content)/layers/\($0)" }
        return BareStart.choose(function, code: "\(home)/\(content)/code", layers: layers, event: event)
    }

    // MARK: one after the other

    mutating func measureInTurns() throws {
        // The first of each finds caches cold that no later one does.
        try measureOne(isCounted: false)
        for index in 0..<Int(own.count) {
            try measureBare(isCounted: index > 0)
            try measureOne(isCounted: true)
            progress.tick(done: index * 100 / Int(own.count))
        }
        progress.end()
    }

    private mutating func measureOne(isCounted: Bool) throws {
        switch own.start {
        case .pooled: try wait(for: "parked")
        case .restore: try wait(for: "shells")
        default: break
        }
        let answer = try connection.ask(request)
        try check(answer)
        if isCounted { report.add(InvocationReport(answer)) }
        usleep(Self.rest)
    }

    private mutating func measureBare(isCounted: Bool) throws {
        guard let bare else { return }
        do {
            let took = try bare.measure()
            if isCounted { report.bare.append(took) }
            report.interpreter = bare.interpreter
        } catch let failure as CommandFailure {
            (self.bare, report.bare, report.whyNoBare) = (nil, [], failure.message)
        }
    }

    /// One who asks again at once would measure how quickly it is filled.
    private func wait(for kind: String) throws {
        for _ in 0..<20 {
            let pools = try client.ask(.get, "/v1/pools").json["pools"]?.list ?? []
            if (pools.first { $0["function"]?.text == name }?[kind]?.integer ?? 0) > 0 { return }
            usleep(5000)
        }
    }

    private func check(_ answer: BenchConnection.Answer) throws {
        let fields = answer.head.fields
        if answer.head.status != 200 {
            let json = (try? JSON(parsing: answer.body)) ?? .null
            let action = json["action"]?.text.map { "; \($0)" } ?? ""
            throw CommandFailure(
                ExitStatus.of(httpStatus: answer.head.status),
                (json["message"]?.text ?? "the engine answered with status \(answer.head.status)") + action)
        }
        if fields["martlet-function-error"] != nil {
            let words = String(decoding: answer.body.prefix(500), as: UTF8.self)
            throw CommandFailure(ExitStatus.functionError, "the function failed: \(words)")
        }
    }

    // MARK: all at once

    mutating func measureCrowds() throws {
        let count = Int(own.concurrency)
        var connections: [BenchConnection] = []
        for _ in 0..<count { connections.append(try BenchConnection(client.socket)) }
        for round in 0...Self.crowds {
            // The pool and its shells are what they usually are.
            usleep(1_000_000)
            let took = try measureCrowd(connections)
            // The first finds caches cold.
            if round > 0 { report.crowds.append(took) }
            progress.tick(done: round * 100 / Self.crowds)
        }
        report.crowd = count
        progress.end()
    }

    /// Until the last answer.
    private mutating func measureCrowd(_ connections: [BenchConnection]) throws -> UInt64 {
        var polls = connections.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
        let begun = Clock.now
        for connection in connections { try connection.send(request) }
        var left = connections.count
        while left > 0 {
            _ = unsafe Glibc.poll(&polls, nfds_t(polls.count), -1)
            for index in polls.indices where polls[index].revents != 0 {
                guard let answer = try connections[index].receive() else { continue }
                try check(answer)
                polls[index].fd = -1
                polls[index].revents = 0
                left -= 1
            }
        }
        return (Clock.now - begun) / 1000
    }
}

extension InvocationReport {
    fileprivate init(_ answer: BenchConnection.Answer) {
        self.init(ControlReply(head: answer.head, body: answer.body), totalUS: answer.tookUS)
    }
}
