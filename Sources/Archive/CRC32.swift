// The check sum of zip archives: CRC-32 of IEEE 802.3, eight bytes at a time ("slicing by 8").

import Wire

package struct CRC32 {
    private var state: UInt32 = .max

    package init() {}

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var sum = CRC32()
        sum.update(bytes.span)
        return sum.value
    }

    package var value: UInt32 { ~state }

    package mutating func update(_ bytes: ArraySlice<UInt8>) { update(bytes.span) }

    package mutating func update(_ bytes: Span<UInt8>) {
        let tables = Self.tables
        let table = tables.span
        var sum = state
        var position = 0
        while position &+ 8 <= bytes.count {
            let word = bytes.word(at: position) ^ UInt64(sum)
            // The first byte is followed by seven more, so its table is the one seven bytes further on.
            sum = 0
            for place in 0..<8 {
                sum ^= table[Int(UInt8(truncatingIfNeeded: word >> (8 &* UInt64(place)))) | (7 &- place) << 8]
            }
            position &+= 8
        }
        while position < bytes.count {
            sum = sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ bytes[position])]
            position &+= 1
        }
        state = sum
    }

    /// Eight tables of 256: what a byte does to the sum after itself and as many bytes as the table's number.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var sum = UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
            tables[byte] = sum
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 255)]
        }
        return tables
    }()
}
