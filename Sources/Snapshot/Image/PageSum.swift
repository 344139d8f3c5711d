// Sums over pages of an image: over all of them, and over one to find those that are alike.

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
        let lanes = lanes(of: bytes[...], after: Lanes(one: sum, other: ~sum))
        return lanes.one &+ (lanes.other << 1 | lanes.other >> 63)
    }

    struct Lanes: Hashable {
        var one, other: UInt64
    }

    static let start = Lanes(one: 0x9e37_79b9_7f4a_7c15, other: 0x61c8_8646_80b5_83ea)

    static func lanes(of bytes: ArraySlice<UInt8>, after lanes: Lanes) -> Lanes {
        unsafe bytes.withUnsafeBytes { buffer in
            var lanes = lanes
            for offset in stride(from: 0, to: buffer.count & ~15, by: 16) {
                let one = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let other = unsafe buffer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
                lanes.one = (lanes.one ^ one) &* 0xff51_afd7_ed55_8ccd
                lanes.other = (lanes.other ^ other) &* 0xc4ce_b9fe_1a85_ec53
                lanes.one ^= lanes.one >> 32
                lanes.other ^= lanes.other >> 29
            }
            return lanes
        }
    }
}
