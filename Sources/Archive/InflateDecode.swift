// The inner loop of unpacking: symbols to bytes, until a block ends or there is no room for another copy.

extension InflateCodes {
    /// Writes from `end` on, at most up to `most`, and says whether the block has ended. It has not when less than
    /// `margin`, the longest copy, is free. All that is written so far stands before `end`, for copies to reach.
    func decode(
        _ text: Span<UInt8>, _ reader: inout BitReader, into out: inout MutableSpan<UInt8>, at end: inout Int,
        most: Int, margin: Int
    ) throws(InflateError) -> Bool {
        let quickLiterals = literals.quick.span
        let quickDistances = distances.quick.span
        let extraTable = Self.extras
        let extras = extraTable.span
        let mask = UInt64(1 << HuffmanTable.quickBits - 1)
        // Locals, which stay in registers.
        var bits = reader
        var at = end
        let full = out.count - margin
        while at <= full {
            // One refill is enough for a symbol: 15 bits, 5 more for a length, and 15 and 13 for a distance.
            bits.refill(from: text)
            var entry = Int(quickLiterals[Int(truncatingIfNeeded: bits.bits & mask)])
            if entry == 0 { entry = try literals.slow(bits.bits) }
            try bits.drop(entry & 15)
            let symbol = entry >> 4
            if symbol < 256 {
                guard at < most else { throw .tooLarge }
                out[at] = UInt8(truncatingIfNeeded: symbol)
                at &+= 1
                continue
            }
            if symbol == 256 {
                (reader, end) = (bits, at)
                return true
            }
            let size = Int(extras[symbol &- 257])
            let length = size >> 4 &+ (try bits.take(size & 15))
            entry = Int(quickDistances[Int(truncatingIfNeeded: bits.bits & mask)])
            if entry == 0 { entry = try distances.slow(bits.bits) }
            try bits.drop(entry & 15)
            let reach = Int(extras[32 &+ entry >> 4])
            let distance = reach >> 4 &+ (try bits.take(reach & 15))
            // Symbols that stand for nothing give no length and no distance.
            guard length > 0 else { throw .badCode }
            guard distance > 0, distance <= at else { throw .badDistance }
            guard length <= most &- at else { throw .tooLarge }
            // The two may overlap: what was just written is then read again.
            var from = at &- distance
            let stop = at &+ length
            while at < stop {
                out[at] = out[from]
                at &+= 1
                from &+= 1
            }
        }
        (reader, end) = (bits, at)
        return false
    }
}
