// Values to bytes and back, for messages between our own processes. Little endian, lengths before contents, no padding.
// The decoder believes nothing: every length is checked against what is there before anything is made of it.

package struct Encoder {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func put(_ value: UInt8) { bytes.append(value) }
    package mutating func put(_ value: Bool) { put(value ? UInt8(1) : 0) }

    package mutating func put(_ value: some FixedWidthInteger) {
        var rest = value
        for _ in 0..<(type(of: value).bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    package mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes += text.utf8
    }

    package mutating func put(_ texts: [String]) {
        put(UInt32(texts.count))
        for text in texts { put(text) }
    }

    package mutating func put(_ text: String?) {
        put(text != nil)
        if let text { put(text) }
    }

    package mutating func put<Name: RawRepresentable>(_ names: [Name]) where Name.RawValue == String {
        put(names.map(\.rawValue))
    }
}

package enum DecodingError: Error, Equatable {
    case tooShort
    case tooMany(Int)
    case trailingBytes(Int)
    case unknownKind(UInt8)
    case unknownName(String)
    case notText
    case outOfRange
    case zeroByte
}

package struct Decoder {
    private let bytes: [UInt8]
    private var position = 0

    /// No list in our messages is longer than the arguments of a command may be.
    static let longestList = 4096

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func byte() throws(DecodingError) -> UInt8 {
        guard position < bytes.count else { throw .tooShort }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func flag() throws(DecodingError) -> Bool {
        switch try byte() {
        case 0: false
        case 1: true
        case let other: throw .unknownKind(other)
        }
    }

    package mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(DecodingError) -> Value {
        let width = Value.bitWidth / 8
        guard bytes.count - position >= width else { throw .tooShort }
        var value: Value = 0
        for offset in 0..<width { value |= Value(truncatingIfNeeded: bytes[position + offset]) << (8 * offset) }
        position += width
        return value
    }

    /// Valid UTF-8 without a zero byte, which would end a path early once it reaches the kernel.
    package mutating func text() throws(DecodingError) -> String {
        let count = Int(try integer(UInt32.self))
        guard bytes.count - position >= count else { throw .tooShort }
        let part = bytes[position..<position + count]
        var isPlain = true
        for byte in part {
            if byte == 0 { throw .zeroByte }
            if byte > 0x7f { isPlain = false }
        }
        position += count
        // The standard library validates character by character, and most texts have nothing to validate.
        if isPlain { return String(decoding: part, as: UTF8.self) }
        guard let text = String(validating: part, as: UTF8.self) else { throw .notText }
        return text
    }

    package mutating func texts() throws(DecodingError) -> [String] {
        let count = Int(try integer(UInt32.self))
        guard count <= Self.longestList else { throw .tooMany(count) }
        var texts: [String] = []
        for _ in 0..<count { texts.append(try text()) }
        return texts
    }

    package mutating func optionalText() throws(DecodingError) -> String? {
        try flag() ? try text() : nil
    }

    package mutating func names<Name: RawRepresentable>(
        _: Name.Type = Name.self
    ) throws(DecodingError) -> [Name] where Name.RawValue == String {
        var names: [Name] = []
        for text in try texts() {
            guard let name = Name(rawValue: text) else { throw .unknownName(text) }
            names.append(name)
        }
        return names
    }

    /// All that is left, a byte each.
    package mutating func kinds<Kind: RawRepresentable>(
        _: Kind.Type = Kind.self
    ) throws(DecodingError) -> [Kind] where Kind.RawValue == UInt8 {
        var kinds: [Kind] = []
        while !isAtEnd {
            let number = try byte()
            guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
            kinds.append(kind)
        }
        return kinds
    }

    var isAtEnd: Bool { position == bytes.count }

    package func finish() throws(DecodingError) {
        guard position == bytes.count else { throw .trailingBytes(bytes.count - position) }
    }
}
