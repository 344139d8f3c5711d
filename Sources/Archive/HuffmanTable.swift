// A prefix code of RFC 1951, given by how long each symbol's code is. Codes of up to ten bits, nearly all that occur,
// are looked up at once; a longer one is followed bit by bit. One table for all fifteen bits would be faster to read
// and is not made: a hostile text has a new code every hundred bits, and would have us fill 32,768 places for each.

struct HuffmanTable {
    static let quickBits = 10
    static let longest = 15

    /// By the next bits of the text: symbol and length; zero when the code is longer than the bits.
    private(set) var quick = [UInt16](repeating: 0, count: 1 << quickBits)
    /// How many codes there are of each length.
    private var counts = [UInt16](repeating: 0, count: longest + 1)
    /// Symbols in the order of their codes.
    private var sorted: [UInt16] = []

    /// Throws when the lengths are no code: more codes than there is room for, or room left over. The latter is let
    /// pass where other programs write it: one code of one bit, or none at all.
    init(lengths: ArraySlice<UInt8>, mayBePartial: Bool) throws(InflateError) {
        for length in lengths { counts[Int(length)] += 1 }
        counts[0] = 0
        var room = 1
        for length in 1...Self.longest {
            room = room << 1 - Int(counts[length])
            guard room >= 0 else { throw .badCode }
        }
        let used = counts.reduce(0) { $0 + Int($1) }
        guard room == 0 || mayBePartial && (used == 0 || used == 1 && counts[1] == 1) else { throw .badCode }
        fill(lengths, used)
    }

    private mutating func fill(_ lengths: ArraySlice<UInt8>, _ used: Int) {
        var nextCode = [Int](repeating: 0, count: Self.longest + 1)
        var nextPlace = [Int](repeating: 0, count: Self.longest + 1)
        for length in 1..<Self.longest {
            nextCode[length + 1] = (nextCode[length] + Int(counts[length])) << 1
            nextPlace[length + 1] = nextPlace[length] + Int(counts[length])
        }
        sorted = [UInt16](repeating: 0, count: used)
        for (symbol, size) in lengths.enumerated() where size > 0 {
            let length = Int(size)
            sorted[nextPlace[length]] = UInt16(symbol)
            nextPlace[length] += 1
            let code = nextCode[length]
            nextCode[length] += 1
            guard length <= Self.quickBits else { continue }
            // Codes stand in the text with their first bit lowest.
            var place = Int(UInt16(code).reversed >> (16 - length))
            while place < quick.count {
                quick[place] = UInt16(symbol << 4 | length)
                place += 1 << length
            }
        }
    }

    /// Symbol and length, as in the table, of the code that the bits begin with.
    func slow(_ bits: UInt64) throws(InflateError) -> Int {
        var code = 0
        var first = 0
        var place = 0
        for length in 1...Self.longest {
            code |= Int(truncatingIfNeeded: bits >> UInt64(length - 1) & 1)
            let count = Int(counts[length])
            if code - first < count { return Int(sorted[place + code - first]) << 4 | length }
            place += count
            first = (first + count) << 1
            code <<= 1
        }
        throw .badCode
    }
}

extension UInt16 {
    fileprivate var reversed: UInt16 {
        var bits = self
        bits = bits >> 1 & 0x5555 | (bits & 0x5555) << 1
        bits = bits >> 2 & 0x3333 | (bits & 0x3333) << 2
        bits = bits >> 4 & 0x0f0f | (bits & 0x0f0f) << 4
        return bits.byteSwapped
    }
}
