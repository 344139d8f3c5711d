// The grammar of RFC 8259, as a reader that is asked for one token after the other: it builds nothing, and where it
// stands in lists and objects is a number and a row of bits, so that no text can make it use more memory or stack.
// Validation and parsing both go by it. That the text is UTF-8 is checked before; here bytes above 127 are just bytes.

struct JSONReader {
    enum Token {
        case listStart
        case listEnd
        case objectStart
        case objectEnd
        /// Between the quotation marks; `escaped` when there is a backslash in it.
        case name(Range<Int>, escaped: Bool)
        case text(Range<Int>, escaped: Bool)
        case number(Range<Int>, isInteger: Bool)
        case bool(Bool)
        case null
        case end
    }

    private enum Expected {
        case value
        case valueOrEnd
        case name
        case nameOrEnd
        case separator
        case nothing
    }

    /// How far the text is read.
    var position = 0
    private var expected = Expected.value
    private let deepest: Int
    private var depth = 0
    /// One bit for each level, the innermost lowest: set for an object.
    private var objects: UInt128 = 0

    init(deepest: Int) { self.deepest = min(deepest, JSON.Limits.deepest) }

    mutating func next(in text: Span<UInt8>) throws(JSONError) -> Token {
        while true {
            skipSpace(in: text)
            guard position < text.count else {
                guard expected == .nothing else { throw problem(.ended) }
                return .end
            }
            let byte = text[position]
            switch expected {
            case .separator:
                if byte == UInt8(ascii: ",") {
                    position &+= 1
                    expected = objects & 1 == 1 ? .name : .value
                } else {
                    return try close(byte)
                }
            case .nameOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"):
                return try close(byte)
            case .name, .nameOrEnd:
                guard byte == UInt8(ascii: "\"") else { throw problem(.noName) }
                let (range, escaped) = try quoted(in: text)
                try colon(in: text)
                expected = .value
                return .name(range, escaped: escaped)
            case .value, .valueOrEnd: return try value(byte, in: text)
            case .nothing: throw problem(.trailing)
            }
        }
    }

    private func problem(_ problem: JSONError.Problem) -> JSONError { JSONError(problem, at: position) }

    @inline(__always)
    private mutating func skipSpace(in text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position &+= 1
            default: return
            }
        }
    }

    private mutating func colon(in text: Span<UInt8>) throws(JSONError) {
        skipSpace(in: text)
        guard position < text.count else { throw problem(.ended) }
        guard text[position] == UInt8(ascii: ":") else { throw problem(.noColon) }
        position &+= 1
    }

    /// After a value there is a comma while a list or object is open.
    private mutating func afterValue() { expected = depth == 0 ? .nothing : .separator }

    private mutating func open(isObject: Bool) throws(JSONError) {
        guard depth < deepest else { throw problem(.tooDeep) }
        position &+= 1
        depth &+= 1
        objects = objects << 1 | (isObject ? 1 : 0)
        expected = isObject ? .nameOrEnd : .valueOrEnd
    }

    private mutating func close(_ byte: UInt8) throws(JSONError) -> Token {
        let isObject = objects & 1 == 1
        guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
            throw problem(isObject ? .noCommaInObject : .noCommaInList)
        }
        position &+= 1
        depth &-= 1
        objects >>= 1
        afterValue()
        return isObject ? .objectEnd : .listEnd
    }

    @inline(__always)
    private mutating func value(_ byte: UInt8, in text: Span<UInt8>) throws(JSONError) -> Token {
        switch byte {
        case UInt8(ascii: "\""):
            let (range, escaped) = try quoted(in: text)
            afterValue()
            return .text(range, escaped: escaped)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let token = try number(in: text)
            afterValue()
            return token
        case UInt8(ascii: "{"):
            try open(isObject: true)
            return .objectStart
        case UInt8(ascii: "["):
            try open(isObject: false)
            return .listStart
        case UInt8(ascii: "t"):
            try word("true", in: text)
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false", in: text)
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null", in: text)
            return .null
        default: throw problem(.noValue)
        }
    }

    private mutating func word(_ word: StaticString, in text: Span<UInt8>) throws(JSONError) {
        let count = word.utf8CodeUnitCount
        guard position + count <= text.count else { throw problem(.noValue) }
        // Safe: a constant text of that many bytes.
        for offset in 0..<count where unsafe text[position + offset] != word.utf8Start[offset] {
            throw problem(.noValue)
        }
        position &+= count
        afterValue()
    }
}
