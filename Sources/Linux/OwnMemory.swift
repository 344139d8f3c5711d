// Memory of this very process at addresses of the caller's choice: a process that holds what others are made from has
// it where they had it.

internal import CLinux
import Glibc

package enum OwnMemory {
    package struct Protection: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
        package static let read = Protection(rawValue: 1)
        package static let write = Protection(rawValue: 2)
        package static let execute = Protection(rawValue: 4)
        package static let readWrite = Protection(rawValue: 3)
    }

    /// Maps fresh memory, or a part of a file, where nothing is yet.
    package static func map(
        _ range: Range<UInt64>, _ protection: Protection, file: Int32 = -1, offset: UInt64 = 0, shared: Bool = false,
        growsDown: Bool = false, reserves: Bool = true, replacing: Bool = false
    ) throws(SystemError) {
        var flags = shared ? CLINUX_MAP_SHARED : CLINUX_MAP_PRIVATE
        flags |= replacing ? CLINUX_MAP_FIXED : CLINUX_MAP_FIXED_NOREPLACE
        if file < 0 { flags |= CLINUX_MAP_ANONYMOUS }
        if growsDown { flags |= CLINUX_MAP_GROWSDOWN }
        if !reserves { flags |= CLINUX_MAP_NORESERVE }
        let result = clinux_map(
            range.lowerBound, UInt64(range.count), protection.rawValue, flags, file, offset)
        try Kernel.check(result, "mmap", text(range))
    }

    package static func protect(_ range: Range<UInt64>, _ protection: Protection) throws(SystemError) {
        let result = Kernel.call(
            CLINUX_SYS_mprotect, Int(bitPattern: UInt(range.lowerBound)), range.count, Int(protection.rawValue))
        try Kernel.check(result, "mprotect", text(range))
    }

    package static func advise(_ range: Range<UInt64>, _ advice: Int) throws(SystemError) {
        let result = Kernel.call(
            CLINUX_SYS_madvise, Int(bitPattern: UInt(range.lowerBound)), range.count, advice)
        try Kernel.check(result, "madvise", text(range))
    }

    /// Whatever of it is mapped.
    package static func unmap(_ range: Range<UInt64>) {
        _ = Kernel.call(CLINUX_SYS_munmap, Int(bitPattern: UInt(range.lowerBound)), range.count)
    }

    /// Fills memory that was mapped here from a file.
    package static func fill(_ range: Range<UInt64>, from file: Int32, at offset: UInt64) throws(SystemError) {
        var done = 0
        while done < range.count {
            let result = Kernel.call(
                CLINUX_SYS_pread64, Int(file), Int(bitPattern: UInt(range.lowerBound)) + done, range.count - done,
                Int(offset) + done)
            try Kernel.check(result, "read pages", text(range))
            guard result > 0 else { throw SystemError(call: "read pages", subject: text(range), code: EIO) }
            done += result
        }
    }

    /// Fills memory that was mapped here.
    package static func write(_ bytes: [UInt8], at address: UInt64) {
        guard let place = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else { return }
        // The caller has mapped it: this is its own memory, of that length.
        unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }

    /// What the caller has mapped, and knows to be readable.
    package static func read(_ address: UInt64, count: Int) -> [UInt8] {
        guard let place = unsafe UnsafeRawPointer(bitPattern: UInt(address)) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: place, count: count))
    }

    package static func write(_ value: UInt64, at address: UInt64) {
        // The caller has mapped it, as above.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(address))?.storeBytes(of: value, as: UInt64.self)
    }

    /// Writes a byte as it is: the page becomes the process's own.
    package static func rewrite(at address: UInt64) {
        guard let place = unsafe UnsafeMutablePointer<UInt8>(bitPattern: UInt(address)) else { return }
        unsafe clinux_rewrite(place)
    }

    private static func text(_ range: Range<UInt64>) -> String {
        "\(String(range.lowerBound, radix: 16))-\(String(range.upperBound, radix: 16))"
    }
}
