// A descriptor that somebody sends along, of a socket that lingers, is dropped by whoever reads; and to drop the last one
// takes as long as its maker likes.

import Glibc
import Linux
import Testing
import Wire

@testable import Reactor

@Suite(.serialized) struct DescriptorsSentAlong {
    private static let lingerSeconds: Int32 = 2
    private static let passRights: Int32 = 83

    /// A connection with unsent bytes to a peer that takes none, which lingers.
    private final class Lingering {
        let listener: Int32
        let accepted: Int32
        let raw: Int32

        init() throws {
            let listener = try Network.listen(port: 0).release()
            self.listener = listener
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = unsafe withUnsafeMutablePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(listener, $0, &length)
                }
            }
            raw = try Network.makeSocket().release()
            _ = try StreamSockets.beginConnecting(raw, port: UInt16(bigEndian: address.sin_port))
            usleep(20_000)
            accepted = accept(listener, nil, nil)
            let bytes = [UInt8](repeating: 120, count: 1 << 20)
            while let count = Streams.write(raw, bytes, from: 0), count > 0 {}
            var linger = Glibc.linger(l_onoff: 1, l_linger: DescriptorsSentAlong.lingerSeconds)
            unsafe setsockopt(raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }

        deinit {
            Glibc.close(accepted)
            Glibc.close(listener)
        }
    }

    private func set(_ raw: Int32, _ value: Int32) -> Bool {
        var value = value
        return unsafe setsockopt(raw, SOL_SOCKET, Self.passRights, &value, 4) == 0
    }

    /// Sends a request with the lingering socket, and lets go of it; then turns the loop until it is answered. How long the
    /// longest round took; nothing when the descriptor was not taken.
    private func attack(_ server: ServerUnderTest) throws -> Duration? {
        let lingering = try Lingering()
        let client = MessageSocket(try StreamSockets.connect(to: server.path))
        defer { Glibc.close(lingering.raw) }
        do throws(SystemError) {
            try client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8), descriptors: [lingering.raw])
        } catch {
            #expect(error.code == EPERM)
            return nil
        }
        // Now the message has the only one.
        let null = try Files.open("/dev/null", .readWrite)
        try FileDescriptor.duplicate(null.raw, onto: lingering.raw)
        var longest = Duration.zero
        for _ in 0..<20 {
            _ = server.loop.after(1_000_000) {}
            let start = ContinuousClock().now
            try server.loop.turn()
            longest = max(longest, ContinuousClock().now - start)
        }
        #expect(Streams.waiting(in: client.raw) > 0, "the request was not answered")
        return longest
    }

    /// The control: this is what the others are for.
    @Test(.enabled(if: canRefuse, "the kernel cannot refuse descriptors")) func freezeWhoeverReadsAsAnOlderKernelDoes()
        throws
    {
        let server = try ServerUnderTest(listens: false)
        let listener = try StreamSockets.listen(at: server.path)
        let raw = listener.raw
        try server.server.listen(on: listener)
        // As if it had never been refused.
        _ = set(raw, 1)
        let longest = try #require(try attack(server))
        #expect(longest > .seconds(1), "\(longest)")
    }

    @Test(.enabled(if: canRefuse, "the kernel cannot refuse descriptors")) func areRefused() throws {
        #expect(try attack(ServerUnderTest()) == nil)
    }

    /// Before 6.16: for a socket of those who have the right to use it.
    @Test func areClosedElsewhereWhereTheyCannotBeRefused() throws {
        let server = try ServerUnderTest(listens: false)
        let listener = try StreamSockets.listen(at: server.path)
        _ = set(listener.raw, 1)
        try server.server.listen(on: listener, takesDescriptors: true)
        let longest = try #require(try attack(server))
        #expect(longest < .milliseconds(800), "\(longest)")
    }

    /// What was not read when a connection ends goes with it.
    @Test func areClosedElsewhereWithAConnectionThatEnds() throws {
        let server = try ServerUnderTest(listens: false)
        let listener = try StreamSockets.listen(at: server.path)
        _ = set(listener.raw, 1)
        try server.server.listen(on: listener, takesDescriptors: true)
        let lingering = try Lingering()
        let client = MessageSocket(try StreamSockets.connect(to: server.path))
        try server.loop.turn()
        try client.send([71], descriptors: [lingering.raw])
        Glibc.close(lingering.raw)
        let start = ContinuousClock().now
        server.server.closeAll()
        let took = ContinuousClock().now - start
        #expect(took < .milliseconds(800), "\(took)")
    }

    /// One that could bring them along is not listened to, unless it is said that it may.
    @Test func areNotExpectedByAccident() throws {
        let server = try ServerUnderTest(listens: false)
        let listener = try StreamSockets.listen(at: server.path)
        _ = set(listener.raw, 1)
        #expect(StreamSockets.bringsDescriptors(listener.raw))
        do {
            try server.server.listen(on: listener)
            Issue.record("it listens")
        } catch {}
    }

    static var canRefuse: Bool {
        guard let socket = try? StreamSockets.pair() else { return false }
        defer {
            Glibc.close(socket.here)
            Glibc.close(socket.there)
        }
        return StreamSockets.refuseDescriptors(socket.here)
    }
}
