// Which connection it is, and where it stands: for a service whose other side is captured in the middle of a request, and
// restored elsewhere with a connection of its own.

import Glibc

package struct ConnectionPlace: Equatable, Sendable {
    /// The number that its listener was given.
    package let listener: UInt8
    private let raw: Int32

    init(listener: UInt8, raw: Int32) {
        self.listener = listener
        self.raw = raw
    }

    /// The other side's port; nothing where there are no ports.
    package var port: UInt16? {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: the kernel writes no more than `size` bytes of it; what is no sockaddr_in is told by its family.
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getpeername(raw, $0, &size) }
        }
        guard result == 0, Int32(address.sin_family) == AF_INET else { return nil }
        return UInt16(bigEndian: address.sin_port)
    }
}

package struct ConnectionStanding {
    package let place: ConnectionPlace
    /// The request that is on this connection and has no answer yet.
    package let waiting: HTTPExchange?
    /// Nothing is on its way: neither a part of a request, nor of an answer.
    package let isSilent: Bool
}
