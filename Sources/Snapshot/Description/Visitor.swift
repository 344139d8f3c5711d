// The format of the plan, in one place: each value names its members once, and the same words write and read them. What
// is read is believed no further than its length; every list has a bound that is looked at before anything is made.

package import Wire

package protocol Visitor {
    mutating func visit(_ value: inout UInt8) throws(DecodingError)
    mutating func visit(_ value: inout UInt32) throws(DecodingError)
    mutating func visit(_ value: inout UInt64) throws(DecodingError)
    mutating func visit(_ value: inout Int32) throws(DecodingError)
    mutating func visit(_ value: inout Int64) throws(DecodingError)
    mutating func visit(_ value: inout Bool) throws(DecodingError)
    mutating func visit(_ value: inout String) throws(DecodingError)
    mutating func visit(bytes: inout [UInt8], most: Int) throws(DecodingError)
    mutating func visit<Item: Visited>(_ items: inout [Item], most: Int) throws(DecodingError)
}

package protocol Visited {
    init()
    mutating func visit(_ visitor: inout some Visitor) throws(DecodingError)
}

extension Visitor {
    package mutating func visit(_ values: inout [UInt64], most: Int) throws(DecodingError) {
        var words = values.map(Word.init)
        try visit(&words, most: most)
        values = words.map(\.value)
    }

    package mutating func visit<Kind: RawRepresentable>(
        kind: inout Kind
    ) throws(DecodingError) where Kind.RawValue == UInt8 {
        var number = kind.rawValue
        try visit(&number)
        guard let read = Kind(rawValue: number) else { throw .unknownKind(number) }
        kind = read
    }
}

private struct Word: Visited {
    var value: UInt64 = 0
    init() {}
    init(_ value: UInt64) { self.value = value }
    mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) { try visitor.visit(&value) }
}

struct WritingVisitor: Visitor {
    private(set) var encoder = Encoder()

    mutating func visit(_ value: inout UInt8) { encoder.put(value) }
    mutating func visit(_ value: inout UInt32) { encoder.put(value) }
    mutating func visit(_ value: inout UInt64) { encoder.put(value) }
    mutating func visit(_ value: inout Int32) { encoder.put(value) }
    mutating func visit(_ value: inout Int64) { encoder.put(value) }
    mutating func visit(_ value: inout Bool) { encoder.put(value) }
    mutating func visit(_ value: inout String) { encoder.put(value) }

    mutating func visit(bytes: inout [UInt8], most: Int) {
        encoder.put(UInt32(bytes.count))
        for byte in bytes { encoder.put(byte) }
    }

    mutating func visit<Item: Visited>(_ items: inout [Item], most: Int) throws(DecodingError) {
        encoder.put(UInt32(items.count))
        for index in items.indices { try items[index].visit(&self) }
    }
}

struct ReadingVisitor: Visitor {
    private var decoder: Decoder
    init(_ bytes: [UInt8]) { decoder = Decoder(bytes) }

    mutating func visit(_ value: inout UInt8) throws(DecodingError) { value = try decoder.byte() }
    mutating func visit(_ value: inout UInt32) throws(DecodingError) { value = try decoder.integer() }
    mutating func visit(_ value: inout UInt64) throws(DecodingError) { value = try decoder.integer() }
    mutating func visit(_ value: inout Int32) throws(DecodingError) { value = try decoder.integer() }
    mutating func visit(_ value: inout Int64) throws(DecodingError) { value = try decoder.integer() }
    mutating func visit(_ value: inout Bool) throws(DecodingError) { value = try decoder.flag() }
    mutating func visit(_ value: inout String) throws(DecodingError) { value = try decoder.text() }

    private mutating func count(_ most: Int) throws(DecodingError) -> Int {
        let count = Int(try decoder.integer(UInt32.self))
        guard count <= most else { throw .tooMany(count) }
        return count
    }

    mutating func visit(bytes: inout [UInt8], most: Int) throws(DecodingError) {
        bytes = []
        for _ in 0..<(try count(most)) { bytes.append(try decoder.byte()) }
    }

    mutating func visit<Item: Visited>(_ items: inout [Item], most: Int) throws(DecodingError) {
        items = []
        for _ in 0..<(try count(most)) {
            var item = Item()
            try item.visit(&self)
            items.append(item)
        }
    }

    func finish() throws(DecodingError) { try decoder.finish() }
}
