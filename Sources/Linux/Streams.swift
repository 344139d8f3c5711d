// Bytes through descriptors that never make the caller wait.

internal import CLinux
import Glibc

package enum Streams {
    package enum Reading: Equatable {
        case count(Int)
        /// Nothing for now.
        case nothing
        /// The end, or a peer that is gone: there will be nothing any more.
        case ended
    }

    package static func read(_ raw: Int32, into buffer: inout [UInt8]) -> Reading {
        read(raw, into: &buffer, most: buffer.count)
    }

    /// The same, of no more bytes than `most`.
    package static func read(_ raw: Int32, into buffer: inout [UInt8], most: Int) -> Reading {
        let count = unsafe buffer.withUnsafeMutableBytes {
            Kernel.call(CLINUX_SYS_read, Int(raw), Int(bitPattern: $0.baseAddress), min(most, $0.count))
        }
        if count > 0 { return .count(count) }
        return count == -Int(EAGAIN) ? .nothing : .ended
    }

    /// The same from a Unix socket whose other side may have sent descriptors (`StreamSockets.bringsDescriptors`): they
    /// are taken out instead of being dropped by the kernel in the middle of the read, and are to be closed where it may
    /// take long.
    package static func read(
        _ raw: Int32, into buffer: inout [UInt8], most: Int, descriptors: inout Descriptors
    ) -> Reading {
        var raws = [Int32](repeating: -1, count: 253)
        var found: UInt32 = 0
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe clinux_receive_stream(raw, $0.baseAddress, UInt64(min(most, $0.count)), &raws, &found)
        }
        for raw in raws.prefix(Int(found)) { descriptors.add(FileDescriptor(owning: raw)) }
        if count > 0 { return .count(count) }
        return count == -Int(EAGAIN) ? .nothing : .ended
    }

    /// How many bytes are there to be read now.
    package static func waiting(in raw: Int32) -> Int { max(0, clinux_waiting(raw)) }

    /// How many bytes from `start` on the other side took: 0 when it takes none for now, nil when it is gone.
    package static func write(_ raw: Int32, _ bytes: [UInt8], from start: Int, most: Int = .max) -> Int? {
        if start == bytes.count { return 0 }
        let count = unsafe bytes.withUnsafeBytes {
            Kernel.call(
                CLINUX_SYS_write, Int(raw), Int(bitPattern: $0.baseAddress) + start, min(most, $0.count - start))
        }
        if count >= 0 { return count }
        return count == -Int(EAGAIN) ? 0 : nil
    }

    /// The first bytes of a file that the kernel makes anew whenever it is read from its start.
    package static func readFromStart(_ raw: Int32, into buffer: inout [UInt8]) -> Int {
        let count = unsafe buffer.withUnsafeMutableBytes {
            Kernel.call(CLINUX_SYS_pread64, Int(raw), Int(bitPattern: $0.baseAddress), $0.count, 0)
        }
        return max(0, count)
    }

    /// A pipe whose reading end does not make the reader wait.
    package static func pipe() throws(SystemError) -> (read: Int32, write: Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutablePointer(to: &ends) {
            Kernel.call(CLINUX_SYS_pipe2, Int(bitPattern: $0), Int(CLINUX_O_CLOEXEC))
        }
        try Kernel.check(result, "pipe2")
        _ = fcntl(ends.0, F_SETFL, O_NONBLOCK)
        return ends
    }

    /// Ends both directions of a connection, whoever else holds a descriptor of it.
    package static func shutDown(_ raw: Int32) { _ = shutdown(raw, Int32(SHUT_RDWR)) }

    package static func random(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = unsafe bytes.withUnsafeMutableBytes {
            Kernel.call(CLINUX_SYS_getrandom, Int(bitPattern: $0.baseAddress), $0.count, 0)
        }
        precondition(got == count, "the kernel has no random bytes")
        return bytes
    }
}
