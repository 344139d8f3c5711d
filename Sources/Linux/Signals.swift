// Signals as messages: blocked, and read from a descriptor when it suits the reader.

internal import CLinux
import Glibc

package enum Signals {
    package static func useDefault(_ number: Int32) { _ = signal(number, SIG_DFL) }

    package static func ignore(_ number: Int32) { _ = signal(number, SIG_IGN) }

    /// Blocks these signals for the calling thread, and gives a descriptor that is readable when one is pending.
    package static func divert(_ numbers: [Int32]) throws(SystemError) -> FileDescriptor {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in numbers { unsafe sigaddset(&set, number) }
        unsafe sigprocmask(SIG_BLOCK, &set, nil)
        let flags = CLINUX_O_CLOEXEC | O_NONBLOCK
        let raw = unsafe clinux_signalfd(&set, flags)
        return FileDescriptor(owning: Int32(try Kernel.check(raw, "signalfd")))
    }

    /// The signals that are pending on such a descriptor.
    package static func take(from diverted: borrowing FileDescriptor) throws(SystemError) -> [Int32] {
        // A signalfd_siginfo has 128 bytes and begins with the number of the signal.
        var buffer = [UInt8](repeating: 0, count: 128 * 16)
        let raw = Int(diverted.raw)
        let count = unsafe buffer.withUnsafeMutableBytes {
            Kernel.call(CLINUX_SYS_read, raw, Int(bitPattern: $0.baseAddress), $0.count)
        }
        if count == -Int(EAGAIN) { return [] }
        try Kernel.check(count, "read", "signalfd")
        return stride(from: 0, to: count, by: 128).map { Int32(buffer[$0]) }
    }
}
