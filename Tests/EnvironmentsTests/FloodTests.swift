// What comes from inside without end, for each thing that reads it: a turn does no more than a turn may, and what is kept
// has a ceiling.

import Glibc
import Linux
import Testing
import Wire

@testable import Environments
@testable import Reactor

@Suite struct FloodsFromInside {
    private final class Lines: LineReceiver {
        var bytes = 0
        func logLines(_ lines: ArraySlice<UInt8>) { bytes += lines.count }
    }

    /// A round of the loop that ends though nothing is ready.
    private func turn(_ loop: EventLoop) throws {
        _ = loop.after(1_000_000) {}
        try loop.turn()
    }

    @Test func areShortForALogPipe() throws {
        let loop = try EventLoop()
        let lines = Lines()
        let holdings = Holdings(bytes: 1 << 20, descriptors: 10)
        let pipe = try LogPipe(loop, lines, chargedTo: .engine, holdings: holdings)
        _ = fcntl(pipe.writeEnd.raw, F_SETFL, O_NONBLOCK)
        // As large as a process inside may make it.
        _ = fcntl(pipe.writeEnd.raw, Self.setPipeSize, 1 << 20)
        let many = [UInt8](repeating: 10, count: 1 << 20)
        var rounds = 0
        for _ in 0..<20 {
            while let count = Streams.write(pipe.writeEnd.raw, many, from: 0), count > 0 {}
            let before = lines.bytes
            try turn(loop)
            #expect(lines.bytes - before <= Turn.mostBytes)
            if lines.bytes > before { rounds += 1 }
        }
        #expect(rounds > 10)
        let before = lines.bytes
        pipe.drain()
        #expect(lines.bytes - before <= Turn.mostBytes)
    }

    @Test func aLineWithoutEndIsHeldUpToACeiling() throws {
        let loop = try EventLoop()
        let lines = Lines()
        let holdings = Holdings(bytes: 100_000, descriptors: 10)
        let pipe = try LogPipe(loop, lines, chargedTo: .engine, holdings: holdings)
        _ = fcntl(pipe.writeEnd.raw, F_SETFL, O_NONBLOCK)
        let many = [UInt8](repeating: 120, count: 64 * 1024)
        for _ in 0..<20 {
            _ = Streams.write(pipe.writeEnd.raw, many, from: 0)
            try turn(loop)
            #expect(holdings.bytes <= 100_000)
        }
        #expect(lines.bytes > 1 << 20)
        pipe.close()
        #expect(holdings.bytes == 0)
    }

    private static let setPipeSize: Int32 = 1031

    // MARK: telemetry

    /// A subscription, and the subscriber at the other end.
    private final class Subscriber {
        let loop: EventLoop
        let holdings = Holdings(bytes: 4 << 20, descriptors: 10)
        let subscription: TelemetrySubscription
        private let listener: FileDescriptor
        var raw: Int32 = -1

        init(_ proto: String) throws {
            loop = try EventLoop()
            listener = try Network.listen(port: 0)
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let raw = listener.raw
            _ = unsafe withUnsafeMutablePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(raw, $0, &length) }
            }
            let port = UInt16(bigEndian: address.sin_port)
            let destination =
                proto == "TCP" ? #""port":\#(port)"# : #""URI":"http://sandbox.localdomain:\#(port)/""#
            let text = #"{"types":["platform"],"destination":{"protocol":"\#(proto)",\#(destination)}}"#
            subscription = TelemetrySubscription(
                try TelemetryOptions(body: Array(text.utf8)), loop, chargedTo: .engine, holdings: holdings
            ) { _ in }
            subscription.take(try Network.makeSocket())
        }

        func turn() throws {
            _ = loop.after(1_000_000) {}
            try loop.turn()
        }

        /// Takes the connection.
        func connect() throws {
            for _ in 0..<200 where raw < 0 {
                try turn()
                raw = accept(listener.raw, nil, nil)
            }
            try #require(raw >= 0)
            _ = fcntl(raw, F_SETFL, O_NONBLOCK)
        }

        deinit {
            subscription.close()
            if raw >= 0 { Glibc.close(raw) }
        }
    }

    /// One that answers though nobody asks, or never comes to the end of its answer, is cut off before it has sent much.
    @Test(arguments: [
        ("HTTP", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP", String(repeating: "x", count: 1000), "HTTP/1.1 200 OK\r\n\r\n"),
        ("HTTP", "1\r\nx\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HTTP", "HTTP/1.1 100 Continue\r\n\r\n", ""), ("TCP", "anything at all\n", ""),
    ]) func areShortForASubscription(_ proto: String, _ piece: String, _ start: String) throws {
        let subscriber = try Subscriber(proto)
        subscriber.subscription.add(.platform, Array("{}".utf8))
        subscriber.subscription.flush()
        try subscriber.connect()
        _ = Streams.write(subscriber.raw, Array(start.utf8), from: 0)
        let many = Array(String(repeating: piece, count: 60_000 / piece.utf8.count).utf8)
        var sent = 0
        var isCut = false
        for _ in 0..<400 where !isCut {
            for _ in 0..<50 {
                guard let count = Streams.write(subscriber.raw, many, from: 0) else {
                    isCut = true
                    break
                }
                if count == 0 { break }
                sent += count
            }
            let begin = Clock.now
            try subscriber.turn()
            // Not a matter of time, but one that was never finished: the loop comes back.
            #expect(Clock.now - begin < 2_000_000_000)
        }
        #expect(isCut, "\(sent) bytes were sent, and it is still listened to")
    }

    @Test func whatASubscriberDoesNotTakeHasACeiling() throws {
        let subscriber = try Subscriber("TCP")
        let event = [UInt8](repeating: 120, count: 100)
        for _ in 0..<200_000 { subscriber.subscription.add(.platform, event) }
        #expect(subscriber.holdings.bytes <= 4 << 20)
        subscriber.subscription.close()
        #expect(subscriber.holdings.bytes == 0 && subscriber.holdings.descriptors == 0)
    }

    /// To make events of lines takes longer than to read them.
    @Test func areShortForLinesOnTheirWay() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function("{}")
        _ = try engine.invoke(function)
        let environment = try #require(engine.dispatcher.all.first)
        let request = #"{"types":["function"],"destination":{"protocol":"TCP","port":1}}"#
        environment.telemetry.takeUp(Array(repeating: request, count: 30))
        #expect(environment.telemetry.subscriptionCount == Telemetry.most)
        let lines = [UInt8](repeating: 10, count: 1).flatMap { [120, $0] as [UInt8] }
        let many = Array(repeatElement(lines, count: 20_000).joined())
        environment.telemetry.functionLines(many[...], requestID: nil)
        var next = 0
        func progress() -> Int? {
            guard case .lines(_, _, _, let place) = environment.telemetry.queue.first else { return nil }
            return place
        }
        var rounds = 0
        while let place = progress(), rounds < 50 {
            // Eight units each.
            #expect(place - next <= 2 * (Turn.mostWork / 8 + 1))
            next = place
            rounds += 1
            try turn(engine.loop)
        }
        #expect(rounds == 50, "20,000 lines take more turns than that")
        // Beyond the ceiling they are counted.
        for _ in 0..<100 { environment.telemetry.functionLines(many[...], requestID: nil) }
        #expect(environment.telemetry.queuedBytes <= 1 << 20)
        environment.telemetry.close()
        #expect(environment.telemetry.queuedBytes == 0)
    }

    @Test func areShortForTheWardenLink() throws {
        final class Owner: SandboxOwner {
            var heard = 0
            func sandboxStarted(steps: [Step], _ given: inout GivenDescriptors) {}
            func sandboxRefused(_ refusal: Refusal) {}
            func sandboxEnded(_ outcome: Outcome) {}
            func processStarted(_ number: UInt32) { heard += 1 }
            func processRefused(_ number: UInt32, _ refusal: Refusal) {}
            func processEnded(_ number: UInt32, _ ending: ProcessEnding) {}
            func socketCame(_ socket: consuming FileDescriptor) {}
            func sandboxCaptured(_ figures: CaptureFigures) {}
            func sandboxNotCaptured(_ refusal: Refusal) {}
            func sandboxRestored() {}
            func sandboxNotRestored(_ refusal: Refusal) {}
        }
        let loop = try EventLoop()
        let ends = try MessageSocket.pair()
        let link = try WardenLink(MessageSocket(raw: ends.here), loop)
        let warden = MessageSocket(raw: ends.there)
        let owner = Owner()
        let id = link.newID()
        link.create(SandboxRequest(id: id, command: [], root: "/", memoryMB: 128), for: owner)
        for number in 0..<100 {
            try warden.send(WardenReply.processStarted(id: id, process: UInt32(number)).encoded())
        }
        while owner.heard < 100 {
            let before = owner.heard
            try turn(loop)
            #expect(owner.heard - before <= 8)
            try #require(owner.heard > before)
        }
    }
}
