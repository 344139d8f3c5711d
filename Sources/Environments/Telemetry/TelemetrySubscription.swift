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
    private var parser = HTTPParser(.responses)
    private var failures = 0
    private var isClosed = false
    /// Nothing is sent for the time being: a connection would not live through the capture that is to come, and many a
    /// subscriber waits for one and no more.
    var isHeld = false

    /// As many batches as may wait behind the one that is on its way.
    private static let mostBatches = 8
    private static let mostFailures = 5

    init(_ options: TelemetryOptions, _ loop: EventLoop, askForSocket: @escaping (TelemetrySubscription) -> Void) {
        self.options = options
        self.loop = loop
        self.askForSocket = askForSocket
    }

    func prepare() { askForSocket(self) }

    func add(_ type: TelemetryOptions.EventType, _ event: [UInt8]) {
        guard options.types.contains(type), !isClosed else { return }
        if gatheredBytes + event.count > Self.mostBatches * options.mostBytes {
            dropped.count += 1
            dropped.bytes += event.count
            return
        }
        gathered.append(event)
        gatheredBytes += event.count
        if gathered.count >= options.mostItems || gatheredBytes >= options.mostBytes {
            flush()
        } else if timer == nil {
            timer = loop.after(UInt64(options.timeoutMS) * 1_000_000) { [weak self] in self?.flush() }
        }
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
        sent = 0
        if registration == nil { connect() } else { write() }
    }

    private func reportDropped() {
        let record = JSON.object([
            ("droppedRecords", .integer(Int64(dropped.count))), ("droppedBytes", .integer(Int64(dropped.bytes))),
            ("reason", .text("the subscriber did not take them")),
        ])
        dropped = (0, 0)
        let time = WallTime(milliseconds: Clock.wallMilliseconds).iso
        gathered.append(Telemetry.event(time, "platform.logsDropped", record))
    }

    private func batch() -> [UInt8] {
        let count = min(gathered.count, options.mostItems)
        let events = gathered[..<count]
        gathered.removeFirst(count)
        gatheredBytes = gathered.reduce(0) { $0 + $1.count }
        switch options.destination {
        case .tcp: return Array(events.joined(separator: [10])) + [10]
        case .http(_, let path, let host):
            var writer = HTTPWriter()
            writer.requestLine(.post, path)
            writer.field("Host", host)
            writer.field("Content-Type", "application/json")
            writer.body(
                [UInt8(ascii: "[")] + Array(events.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")])
            return writer.bytes
        }
    }

    // MARK: the connection

    func take(_ descriptor: consuming FileDescriptor) {
        if isClosed { return }
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
            let registration = try loop.watch(socket[0], self)
            self.registration = registration
            parser = HTTPParser(.responses)
            isConnected = try StreamSockets.beginConnecting(socket[0], port: port)
            if isConnected { write() } else { loop.wantOutput(true, registration) }
        } catch {
            retryLater()
        }
    }

    func isReady(toRead: Bool, toWrite: Bool) {
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
        if toRead { read() }
    }

    private func write() {
        guard let registration, isConnected else { return }
        while sent < output.count {
            guard let count = Streams.write(socket[0], output, from: sent) else { return retryLater() }
            if count == 0 { return loop.wantOutput(true, registration) }
            sent += count
        }
        // A TCP subscriber does not answer.
        if case .tcp = options.destination, isSending { delivered() }
    }

    private func read() {
        while registration != nil {
            switch Streams.read(socket[0], into: &loop.scratch) {
            case .nothing: return
            case .ended: return retryLater()
            case .count(let count):
                guard case .http = options.destination else { continue }
                parser.feed(loop.scratch[..<count])
                do throws(HTTPError) {
                    while let event = try parser.next() {
                        if case .end = event { delivered() }
                    }
                } catch {
                    return retryLater()
                }
            }
        }
    }

    private func delivered() {
        isSending = false
        failures = 0
        output = []
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
            dropped.count += 1
            dropped.bytes += output.count
            return
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
        socket = Descriptors(owning: [])
    }
}
