// The two codes of a deflated block: literals and lengths in one, distances in the other.

struct InflateCodes {
    let literals: HuffmanTable
    let distances: HuffmanTable

    private init(literals: ArraySlice<UInt8>, distances: ArraySlice<UInt8>) throws(InflateError) {
        self.literals = try HuffmanTable(lengths: literals, mayBePartial: true)
        self.distances = try HuffmanTable(lengths: distances, mayBePartial: true)
    }

    /// Of blocks that bring none of their own.
    static let fixed: InflateCodes = {
        let literals = (0..<288).map { UInt8($0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8) }
        // Both are whole codes.
        return try! InflateCodes(literals: literals[...], distances: [UInt8](repeating: 5, count: 32)[...])
    }()

    /// Those that stand at the head of a dynamic block, themselves packed by a third code.
    init(reading bits: inout BitReader, from input: Span<UInt8>) throws(InflateError) {
        bits.refill(from: input)
        let literalCount = try bits.take(5) + 257
        let distanceCount = try bits.take(5) + 1
        let sizeCount = try bits.take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { throw .badCode }
        var sizes = [UInt8](repeating: 0, count: Self.sizeOrder.count)
        for place in Self.sizeOrder.prefix(sizeCount) {
            bits.refill(from: input)
            sizes[place] = UInt8(try bits.take(3))
        }
        let table = try HuffmanTable(lengths: sizes[...], mayBePartial: false)
        var lengths: [UInt8] = []
        lengths.reserveCapacity(literalCount + distanceCount)
        while lengths.count < literalCount + distanceCount {
            bits.refill(from: input)
            // No code of this table is longer than seven bits.
            let entry = Int(table.quick[Int(bits.bits & 1023)])
            try bits.drop(entry & 15)
            let (value, times): (UInt8, Int)
            switch entry >> 4 {
            case 16:
                guard let last = lengths.last else { throw .badCode }
                (value, times) = (last, 3 + (try bits.take(2)))
            case 17: (value, times) = (0, 3 + (try bits.take(3)))
            case 18: (value, times) = (0, 11 + (try bits.take(7)))
            case let length: (value, times) = (UInt8(length), 1)
            }
            guard lengths.count + times <= literalCount + distanceCount else { throw .badCode }
            lengths.append(contentsOf: repeatElement(value, count: times))
        }
        // A block that has no code for its own end.
        guard lengths[256] > 0 else { throw .badCode }
        try self.init(literals: lengths[..<literalCount], distances: lengths[literalCount...])
    }

    private static let sizeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    /// Of each length symbol, and from 32 on of each distance symbol: the least it stands for, and in the four lowest
    /// bits how many bits follow that are added. Zero for symbols that stand for nothing.
    static let extras: [UInt32] = {
        var table = [UInt32](repeating: 0, count: 64)
        var length: UInt32 = 3
        for symbol in 0..<28 {
            let bits = symbol < 8 ? 0 : UInt32(symbol - 4) / 4
            table[symbol] = length << 4 | bits
            length += 1 << bits
        }
        // The longest has a symbol of its own.
        table[28] = 258 << 4
        var distance: UInt32 = 1
        for symbol in 0..<30 {
            let bits = symbol < 4 ? 0 : UInt32(symbol - 2) / 2
            table[32 + symbol] = distance << 4 | bits
            distance += 1 << bits
        }
        return table
    }()
}
