// A process that is not ours: its descriptors as our own, its memory, what is alike in two of them.

internal import CLinux
import Glibc

package struct OtherProcess: ~Copyable {
    package let pid: Int32
    private let handle: FileDescriptor
    private let memory: FileDescriptor

    package init(_ pid: Int32) throws(SystemError) {
        let handle = FileDescriptor(
            owning: Int32(try Kernel.check(clinux_open_process(pid), "pidfd_open", String(pid))))
        memory = try Files.open("/proc/\(pid)/mem", .readWrite)
        self.handle = handle
        self.pid = pid
    }

    /// The open file behind one of its descriptors.
    package func descriptor(_ number: Int32) throws(SystemError) -> FileDescriptor {
        let result = clinux_take_descriptor(handle.raw, number)
        return FileDescriptor(owning: Int32(try Kernel.check(result, "pidfd_getfd", String(number))))
    }

    package func read(_ address: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        let raw = Int(memory.raw)
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            result = Kernel.call(
                CLINUX_SYS_pread64, raw, Int(bitPattern: buffer.baseAddress), count, Int(bitPattern: UInt(address)))
            filled = max(0, result)
        }
        try Kernel.check(result, "read memory", String(address, radix: 16))
        guard bytes.count == count else { throw SystemError(call: "read memory", subject: "", code: EIO) }
        return bytes
    }

    package func write(_ bytes: [UInt8], at address: UInt64) throws(SystemError) {
        let raw = Int(memory.raw)
        let result = unsafe bytes.withUnsafeBytes {
            Kernel.call(
                CLINUX_SYS_pwrite64, raw, Int(bitPattern: $0.baseAddress), $0.count, Int(bitPattern: UInt(address)))
        }
        try Kernel.check(result, "write memory", String(address, radix: 16))
    }

    /// Whether two descriptors, of whatever processes, are one open file.
    package static func isSameFile(_ one: (pid: Int32, number: Int32), _ other: (pid: Int32, number: Int32)) -> Bool {
        clinux_compare_files(one.pid, one.number, other.pid, other.number) == 0
    }
}

/// What is known of an open file.
package struct FileDetails: Sendable {
    package let device, inode, size, mode, links, rawDevice: UInt64
    package let user, group: UInt32
    package let modifiedSeconds, modifiedNanoseconds: Int64

    package init(_ raw: Int32) throws(SystemError) {
        var about = clinux_stat()
        try Kernel.check(unsafe clinux_stat_descriptor(raw, &about), "fstat")
        (device, inode, size, mode) = (about.device, about.inode, about.size, about.mode)
        (links, rawDevice, user, group) = (about.links, about.raw_device, about.user, about.group)
        (modifiedSeconds, modifiedNanoseconds) = (about.modified_seconds, about.modified_nanoseconds)
    }

    package init(of file: borrowing FileDescriptor) throws(SystemError) { try self.init(file.raw) }

    /// S_IFMT's part of the mode.
    package var type: UInt64 { mode & 0o170000 }
    package var identity: [UInt64] { [device, inode] }
}

package struct SocketDetails: Sendable {
    package let family, type, protocolNumber: Int32
    package let listens, isConnected: Bool
    package let localAddress, remoteAddress: UInt32
    package let localPort, remotePort: UInt16
    /// Of a Unix socket; begins with a zero byte when it is abstract.
    package let name: [UInt8]
    package let isAnyV6: Bool

    package init(_ raw: Int32) throws(SystemError) {
        var about = clinux_socket()
        try Kernel.check(unsafe clinux_describe_socket(raw, &about), "describe a socket")
        (family, type, protocolNumber) = (about.family, about.type, about.protocol)
        (listens, isConnected) = (about.listens != 0, about.is_connected != 0)
        (localAddress, remoteAddress) = (about.local_address, about.remote_address)
        (localPort, remotePort) = (about.local_port, about.remote_port)
        isAnyV6 = about.is_local_v6_any != 0
        let length = Int(about.name_length)
        name = unsafe withUnsafeBytes(of: about.name) { unsafe Array($0.prefix(length)) }
    }
}

/// Options of a socket that are not what a new one of its kind has, at the level of sockets in general.
package enum SocketOptions {
    /// Sizes of buffers, keep-alive, credentials, port sharing, lingering, and times to wait.
    private static let all: [Int32] = [7, 8, 9, 13, 15, 16, 20, 21]
    /// The kernel doubles what it is told of these.
    private static let doubled: [Int32] = [7, 8]

    package static func changed(_ raw: Int32, _ about: SocketDetails) -> [(number: Int32, value: [UInt8])] {
        let fresh = socket(about.family, about.type, about.protocolNumber)
        guard fresh >= 0 else { return [] }
        defer { close(fresh) }
        return all.compactMap { number in
            var value = read(raw, number)
            if value == read(fresh, number) { return nil }
            if doubled.contains(number), value.count == 4 {
                let whole = value.reversed().reduce(0) { $0 << 8 | UInt32($1) } / 2
                value = (0..<4).map { UInt8(truncatingIfNeeded: whole >> ($0 * 8)) }
            }
            return (number, value)
        }
    }

    private static func read(_ raw: Int32, _ number: Int32) -> [UInt8] {
        var value = [UInt8](repeating: 0, count: 16)
        var length = socklen_t(value.count)
        guard unsafe getsockopt(raw, SOL_SOCKET, number, &value, &length) == 0 else { return [] }
        return Array(value.prefix(Int(length)))
    }
}

/// What waits in pipes, sockets and timers, without taking it.
package enum Peeking {
    package static func waiting(in raw: Int32) -> Int { max(0, clinux_waiting(raw)) }

    /// Nothing waits, and nothing will come: the other end has said so, or is gone.
    package static func isAtEnd(_ raw: Int32) -> Bool {
        var byte: UInt8 = 0
        return unsafe clinux_peek(raw, &byte, 1) == 0
    }

    package static func pipe(_ raw: Int32, count: Int) throws(SystemError) -> [UInt8] {
        try unsafe fill(count, "tee") { unsafe clinux_peek_pipe(raw, $0, UInt64(count)) }
    }

    package static func socket(_ raw: Int32, count: Int) throws(SystemError) -> [UInt8] {
        try unsafe fill(count, "recv") { unsafe clinux_peek(raw, $0, UInt64(count)) }
    }

    private static func fill(
        _ count: Int, _ name: StaticString, _ body: (UnsafeMutablePointer<UInt8>?) -> Int
    ) throws(SystemError) -> [UInt8] {
        if count == 0 { return [] }
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            result = unsafe body(buffer.baseAddress)
            filled = max(0, result)
        }
        try Kernel.check(result, name)
        return bytes
    }

    package static func pipeSize(_ raw: Int32) -> Int { max(0, clinux_pipe_size(raw)) }
    package static func seals(_ raw: Int32) -> Int { max(0, clinux_seals(raw)) }

    /// Interval and time left, seconds and nanoseconds each.
    package static func timer(_ raw: Int32) throws(SystemError) -> [UInt64] {
        var values: [UInt64] = [0, 0, 0, 0]
        try Kernel.check(unsafe clinux_timer_left(raw, &values), "timerfd_gettime")
        return values
    }
}
