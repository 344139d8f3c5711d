// The little of networking that a sandbox needs.

internal import CLinux
import Glibc

package enum Network {
    /// Brings up the loopback interface of the caller's network namespace: a new one is born with it down.
    package static func bringLoopbackUp() throws(SystemError) {
        try Kernel.check(clinux_loopback_up(), "ioctl SIOCSIFFLAGS", "lo")
    }

    /// A socket that listens for connections from within the caller's network namespace; accepting never waits.
    package static func listen(port: UInt16) throws(SystemError) -> FileDescriptor {
        let raw = clinux_listen_loopback(port, backlog)
        return FileDescriptor(owning: Int32(try Kernel.check(raw, "listen", "127.0.0.1:\(port)")))
    }

    /// The same at a Unix name that stands in no file system. Nobody can send descriptors through its connections: the
    /// kernel would drop them in whoever reads, and to drop the last one of a socket may take as long as its maker likes.
    /// Nothing before Linux 6.16, which cannot refuse them.
    package static func listen(name: String) throws(SystemError) -> FileDescriptor? {
        let length = UInt32(name.utf8.count)
        let raw = unsafe name.withCString { unsafe clinux_listen_abstract($0, length, backlog) }
        if raw == -Int(ENOPROTOOPT) { return nil }
        return FileDescriptor(owning: Int32(try Kernel.check(raw, "listen", "@\(name)")))
    }

    private static let backlog: Int32 = 128

    /// A TCP socket of the caller's network namespace, not yet connected; using it never waits.
    package static func makeSocket() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: Int32(try Kernel.check(clinux_stream_socket(), "socket")))
    }

    /// Whether a descriptor that came from somebody else is a socket that listens.
    package static func isListening(_ raw: Int32) -> Bool { clinux_is_listening(raw) == 1 }

    /// Whether a descriptor that came from somebody else is a TCP socket whose end waits for nobody, as `makeSocket` and
    /// `listen(port:)` make them. What a listener has, its connections have.
    package static func isPlainTCP(_ raw: Int32) -> Bool { clinux_is_plain_tcp(raw) == 1 }

    package static func setHostName(_ name: String) throws(SystemError) {
        let length = name.utf8.count
        let result = name.withAddress { Kernel.call(CLINUX_SYS_sethostname, $0, length) }
        try Kernel.check(result, "sethostname", name)
    }
}
