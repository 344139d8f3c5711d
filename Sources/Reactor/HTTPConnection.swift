// One connection: bytes in, requests out, one at a time and in their order; answers in, bytes out. A request that comes
// while another waits for its answer stays in the buffer.

import Linux
import Wire

final class HTTPConnection: Watched {
    private let descriptor: FileDescriptor
    private let listener: UInt8
    private let server: HTTPServer
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    private var parser: HTTPParser

    /// The request that is being read or waits for its answer.
    private var current: HTTPExchange?
    private var isWhole = false
    private var receiver: (any BodyReceiver)?
    private var bodyLimit = 0
    /// It was served ahead of its body.
    private var isServed = false

    private var output: [UInt8] = []
    private var sent = 0
    private var wantsOutput = false

    private var isPaused = false
    /// There may be bytes that were not read because of a pause or a full buffer.
    private var mayHaveMore = false
    /// The other side has gone; bytes of it may be left to be read.
    private var hasEnd = false
    private var isProcessing = false
    /// An answer waits for the others of this turn, and leaves with them.
    private var leavesThisTurn = false
    /// Of the body that is being thrown away.
    private var discarded = 0
    private var accounted = 0
    private(set) var closesAfterwards = false
    private(set) var lastProgress: UInt64

    /// Requests ahead of their turn are kept up to this many bytes.
    private static let mostBacklog = 256 * 1024
    /// With more than this of its answers untaken, the other side has to take some before it is served again. Otherwise
    /// whoever asks and never listens could fill our memory.
    private static let mostUntaken = 256 * 1024
    /// As much of an answer is written before others have their turn.
    private static let mostInATurn = 128 * 1024

    init(_ descriptor: consuming FileDescriptor, _ server: HTTPServer, _ listener: UInt8) {
        self.descriptor = descriptor
        self.listener = listener
        self.server = server
        loop = server.loop
        lastProgress = server.loop.now
        parser = HTTPParser(.requests, limits: server.limits.http)
    }

    /// - Parameter earlier: what has come through a connection that this takes the place of
    func begin(after earlier: [UInt8]?) {
        do throws(SystemError) {
            registration = try server.watch(descriptor.raw, self)
        } catch {
            server.remove(self)
            return
        }
        guard let earlier else { return }
        parser.feed(earlier[...])
        var turn = Turn()
        process(&turn)
        comesAgain(after: turn)
        account()
    }

    /// What a turn of its own has left goes on in one of the loop's.
    private func comesAgain(after turn: borrowing Turn) {
        if turn.isUnfinished, let registration { loop.wake(registration) }
    }

    var standing: ConnectionStanding {
        let isSilent = current.map { isWhole && !$0.isAnswered } ?? !parser.isInside
        return ConnectionStanding(
            place: ConnectionPlace(listener: listener, raw: descriptor.raw), waiting: current,
            isSilent: isSilent && parser.backlog == 0 && pendingOutput == 0)
    }

    var hasOpenExchange: Bool { current != nil }
    var pendingOutput: Int { output.count - sent }

    /// In the middle of something that the other side has to go on with.
    var waitsForOther: Bool { pendingOutput > 0 && wantsOutput || current == nil && parser.isInside || isReadingBody }

    /// It has asked for more than it has taken.
    private var isBehind: Bool { current == nil && pendingOutput > Self.mostUntaken }

    private var isReadingBody: Bool { current != nil && !isWhole && !isPaused }

    // MARK: reading

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        if turn.hasEnd { hasEnd = true }
        if toRead { mayHaveMore = true }
        if toWrite { flush() }
        // First what an earlier turn has left.
        if parser.backlog > 0 || toWrite { process(&turn) }
        if mayHaveMore { read(&turn) }
        account()
    }

    private func read(_ turn: inout Turn) {
        while registration != nil {
            if isPaused || isBehind || closesWhenSent || isWhole && parser.backlog > Self.mostBacklog { return }
            // What is there is not understood yet.
            if turn.isUnfinished { return }
            switch receive(&turn) {
            case .later: return
            case .nothing:
                mayHaveMore = false
                return
            case .ended:
                // Who has ended only its own half can still be told.
                if isReadingBody { refuse(.truncated) }
                return close()
            case .count(let count):
                lastProgress = loop.now
                parser.feed(loop.scratch[..<count])
                process(&turn)
                // A part of what fits was all there was, unless the end came with it.
                if turn.foundAll, !hasEnd {
                    mayHaveMore = false
                    return
                }
            }
        }
    }

    private func receive(_ turn: inout Turn) -> Turn.Reading {
        guard let closing = server.closing else { return turn.read(descriptor.raw, into: &loop.scratch) }
        if closing.isFull { return .ended }
        var descriptors = Descriptors(owning: [])
        let reading = turn.read(descriptor.raw, into: &loop.scratch, descriptors: &descriptors)
        closing.close(descriptors)
        return reading
    }

    /// Puts what this connection holds on the server's account. When that is overdrawn, it goes.
    private func account() {
        guard registration != nil else { return }
        let holds = parser.backlog + (current?.body.count ?? 0) + (receiver?.held ?? 0) + output.count
        if holds == accounted { return }
        server.holdings.add(bytes: holds - accounted)
        accounted = holds
        if holds > Self.alwaysAllowed, server.holdings.isOverdrawn { close() }
    }

    /// Whoever holds no more than this is not who overdrew.
    private static let alwaysAllowed = 64 * 1024

    func pause() { isPaused = true }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        if mayHaveMore, let registration { loop.wake(registration) }
    }

    /// Gives out what has come, as far as it may be and as far as the turn goes.
    private func process(_ turn: inout Turn) {
        // Serving a request answers it, which comes back here: once is enough.
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        do throws(HTTPError) {
            while registration != nil, !isWhole, !closesAfterwards || current != nil {
                if isBehind, !wantsOutput { flush() }
                // When it takes them again, we go on here.
                guard !isBehind, turn.canGoOn(), let event = try parser.next() else { break }
                turn.charge(Self.work(event))
                handle(event)
            }
        } catch {
            refuse(error)
        }
        // The request that an answer has waited for is not whole: its sender may wait for that answer.
        if pendingOutput > 0, !wantsOutput, leavesThisTurn || !isWhole { flush() }
        if waitsForOther { server.keepAnEyeOnConnections() }
    }

    /// To understand a head, and to serve what it asks for, takes longer than a part of a body.
    private static func work(_ event: HTTPParser.Event) -> Int {
        switch event {
        case .head(let head): 8 + head.size / 256
        case .body(let part): 1 + part.count / 4096
        case .end(let trailers): 1 + trailers.count
        }
    }

    private func handle(_ event: HTTPParser.Event) {
        switch event {
        case .head(let head): begin(head)
        case .body(let part): take(part)
        case .end(let trailers): end(trailers)
        }
    }

    private func begin(_ head: HTTPHead) {
        let exchange = HTTPExchange(head, self)
        current = exchange
        closesAfterwards = head.isLastOnConnection
        receiver = nil
        isServed = false
        discarded = 0
        switch server.service.plan(exchange) {
        case .collect(let limit): bodyLimit = limit
        case .pass(let receiver): self.receiver = receiver
        }
        if case .counted(let count) = head.body, receiver == nil {
            if count > bodyLimit { exchange.isTooLarge = true } else { exchange.body.reserveCapacity(count) }
        }
        if head.body != .none, head.fields["expect"]?.lowercased() == "100-continue" { expect(exchange) }
    }

    /// The other side wants to know whether to send the body. Nobody answers with "go on" what is answered already.
    private func expect(_ exchange: HTTPExchange) {
        if exchange.isAnswered { return }
        guard exchange.isTooLarge else { return send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        // The body may or may not come now, so what comes then cannot be told apart.
        closesAfterwards = true
        isServed = true
        server.service.serve(exchange)
    }

    private func take(_ part: ArraySlice<UInt8>) {
        guard let current else { return }
        if let receiver {
            if !receiver.receive(part) { discard(part.count) }
            return
        }
        if current.isTooLarge || current.isAnswered { return discard(part.count) }
        if current.body.count + part.count > bodyLimit {
            current.isTooLarge = true
            current.body = []
            discard(part.count)
        } else {
            current.body.append(contentsOf: part)
        }
    }

    /// Whoever sends what nobody wants is heard out for a while, because most read the answer only then.
    private func discard(_ count: Int) {
        discarded += count
        guard discarded > server.limits.discarded, let current else { return }
        closesAfterwards = true
        if let receiver {
            self.receiver = nil
            receiver.end(trailers: .none)
        } else if !current.isAnswered, !isServed {
            isServed = true
            server.service.serve(current)
        }
        // It has its answer, or will not get one.
        if current.isAnswered { closeWhenSent() } else { close() }
    }

    private func end(_ trailers: HTTPFields) {
        guard let current else { return }
        isWhole = true
        if let receiver {
            self.receiver = nil
            receiver.end(trailers: trailers)
        } else if !current.isAnswered, !isServed {
            server.service.serve(current)
        }
        if current.isAnswered, !current.isOpen { finishCurrent() }
    }

    private func refuse(_ error: HTTPError) {
        closesAfterwards = true
        if let current, !current.isOpen || isWhole || current.isAnswered { return close() }
        var writer = HTTPWriter()
        writer.statusLine(error.status)
        writer.field("Content-Type", "application/json")
        writer.field("Connection", "close")
        writer.body(server.service.refusal(of: error))
        let exchange = current
        current = nil
        exchange?.connectionClosed()
        send(writer.bytes)
        closeWhenSent()
    }

    /// The other side did not go on in time.
    func giveUpWaiting() {
        if pendingOutput == 0, current == nil || !isWhole {
            refuse(HTTPError(408, "the request did not come to its end in time"))
        } else {
            close()
        }
    }

    // MARK: writing

    func send(_ bytes: [UInt8], canWait: Bool = false) {
        guard registration != nil else { return }
        if pendingOutput == 0 {
            output = bytes
            sent = 0
        } else {
            letGoOfTaken()
            output.append(contentsOf: bytes)
        }
        if canWait, parser.backlog > 0 { return }
        // One write for the answers to all that came together.
        if isProcessing, parser.backlog > 0 {
            leavesThisTurn = true
            return
        }
        if !wantsOutput { flush() }
        if pendingOutput > 0 { account() }
    }

    /// What the other side has taken goes when it is the larger part: one that never takes all would have us keep all that
    /// was ever sent.
    private func letGoOfTaken() {
        guard sent >= Self.mostInATurn, sent > output.count / 2 else { return }
        output.removeFirst(sent)
        sent = 0
    }

    /// Answers that were left to go with the next one go now.
    func sendWhatWaits() {
        if pendingOutput > 0, !wantsOutput { flush() }
    }

    private func flush() {
        guard let registration else { return }
        let (before, most) = (sent, min(output.count, sent + Self.mostInATurn))
        var isFull = false
        while sent < most {
            guard let count = Streams.write(descriptor.raw, output, from: sent, most: most - sent) else {
                return close()
            }
            isFull = count == 0
            if isFull { break }
            sent += count
        }
        if sent > before { lastProgress = loop.now }
        let isStuck = sent < output.count
        // It takes more, but others have their turn first.
        if isStuck, !isFull { loop.wake(registration, toWrite: true) }
        if isStuck != wantsOutput {
            wantsOutput = isStuck
            loop.wantOutput(isStuck, registration)
            if isStuck { server.keepAnEyeOnConnections() }
        }
        leavesThisTurn = false
        if !isStuck {
            output = []
            sent = 0
            if closesWhenSent { return close() }
            current?.whenDrained?()
        }
    }

    private var closesWhenSent = false

    private func closeWhenSent() {
        closesWhenSent = true
        if pendingOutput == 0 { close() }
    }

    // MARK: the end of an exchange, and of the connection

    /// The answer is given; the request may still be on its way in.
    func ended(_ exchange: HTTPExchange) {
        guard exchange === current, isWhole else { return }
        finishCurrent()
    }

    private func finishCurrent() {
        current = nil
        isWhole = false
        if closesAfterwards { return closeWhenSent() }
        guard !isProcessing, let registration else { return }
        if parser.backlog > 0 || mayHaveMore { loop.wake(registration) }
    }

    func close() {
        guard let registration else { return }
        loop.forget(registration)
        self.registration = nil
        server.remove(self)
        server.holdings.add(bytes: -accounted)
        accounted = 0
        let (exchange, receiver) = (current, receiver)
        (current, self.receiver) = (nil, nil)
        receiver?.cut()
        exchange?.connectionClosed()
        // The descriptor goes with the last reference, at the latest when this turn is over; the other side sees it now.
        Streams.shutDown(descriptor.raw)
        // What was not read goes with it, and descriptors that are in there: elsewhere.
        if let closing = server.closing, let last = FileDescriptor.duplicate(descriptor.raw) {
            var descriptors = Descriptors(owning: [])
            descriptors.add(last)
            closing.close(descriptors)
        }
    }
}
