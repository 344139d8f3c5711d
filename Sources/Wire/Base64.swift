// Base64 of RFC 4648, section 4: how AWS puts code and payloads into JSON. Decoding is strict, so that bytes have one
// form only: padding must be there, no line breaks, and the bits that padding leaves over must be zero.

package enum Base64Error: Error, Equatable, CustomStringConvertible {
    case notBase64(offset: Int)
    case badLength(Int)
    case tooLarge(limit: Int)

    package var description: String {
        switch self {
        case .notBase64(let offset): "not base64 at byte \(offset)"
        case .badLength(let count): "base64 of \(count) characters, which is no multiple of 4"
        case .tooLarge(let limit): "base64 of more than \(limit) bytes"
        }
    }
}

package enum Base64 {
    private static let padding = UInt8(ascii: "=")

    package static func encode(_ bytes: [UInt8]) -> [UInt8] { encode(bytes.span) }

    package static func encode(_ bytes: Span<UInt8>) -> [UInt8] {
        var out = [UInt8](repeating: padding, count: (bytes.count + 2) / 3 * 4)
        var text = out.mutableSpan
        let alphabet = Alphabet.letters
        let letters = alphabet.span
        var from = 0
        var to = 0
        // Six bytes at once while there are eight to load.
        while from + 8 <= bytes.count {
            let word = bytes.word(at: from).byteSwapped
            for place in 0..<8 {
                text[to &+ place] = letters[Int(word >> (58 - UInt64(place) * 6)) & 63]
            }
            from &+= 6
            to &+= 8
        }
        while from < bytes.count {
            let count = min(3, bytes.count - from)
            var group: UInt32 = 0
            for offset in 0..<count { group |= UInt32(bytes[from + offset]) << (16 - 8 * offset) }
            for place in 0...count { text[to + place] = letters[Int(group >> (18 - 6 * place)) & 63] }
            from += 3
            to += 4
        }
        return out
    }

    package static func decode(_ text: [UInt8], limit: Int) throws(Base64Error) -> [UInt8] {
        try decode(text.span, limit: limit)
    }

    package static func decode(_ text: String, limit: Int) throws(Base64Error) -> [UInt8] {
        try decode(text.utf8Span.span, limit: limit)
    }

    /// The bytes, when there are at most `limit` of them; nothing is made before that is known.
    package static func decode(_ text: Span<UInt8>, limit: Int) throws(Base64Error) -> [UInt8] {
        guard text.count % 4 == 0 else { throw .badLength(text.count) }
        guard text.count > 0 else { return [] }
        let last = text.count - 4
        let padded = text[last + 3] != padding ? 0 : text[last + 2] != padding ? 1 : 2
        let count = text.count / 4 * 3 - padded
        guard count <= limit else { throw .tooLarge(limit: limit) }
        var out = [UInt8](repeating: 0, count: count)
        var bytes = out.mutableSpan
        let alphabet = Alphabet.values
        let values = alphabet.span
        var from = 0
        var to = 0
        while from &+ 8 <= last {
            let word = text.word(at: from)
            var group: UInt64 = 0
            var seen: UInt8 = 0
            for place in 0..<8 {
                let value = values[Int(UInt8(truncatingIfNeeded: word >> (8 &* UInt64(place))))]
                seen |= value
                group = group << 6 | UInt64(value)
            }
            guard seen < Alphabet.none else { throw .notBase64(offset: stranger(in: text, from: from)) }
            for place in 0..<6 { bytes[to &+ place] = UInt8(truncatingIfNeeded: group >> (40 &- 8 &* UInt64(place))) }
            from &+= 8
            to &+= 6
        }
        while from < text.count {
            let letters = from == last ? 4 - padded : 4
            var group: UInt32 = 0
            for place in 0..<letters {
                let value = values[Int(text[from + place])]
                guard value < Alphabet.none else { throw .notBase64(offset: from + place) }
                group |= UInt32(value) << (18 - 6 * UInt32(place))
            }
            // What a shorter group has after its last whole byte.
            guard group << (8 * UInt32(letters)) == 0 else { throw .notBase64(offset: from + letters - 1) }
            for place in 0..<letters - 1 { bytes[to + place] = UInt8(truncatingIfNeeded: group >> (16 - 8 * place)) }
            from += 4
            to += 3
        }
        return out
    }

    /// Where the first character stands that has no value.
    private static func stranger(in text: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while Alphabet.values[Int(text[position])] < Alphabet.none { position += 1 }
        return position
    }

    /// Arrays, read through spans: an InlineArray would be copied at each look (seven times slower, measured).
    private enum Alphabet {
        /// What stands for a byte that is no letter: a bit that no value has.
        static var none: UInt8 { 64 }

        static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

        static let values: [UInt8] = {
            var values = [UInt8](repeating: none, count: 256)
            for (value, letter) in letters.enumerated() { values[Int(letter)] = UInt8(value) }
            return values
        }()
    }
}
