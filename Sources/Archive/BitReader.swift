// Bits of a deflated text, the lowest of each byte first.

import Wire

struct BitReader {
    /// The next byte that is not among the bits.
    private(set) var position: Int
    let end: Int
    /// What is read and not used yet, the next bit lowest; above `count` there may be bits that will be read again.
    private(set) var bits: UInt64 = 0
    private(set) var count = 0

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// Makes at least 56 bits ready, or all that are left.
    @inline(__always)
    mutating func refill(from input: Span<UInt8>) {
        if position &+ 8 <= end {
            bits |= input.word(at: position) &<< UInt64(count)
            position &+= (63 &- count) >> 3
            count |= 56
        } else {
            while count <= 56, position < end {
                bits |= UInt64(input[position]) &<< UInt64(count)
                position &+= 1
                count &+= 8
            }
        }
    }

    /// Gives away bits that were looked at. They are there, or the text has ended too early.
    @inline(__always)
    mutating func drop(_ number: Int) throws(InflateError) {
        guard number <= count else { throw .ended }
        bits &>>= UInt64(number)
        count &-= number
    }

    /// At most 16 bits, which a refill has made ready.
    @inline(__always)
    mutating func take(_ number: Int) throws(InflateError) -> Int {
        let value = Int(truncatingIfNeeded: bits & (1 &<< UInt64(number) &- 1))
        try drop(number)
        return value
    }

    /// Goes on at a whole byte: what is left of this one is dropped, whole ones are put back.
    mutating func alignToByte() {
        position -= count / 8
        bits = 0
        count = 0
    }

    mutating func skip(_ bytes: Int) { position += bytes }
}
