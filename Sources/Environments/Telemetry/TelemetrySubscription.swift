// One subscriber: events are gathered until there are enough or the time is up, then sent; one batch at a time. One that
// does not take them loses the oldest, and is told how many.

import Lambda
import Linux
import Reactor
import Wire

final class TelemetrySubscription: Watched {
    let options: TelemetryOptions
    private let loop: EventLoop
    private let askForSocket: (TelemetrySubscription) -> Void
    private var gathered: [[UInt8]] = []
    private var gatheredBytes = 0
    private var dropped = (count: 0, bytes: 0)
    private var timer: Timer?

    /// One or none, connected or about to be.
    private var socket = Descriptors(owning: [])
    private var registration: EventLoop.Registration?
    private var isConnected = false
    private var output: [UInt8] = []
    private var sent = 0
    /// A batch is on its way, and its answer has not come.
    private var isSending = false
    private var parser = TelemetrySubscription.parser
    /// Of the answer that is awaited, or of what nobody has asked for.
    private var received = 0
    private var failures = 0
    private let payer: Payer
    /// What the environment holds; what is gathered here is a part of it.
    private let holdings: Holdings
    private var accounted = 0
    private var isClosed = false
    /// Nothing is sent for the time being: a connection would not live through the capture that is to come, and many a
    /// subscriber waits for one and no more.
    var isHeld = false

    /// As many batches as may wait behind the one that is on its way.
    private static let mostBatches = 8
    private static let mostFailures = 5
    /// A longer answer is none; and one that answers though nobody asked is cut off too.
    private static let longestAnswer = 64 * 1024
    /// What an event takes beside its bytes.
    private static let overhead = 64

    init(
        _ options: TelemetryOptions, _ loop: EventLoop, chargedTo payer: Payer, holdings: Holdings,
        askForSocket: @escaping (TelemetrySubscription) -> Void
    ) {
        self.options = options
        self.loop = loop
        self.payer = payer
        self.holdings = holdings
        self.askForSocket = askForSocket
    }

    private static var parser: HTTPParser {
        var limits = HTTPLimits()
        limits.body = longestAnswer
        limits.trailers = limits.head
        return HTTPParser(.responses, limits: limits)
    }

    func prepare() { askForSocket(self) }

    func add(_ type: TelemetryOptions.EventType, _ event: [UInt8]) {
        guard options.types.contains(type), !isClosed else { return }
        let size = event.count + Self.overhead
        if gatheredBytes + size > Self.mostBatches * options.mostBytes || !holdings.hasRoom(forBytes: size) {
            return drop(1, bytes: event.count)
        }
        gathered.append(event)
        gatheredBytes += size
        account()
        if gathered.count >= options.mostItems || gatheredBytes >= options.mostBytes {
            flush()
        } else if timer == nil {
            timer = loop.after(UInt64(options.timeoutMS) * 1_000_000) { [weak self] in self?.flush() }
        }
    }

    /// Those that were not even made.
    func drop(_ count: Int, bytes: Int) {
        dropped.count += count
        dropped.bytes += bytes
    }

    private func account() {
        let holds = gatheredBytes + output.count
        holdings.add(bytes: holds - accounted)
        accounted = holds
    }

    func flush() {
        timer?.cancel()
        timer = nil
        guard !gathered.isEmpty, !isSending, !isClosed, !isHeld else { return }
        // Without one it goes out when there is one.
        guard socket.count > 0 else { return }
        if dropped.count > 0 { reportDropped() }
        isSending = true
        output = batch()
        (sent, received) = (0, 0)
        account()
        if registration == nil { connect() } else { write() }
    }

    private func reportDropped() {
        let record = JSON.object([
            ("droppedRecords", .integer(Int64(dropped.count))), ("droppedBytes", .integer(Int64(dropped.bytes))),
            ("reason", .text("the subscriber did not take them")),
        ])
        dropped = (0, 0)
        let time = WallTime(milliseconds: Clock.wallMilliseconds).iso
        let event = Telemetry.event(time, "platform.logsDropped", record)
        gathered.append(event)
        gatheredBytes += event.count + Self.overhead
    }

    private func batch() -> [UInt8] {
        // As many as fit into one, and one at least.
        var (count, bytes) = (0, 0)
        while count < min(gathered.count, options.mostItems), count == 0 || bytes < options.mostBytes {
            bytes += gathered[count].count + Self.overhead
            count += 1
        }
        let events = Array(gathered[..<count])
        gathered.removeFirst(count)
        gatheredBytes -= bytes
        switch options.destination {
        case .tcp: return Self.joined(events, bytes, "", "\n", "\n")
        case .http(_, let path, let host):
            var writer = HTTPWriter()
            writer.requestLine(.post, path)
            writer.field("Host", host)
            writer.field("Content-Type", "application/json")
            writer.body(Self.joined(events, bytes, "[", ",", "]"))
            return writer.bytes
        }
    }

    private static func joined(
        _ events: [[UInt8]], _ size: Int, _ start: String, _ separator: String, _ end: String
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 16)
        bytes += start.utf8
        for (index, event) in events.enumerated() {
            if index > 0 { bytes += separator.utf8 }
            bytes += event
        }
        bytes += end.utf8
        return bytes
    }

    // MARK: the connection

    func take(_ descriptor: consuming FileDescriptor) {
        // An environment that may hold no more of them is not told of anything.
        if isClosed || socket.count > 0 || !holdings.takeDescriptor() { return }
        socket.add(descriptor)
        // What should have gone meanwhile.
        if timer == nil { flush() }
    }

    private var port: UInt16 {
        switch options.destination {
        case .http(let port, _, _): port
        case .tcp(let port): port
        }
    }

    private func connect() {
        do throws(SystemError) {
            let registration = try loop.watch(socket[0], self, chargedTo: payer)
            self.registration = registration
            parser = Self.parser
            received = 0
            isConnected = try StreamSockets.beginConnecting(socket[0], port: port)
            if isConnected { write() } else { loop.wantOutput(true, registration) }
        } catch {
            retryLater()
        }
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        guard let registration else { return }
        if !isConnected {
            if StreamSockets.error(of: socket[0]) != nil { return retryLater() }
            guard toWrite else { return }
            isConnected = true
        }
        if toWrite {
            loop.wantOutput(false, registration)
            write()
        }
        if toRead { read(&turn) }
    }

    private func write() {
        guard let registration, isConnected else { return }
        guard let count = Streams.write(socket[0], output, from: sent, most: Turn.mostBytes) else {
            return retryLater()
        }
        sent += count
        if count == 0, sent < output.count { return loop.wantOutput(true, registration) }
        // The rest is for a turn of its own.
        if sent < output.count { return loop.wake(registration, toWrite: true) }
        // A TCP subscriber does not answer.
        if case .tcp = options.destination, isSending { delivered() }
    }

    private func read(_ turn: inout Turn) {
        while registration != nil {
            // What an earlier turn has left comes first.
            do throws(HTTPError) {
                while parser.backlog > 0 || parser.isInside, turn.canGoOn(), let event = try parser.next() {
                    turn.charge(1)
                    guard case .end = event else { continue }
                    // An answer that nobody has asked for.
                    guard isSending else { return retryLater() }
                    delivered()
                }
            } catch {
                return retryLater()
            }
            if turn.isUnfinished || registration == nil { return }
            switch turn.read(socket[0], into: &loop.scratch) {
            case .nothing, .later: return
            case .ended: return retryLater()
            case .count(let count):
                received += count
                if received > Self.longestAnswer { return retryLater() }
                if case .http = options.destination { parser.feed(loop.scratch[..<count]) }
            }
        }
    }

    private func delivered() {
        isSending = false
        failures = 0
        (output, received) = ([], 0)
        account()
        if !gathered.isEmpty { flush() }
    }

    /// The connection is lost, or there was none. A batch that was on its way goes once more, a few times.
    private func retryLater() {
        if let registration { loop.forget(registration) }
        registration = nil
        isConnected = false
        StreamSockets.disconnect(socket[0])
        guard isSending else { return }
        failures += 1
        if failures > Self.mostFailures {
            isSending = false
            failures = 0
            drop(1, bytes: output.count)
            output = []
            return account()
        }
        timer?.cancel()
        timer = loop.after(UInt64(failures) * 50_000_000) { [weak self] in
            guard let self, isSending, registration == nil, !isClosed else { return }
            timer = nil
            sent = 0
            connect()
        }
    }

    func close() {
        isClosed = true
        timer?.cancel()
        if let registration { loop.forget(registration) }
        registration = nil
        if socket.count > 0 { holdings.giveDescriptor() }
        socket = Descriptors(owning: [])
        (gathered, gatheredBytes, output) = ([], 0, [])
        account()
    }
}
