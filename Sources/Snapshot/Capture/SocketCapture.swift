// Sockets: which are the way to the Runtime API, which listen, which come back without a connection.

import Glibc
import Linux
import Wire

extension Capture {
    func describeSocket(_ file: inout OpenFile, _ raw: Int32, _ about: FileDetails) throws {
        let socket = try SocketDetails(raw)
        file.value = UInt64(socket.family)
        file.second = UInt64(socket.type)
        // TCP chooses sizes of buffers by itself.
        let isTCP = socket.type == Self.stream && socket.family != AF_UNIX
        for option in SocketOptions.changed(raw, socket) where !isTCP || option.number > 8 {
            var kept = SocketOption()
            (kept.number, kept.value) = (UInt32(option.number), option.value)
            file.options.append(kept)
        }
        switch (socket.family, socket.type) {
        case (AF_UNIX, _) where socket.listens:
            file.kind = .listener
            file.payload = socket.name
        case (AF_UNIX, Self.stream) where socket.isConnected && socket.name == [0] + Array(Self.runtimeSocket.utf8):
            file.kind = .runtimeSocket
        case (AF_UNIX, _) where socket.isConnected: try describePair(&file, raw, about)
        case (AF_UNIX, Self.datagram) where !socket.name.isEmpty:
            if Peeking.waiting(in: raw) > 0 { throw Refusal(.snapshot, "messages wait in a socket") }
            file.kind = .datagram
            file.payload = socket.name
        case (AF_INET, Self.stream), (AF_INET6, Self.stream):
            file.third = UInt64(socket.localPort) | UInt64(socket.localAddress) << 16
            if socket.listens {
                file.kind = .listener
            } else if socket.isConnected, socket.remotePort == Self.runtimePort, socket.remoteAddress == 0x7f00_0001 {
                file.kind = .runtimeAPI
            } else {
                lose(&file)
            }
        case (AF_INET, Self.datagram), (AF_INET6, Self.datagram):
            if socket.isConnected { return lose(&file) }
            file.kind = .datagram
            file.third = UInt64(socket.localPort) | UInt64(socket.localAddress) << 16
        case (AF_UNIX, _): lose(&file)
        default:
            let name = socket.family == AF_NETLINK ? "netlink" : "the address family \(socket.family)"
            throw Refusal(.snapshot, "it has a socket of \(name)")
        }
    }

    private func lose(_ file: inout OpenFile) {
        file.kind = .lostSocket
        leftOut.append("a connection (socket family \(file.value)): it comes back closed")
    }

    /// One of two that are each other's other end; the other may be gone, or belong to somebody else. Then it comes back
    /// with what waits in it and nobody at its other end.
    private func describePair(_ file: inout OpenFile, _ raw: Int32, _ about: FileDetails) throws {
        let peer = peers[about.inode] ?? 0
        if peer == UnixPeers.halfClosed { throw Refusal(.snapshot, "a pair of sockets is half closed") }
        if peer != 0, Peeking.isAtEnd(raw) { throw Refusal(.snapshot, "a pair of sockets is half closed") }
        file.kind = .socketPair
        file.index = index(of: [min(about.inode, peer), max(about.inode, peer), 1])
        let waiting = Peeking.waiting(in: raw)
        if waiting > 0, file.second != UInt64(Self.stream) { throw Refusal(.snapshot, "messages wait in a socket") }
        if waiting > Plan.Limits.payload { throw Refusal(.snapshot, "a socket holds more than can be captured") }
        try spending.take(.payloadBytes, waiting)
        file.payload = try Peeking.socket(raw, count: waiting)
    }

    static let stream = Int32(SOCK_STREAM.rawValue)
    static let datagram = Int32(SOCK_DGRAM.rawValue)
    static let runtimePort: UInt16 = 9001
    static let runtimeSocket = "martlet-runtime"
}
