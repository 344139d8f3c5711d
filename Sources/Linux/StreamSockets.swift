// Stream sockets: listening, connecting, and who is at the other end.

internal import CLinux
import Glibc

package enum StreamSockets {
    /// A listening socket at `path`, which nothing else may have.
    package static func listen(at path: String) throws(SystemError) -> FileDescriptor {
        let result = unsafe path.withCString { unsafe clinux_unix_listen($0) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "listen", path)))
    }

    /// Two ends of one stream, both close-on-exec.
    package static func pair() throws(SystemError) -> (here: Int32, there: Int32) { try pair(SOCK_STREAM) }

    static func pair(_ kind: __socket_type) throws(SystemError) -> (here: Int32, there: Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let type = Int(kind.rawValue) | Int(SOCK_CLOEXEC.rawValue)
        let result = unsafe withUnsafeMutablePointer(to: &ends) {
            Kernel.call(CLINUX_SYS_socketpair, Int(AF_UNIX), type, 0, Int(bitPattern: $0))
        }
        try Kernel.check(result, "socketpair")
        return ends
    }

    /// A connection whose reads and writes wait.
    package static func connect(to path: String) throws(SystemError) -> FileDescriptor {
        let result = unsafe path.withCString { unsafe clinux_unix_connect($0) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "connect", path)))
    }

    /// The next connection that waits on a listening socket, or nil. It does not make its owner wait.
    package static func accept(_ listener: Int32) throws(SystemError) -> FileDescriptor? {
        let flags = Int(CLINUX_O_CLOEXEC | O_NONBLOCK)
        let result = Kernel.call(CLINUX_SYS_accept4, Int(listener), 0, 0, flags)
        // One that has gone again before it was taken is no reason to stop.
        if result == -Int(EAGAIN) || result == -Int(ECONNABORTED) { return nil }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "accept4")))
    }

    /// Whether what is read from a socket, or from the connections of one that listens, may bring descriptors along: of a
    /// Unix socket that was not told to refuse them, which takes Linux 6.16.
    package static func bringsDescriptors(_ raw: Int32) -> Bool { clinux_brings_descriptors(raw) != 0 }

    /// Nobody can send descriptors to it any more. False where the kernel cannot refuse them.
    @discardableResult
    package static func refuseDescriptors(_ raw: Int32) -> Bool { clinux_refuse_descriptors(raw) == 0 }

    /// What the kernel keeps for each direction of a socket is twice as many bytes at most.
    package static func boundBuffers(_ raw: Int32, bytes: Int32) { _ = clinux_bound_buffers(raw, bytes) }

    package static func sendAtOnce(_ raw: Int32) { _ = clinux_no_delay(raw) }

    /// One datagram to a socket at `path`; a path that begins with @ is an abstract name.
    package static func notify(_ path: String, _ text: String) throws(SystemError) {
        let result = unsafe path.withCString { path in
            unsafe text.withCString { unsafe clinux_notify(path, $0) }
        }
        try Kernel.check(result, "send", path)
    }

    /// Begins to connect a TCP socket to a port of its own loopback. True when it is connected at once.
    package static func beginConnecting(_ raw: Int32, port: UInt16) throws(SystemError) -> Bool {
        let result = clinux_inet_connect(raw, port)
        if result == -Int(EINPROGRESS) { return false }
        try Kernel.check(result, "connect", "port \(port)")
        return true
    }

    /// Takes a TCP connection apart, so that its socket can be connected again.
    package static func disconnect(_ raw: Int32) { _ = clinux_inet_connect(raw, 0) }

    package static func error(of raw: Int32) -> SystemError? {
        let result = clinux_socket_error(raw)
        return result == 0 ? nil : SystemError(call: "connect", subject: "", code: Int32(-result))
    }

    package static func peer(of raw: Int32) throws(SystemError) -> (user: UInt32, group: UInt32) {
        var user: UInt32 = 0
        var group: UInt32 = 0
        try Kernel.check(unsafe clinux_peer(raw, &user, &group), "getsockopt SO_PEERCRED")
        return (user, group)
    }

    package static func peer(of raw: Int32, isIn group: UInt32) -> Bool { clinux_peer_is_in(raw, group) == 1 }
}
