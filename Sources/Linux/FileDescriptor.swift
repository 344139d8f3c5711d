// A descriptor with exactly one owner: it cannot be copied, and it is closed when its owner lets go.

internal import CLinux
import Glibc

package struct FileDescriptor: ~Copyable, Sendable {
    package let raw: Int32

    package init(owning raw: Int32) { self.raw = raw }

    deinit { _ = clinux_call(CLINUX_SYS_close, Int(raw), 0, 0, 0, 0, 0) }

    /// Gives the number away: whoever takes it closes it.
    package consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// Another number for the open file of `raw`; nothing when there is none left.
    package static func duplicate(_ raw: Int32) -> FileDescriptor? {
        let copy = clinux_duplicate(raw)
        return copy < 0 ? nil : FileDescriptor(owning: Int32(copy))
    }

    /// To close it waits for nobody: where it is a socket, what its maker has asked for is taken back.
    package static func forbidLinger(_ raw: Int32) { clinux_forbid_linger(raw) }

    /// Puts the open file of `raw` under the number `target` too.
    package static func duplicate(
        _ raw: Int32, onto target: Int32, closeOnExec: Bool = false
    ) throws(SystemError) {
        // dup3 refuses equal numbers, and they would keep their close-on-exec flag: whoever calls this for the standard
        // streams holds them above 2.
        precondition(raw != target, "a descriptor is duplicated onto itself")
        let flags = closeOnExec ? Int(CLINUX_O_CLOEXEC) : 0
        try Kernel.check(Kernel.call(CLINUX_SYS_dup3, Int(raw), Int(target), flags), "dup3")
    }

    /// Another number for the open file of `raw`, `first` or above.
    package static func duplicate(_ raw: Int32, from first: Int32) throws(SystemError) -> FileDescriptor {
        let number = fcntl(raw, F_DUPFD_CLOEXEC, first)
        guard number >= 0 else { throw SystemError(call: "fcntl", subject: "", code: errno) }
        return FileDescriptor(owning: number)
    }

    /// Closes every descriptor from `first` on. For a process that is about to run somebody else's code.
    package static func closeAll(from first: Int32) {
        _ = Kernel.call(CLINUX_SYS_close_range, Int(first), Int(UInt32.max), 0)
    }

    /// All but the standard streams and these.
    package static func closeAll(but kept: [Int32]) {
        var first: Int32 = 3
        for raw in kept.sorted() where raw >= first {
            if raw > first { closeRange(from: first, through: raw - 1) }
            first = raw + 1
        }
        closeAll(from: first)
    }

    /// - Parameter unshares: whoever has the table in common with the caller keeps them
    package static func closeRange(from first: Int32, through last: Int32, unshares: Bool = false) {
        // CLOSE_RANGE_UNSHARE
        _ = Kernel.call(CLINUX_SYS_close_range, Int(first), Int(last), unshares ? 2 : 0)
    }
}

/// Where a relative path starts: the working directory, or a descriptor of a directory.
package struct Directory: Sendable {
    package let raw: Int32
    package static let working = Directory(raw: CLINUX_AT_FDCWD)

    package init(raw: Int32) { self.raw = raw }
    package init(_ descriptor: borrowing FileDescriptor) { raw = descriptor.raw }
}
