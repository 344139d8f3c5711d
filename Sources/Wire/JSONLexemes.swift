// Texts and numbers, as the reader of JSON finds their ends. Which characters an escape means is left to the parser.

extension JSONReader {
    /// Reads a text from its first quotation mark to its last.
    @inline(__always)
    mutating func quoted(in text: Span<UInt8>) throws(JSONError) -> (Range<Int>, escaped: Bool) {
        let start = position &+ 1
        var escaped = false
        position = start
        while true {
            position = text.firstSpecial(from: position)
            guard position < text.count else { throw JSONError(.ended, at: position) }
            switch text[position] {
            case UInt8(ascii: "\""):
                position &+= 1
                return (start..<position &- 1, escaped)
            case UInt8(ascii: "\\"):
                escaped = true
                try escape(in: text)
            default: throw JSONError(.controlCharacter, at: position)
            }
        }
    }

    private mutating func escape(in text: Span<UInt8>) throws(JSONError) {
        guard position &+ 1 < text.count else { throw JSONError(.ended, at: text.count) }
        switch text[position &+ 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position &+= 2
        case UInt8(ascii: "u"):
            guard text.hexadecimal(at: position &+ 2) != nil else { throw JSONError(.badEscape, at: position) }
            position &+= 6
        default: throw JSONError(.badEscape, at: position)
        }
    }

    @inline(__always)
    mutating func number(in text: Span<UInt8>) throws(JSONError) -> Token {
        let start = position
        var isInteger = true
        if text[position] == UInt8(ascii: "-") { position &+= 1 }
        // No further digit may follow a leading zero; what does is then no comma.
        if position < text.count, text[position] == UInt8(ascii: "0") {
            position &+= 1
            if position < text.count, text.isDigit(at: position) { throw JSONError(.badNumber, at: start) }
        } else {
            try digits(of: start, in: text)
        }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            isInteger = false
            position &+= 1
            try digits(of: start, in: text)
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position &+= 1
            if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
                position &+= 1
            }
            try digits(of: start, in: text)
        }
        return .number(start..<position, isInteger: isInteger)
    }

    /// One digit at least.
    @inline(__always)
    private mutating func digits(of start: Int, in text: Span<UInt8>) throws(JSONError) {
        let first = position
        while position < text.count, text.isDigit(at: position) { position &+= 1 }
        if position == first { throw JSONError(.badNumber, at: start) }
    }
}

extension Span where Element == UInt8 {
    @inline(__always)
    fileprivate func isDigit(at position: Int) -> Bool { self[position] &- UInt8(ascii: "0") < 10 }

    /// The value of four hexadecimal digits; nil when they are not there.
    func hexadecimal(at position: Int) -> UInt32? {
        guard position + 4 <= count else { return nil }
        var value: UInt32 = 0
        for offset in 0..<4 {
            let byte = self[position + offset]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
