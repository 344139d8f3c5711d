// Unpacking of RFC 1951, in pieces: each call gives the next, 224 KB at most, so that what a file unpacks to never
// stands in memory whole, and nothing grows, whatever the text says. How much there may be is checked before a byte of
// it is made. The text may come from anyone. One that changes its codes all the time costs 0.2 s of processor time a
// megabyte, so callers do not unpack where others wait.

package enum InflateError: Error, Equatable {
    case ended
    case badBlock
    case badCode
    case badDistance
    case tooLarge
}

package struct Inflate {
    private enum Place {
        case betweenBlocks
        case stored(left: Int)
        case coded
        case done
    }

    static let window = 32 << 10
    /// Small enough to stay in the second cache together with the window, and less when the text gives less.
    private static let room = 192 << 10
    /// The longest copy: a piece ends when less than that is free.
    private static let longestCopy = 258

    private let input: ArraySlice<UInt8>
    private var bits: BitReader
    private var place = Place.betweenBlocks
    private var isLast = false
    private var codes = InflateCodes.fixed
    /// What copies may reach back to, and then the new piece.
    private var buffer: [UInt8]
    private var filled = 0
    private var total = 0
    private let limit: Int

    /// Unpacks at most `limit` bytes.
    package init(_ input: ArraySlice<UInt8>, limit: Int) {
        self.input = input
        self.limit = limit
        bits = BitReader(0..<input.count)
        let most = max(0, min(limit, Self.window + Self.room))
        buffer = [UInt8](repeating: 0, count: most + Self.longestCopy)
    }

    /// All at once, for texts whose limit is small.
    package static func all(_ input: ArraySlice<UInt8>, limit: Int) throws(InflateError) -> [UInt8] {
        var inflate = Inflate(input, limit: limit)
        var out: [UInt8] = []
        while let piece = try inflate.next() { out += piece }
        return out
    }

    /// How many bytes of the text are used, once the last piece is there.
    package var consumed: Int { bits.position - bits.count / 8 }

    /// The next piece; nil after the last.
    package mutating func next() throws(InflateError) -> ArraySlice<UInt8>? {
        if filled > Self.window { keepWindow() }
        let start = filled
        while buffer.count - filled >= Self.longestCopy {
            switch place {
            case .betweenBlocks: try nextBlock()
            case .stored(let left): try copyStored(left)
            case .coded: try decode()
            case .done: return filled > start ? buffer[start..<filled] : nil
            }
        }
        return buffer[start..<filled]
    }

    private mutating func keepWindow() {
        let start = filled - Self.window
        var bytes = buffer.mutableSpan
        for offset in 0..<Self.window { bytes[offset] = bytes[start &+ offset] }
        filled = Self.window
    }

    private mutating func nextBlock() throws(InflateError) {
        guard !isLast else {
            place = .done
            return
        }
        let input = input
        let text = input.span
        bits.refill(from: text)
        isLast = try bits.take(1) == 1
        switch try bits.take(2) {
        case 0:
            bits.alignToByte()
            bits.refill(from: text)
            let count = try bits.take(16)
            guard try bits.take(16) == ~count & 0xffff else { throw .badBlock }
            bits.alignToByte()
            place = .stored(left: count)
        case 1:
            codes = InflateCodes.fixed
            place = .coded
        case 2:
            codes = try InflateCodes(reading: &bits, from: text)
            place = .coded
        default: throw .badBlock
        }
    }

    private mutating func copyStored(_ left: Int) throws(InflateError) {
        guard bits.end - bits.position >= left else { throw .ended }
        guard limit - total >= left else { throw .tooLarge }
        let count = min(left, buffer.count - filled)
        let from = input.startIndex + bits.position
        buffer.replaceSubrange(filled..<filled + count, with: input[from..<from + count])
        bits.skip(count)
        filled += count
        total += count
        place = left == count ? .betweenBlocks : .stored(left: left - count)
    }

    private mutating func decode() throws(InflateError) {
        let input = input
        let codes = codes
        var bits = bits
        var end = filled
        let left = limit - total
        let most = left < buffer.count - filled ? filled + left : buffer.count
        var out = buffer.mutableSpan
        let blockEnded = try codes.decode(input.span, &bits, into: &out, at: &end, most: most, margin: Self.longestCopy)
        self.bits = bits
        total += end - filled
        filled = end
        if blockEnded { place = .betweenBlocks }
    }
}
