// The sum over the pages of an image.

import Linux

/// A sum over pages that finds accidents: what changed on a disk. Nobody but root can have written there.
enum PageSum {
    private static let chunk = 1 << 20

    static func of(_ raw: Int32, size: UInt64) throws(SystemError) -> UInt64 {
        var sum = UInt64(0x9e37_79b9_7f4a_7c15)
        var done: UInt64 = 0
        while done < size {
            let bytes = try FileRegions.read(raw, at: done, count: Int(min(UInt64(chunk), size - done)))
            if bytes.isEmpty { break }
            sum = add(bytes, to: sum)
            done += UInt64(bytes.count)
        }
        return sum
    }

    private static func add(_ bytes: [UInt8], to sum: UInt64) -> UInt64 {
        unsafe bytes.withUnsafeBytes { buffer in
            var lanes = (sum, ~sum)
            for offset in stride(from: 0, to: buffer.count & ~15, by: 16) {
                let one = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let other = unsafe buffer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                lanes.0 = (lanes.0 ^ one) &* 0xff51_afd7_ed55_8ccd
                lanes.1 = (lanes.1 ^ other) &* 0xc4ce_b9fe_1a85_ec53
                lanes.0 ^= lanes.0 >> 32
                lanes.1 ^= lanes.1 >> 29
            }
            return lanes.0 &+ (lanes.1 << 1 | lanes.1 >> 63)
        }
    }
}
