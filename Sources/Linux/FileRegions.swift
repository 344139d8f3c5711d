// Parts of files, at positions that the caller names.

internal import CLinux
import Glibc

package enum FileRegions {
    /// Exactly `count` bytes, or what there is until the end.
    package static func read(
        _ raw: Int32, at position: UInt64, count: Int, named name: String = "a file"
    ) throws(SystemError) -> [UInt8] {
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                result = Kernel.call(
                    CLINUX_SYS_pread64, Int(raw), Int(bitPattern: buffer.baseAddress) + filled, count - filled,
                    Int(position) + filled)
                if result <= 0 { break }
                filled += result
            }
        }
        try Kernel.check(result, "read", name)
        return bytes
    }

    package static func write(
        _ raw: Int32, _ bytes: ArraySlice<UInt8>, at position: UInt64, named name: String = "a file"
    ) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let result = unsafe bytes.withUnsafeBytes {
                Kernel.call(
                    CLINUX_SYS_pwrite64, Int(raw), Int(bitPattern: $0.baseAddress) + done, $0.count - done,
                    Int(position) + done)
            }
            done += try Kernel.check(result, "write", name)
        }
    }

    /// The stretches of a file that hold data; what is between them is a hole.
    package static func data(of raw: Int32, size: UInt64) throws(SystemError) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var position: UInt64 = 0
        while position < size {
            let start = clinux_next_data(raw, position)
            if start == -Int(ENXIO) { break }
            try Kernel.check(start, "lseek")
            let end = try Kernel.check(clinux_next_hole(raw, UInt64(start)), "lseek")
            ranges.append(UInt64(start)..<min(UInt64(end), size))
            position = UInt64(end)
        }
        return ranges
    }

    package static func hasAttributes(_ path: String) -> Bool { unsafe clinux_attributes(path) > 0 }

    package static func setSize(_ raw: Int32, _ size: UInt64) throws(SystemError) {
        guard ftruncate(raw, Int(size)) == 0 else { throw SystemError(call: "ftruncate", subject: "", code: errno) }
    }

    /// Returns when what was written is on the disk.
    package static func synchronize(_ raw: Int32) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_fsync, Int(raw)), "fsync")
    }
}
