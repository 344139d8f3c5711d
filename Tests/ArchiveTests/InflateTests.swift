import Archive
import Testing

@Suite struct Inflating {
    static func inflate(_ bytes: [UInt8], limit: Int = 1000) throws(InflateError) -> [UInt8] {
        try Inflate.all(bytes[...], limit: limit)
    }

    /// Texts, how long what they unpack to is, and its check sum, as zlib says.
    static let good: [([UInt8], Int, UInt32)] = [
        ([0x03, 0x00], 0, 0),
        ([0x01, 0x01, 0x00, 0xfe, 0xff, 0x00], 1, 0xd202_ef8d),
        ([0x63, 0x00, 0x03, 0x00], 6, 0xb1c2_a1a3),
        // A code with no distances, and codes of fifteen bits.
        ([0x05, 0xc0, 0x21, 0x0d, 0, 0, 0, 0x80, 0xb0, 0xfe, 0x6d, 0x2f, 0x91, 0x6c], 0, 0),
        (
            [
                0x05, 0xe0, 0x81, 0x91, 0x24, 0xcb, 0xb2, 0x2c, 0x49, 0xe2, 0x0f, 0x2e, 0x8b, 0x9a, 0x47, 0x56, 0x9f,
                0xfb, 0xfe, 0xec, 0xd2, 0xff, 0x1f,
            ], 0, 0
        ),
        // Lengths and distances with bits of their own.
        ([0xed, 0xc0, 0x01, 0x01, 0, 0, 0, 0x40, 0x20, 0xff, 0x57, 0x1b, 0x42, 0x2c, 0x4f], 516, 0xac72_7b17),
        (
            [
                0xed, 0xcf, 0xc1, 0xb1, 0x2c, 0x47, 0x10, 0xc4, 0x30, 0xfa, 0x6f, 0x35, 0x1d, 0x01, 0x82, 0x59, 0x3d,
                0xfb, 0xbe, 0x2e, 0x2a, 0xfc, 0x0f, 0x0c,
            ], 518, 0x838d_92af
        ),
    ]

    @Test(arguments: good) func wellFormedTextsUnpack(_ text: [UInt8], _ count: Int, _ sum: UInt32) throws {
        let plain = try Self.inflate(text)
        #expect(plain.count == count)
        #expect(CRC32.of(plain) == sum)
        #expect(try Self.inflate(text, limit: count).count == count)
        if count > 0 { #expect(throws: InflateError.tooLarge) { try Self.inflate(text, limit: count - 1) } }
    }

    @Test(arguments: good) func everyTruncationIsRefused(_ text: [UInt8], _ count: Int, _ sum: UInt32) {
        for end in 0..<text.count {
            #expect(throws: InflateError.self) { try Self.inflate(Array(text[..<end])) }
        }
    }

    static let bad: [([UInt8], InflateError)] = [
        ([], .ended), ([0x06], .badBlock), ([0, 0, 0, 0, 0], .badBlock), ([0x01, 0x05, 0x00, 0xfa, 0xff, 0], .ended),
        // Too many symbols; a code of sizes that is none; a repetition of nothing, and one beyond the end.
        ([0xfc, 0, 0], .badCode), ([0x04, 0, 0xfe, 0xff], .badCode), ([0x04, 0, 0x24, 0x49, 0], .badCode),
        ([0x04, 0, 0x24, 0xe9, 0xff, 0xff], .badCode),
        // No end of block; bad literals; bad distances.
        ([0x04, 0, 0x24, 0xe9, 0xff, 0x6d], .badCode),
        ([0x04, 0x80, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x71, 0xff, 0xff, 0x93, 0x11, 0], .badCode),
        ([0x04, 0x80, 0x49, 0x92, 0x24, 0x49, 0x92, 0x24, 0x0f, 0xb4, 0xff, 0xff, 0xc3, 0x84], .badCode),
        // Symbols that stand for nothing, and a copy from before the beginning.
        ([0x04, 0xc0, 0x81, 0x08, 0, 0, 0, 0, 0x20, 0x7f, 0xeb, 0x0b, 0, 0], .badCode),
        ([0x02, 0x7e, 0xff, 0xff], .badDistance),
        ([0x0c, 0xc0, 0x81, 0, 0, 0, 0, 0, 0x90, 0xff, 0x6b, 0x04, 0], .badDistance),
    ]

    @Test(arguments: bad) func malformedTextsAreRefused(_ text: [UInt8], _ error: InflateError) {
        #expect(throws: error) { try Self.inflate(text) }
    }

    /// A million zeros, in a thousandth of that.
    static let bomb: [UInt8] =
        [0xed, 0xc1, 0x01, 0x01, 0, 0, 0, 0x82, 0x20, 0xff, 0xaf, 0x6e, 0x48, 0x40, 0x01]
        + [UInt8](repeating: 0, count: 968) + [0xaf, 0x06]

    @Test func longTextsComeInPieces() throws {
        var inflate = Inflate(Self.bomb[...], limit: 1_000_000)
        var total = 0
        var largest = 0
        while let piece = try inflate.next() {
            #expect(piece.allSatisfy { $0 == 0 })
            total += piece.count
            largest = max(largest, piece.count)
        }
        #expect(total == 1_000_000)
        #expect(largest < 300_000)
        #expect(inflate.consumed == Self.bomb.count)
        #expect(throws: InflateError.tooLarge) { try Self.inflate(Self.bomb, limit: 999_999) }
    }

    @Test func storedBlocksOfEverySizeComeInPieces() throws {
        // 65,535 bytes a block, ten of them, across the ends of pieces.
        let block = (0..<65_535).map { UInt8(truncatingIfNeeded: $0 &* 151 >> 3) }
        var text: [UInt8] = []
        for index in 0..<10 { text += [index == 9 ? 1 : 0, 0xff, 0xff, 0, 0] + block }
        let plain = try Self.inflate(text, limit: 655_350)
        #expect(plain.count == 655_350)
        #expect(plain.suffix(65_535).elementsEqual(block))
        #expect(throws: InflateError.tooLarge) { try Self.inflate(text, limit: 655_349) }
    }
}
