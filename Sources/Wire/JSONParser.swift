// From text to value, and whether a text is JSON at all. The two agree but for what the grammar allows and no value of
// ours can hold: half of a surrogate pair, and numbers beyond Double. A payload that is only passed on may have those.

extension JSON {
    /// Throws unless the bytes are one value and nothing else. Builds nothing.
    package static func validate(_ bytes: [UInt8]) throws(JSONError) { try validate(bytes.span) }
    package static func validate(_ bytes: ArraySlice<UInt8>) throws(JSONError) { try validate(bytes.span) }

    private static func validate(_ text: Span<UInt8>) throws(JSONError) {
        try checkUTF8(text)
        var reader = JSONReader(deepest: Limits.deepest)
        while true {
            if case .end = try reader.next(in: text) { return }
        }
    }

    package init(parsing bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) {
        self = try Self.parse(bytes.span, limits)
    }

    package init(parsing bytes: ArraySlice<UInt8>, limits: Limits = Limits()) throws(JSONError) {
        self = try Self.parse(bytes.span, limits)
    }

    private static func parse(_ text: Span<UInt8>, _ limits: Limits) throws(JSONError) -> JSON {
        try checkUTF8(text)
        var reader = JSONReader(deepest: limits.depth)
        var open: [Container] = []
        var done: JSON = .null
        var left = limits.values
        while true {
            let value: JSON
            switch try reader.next(in: text) {
            case .listStart, .objectStart:
                open.append(Container())
                continue
            case .name(let range, let escaped):
                open[open.count - 1].name = try string(range, escaped, in: text)
                continue
            case .listEnd: value = .list(open.removeLast().items)
            case .objectEnd: value = .object(open.removeLast().members.withEachNameOnce())
            case .text(let range, let escaped): value = .text(try string(range, escaped, in: text))
            case .number(let range, let isInteger): value = try number(range, isInteger, in: text)
            case .bool(let flag): value = .bool(flag)
            case .null: value = .null
            case .end: return done
            }
            guard left > 0 else { throw JSONError(.tooManyValues, at: reader.position) }
            left -= 1
            if open.isEmpty { done = value } else { open[open.count - 1].add(value) }
        }
    }

    /// A list or object that has not ended yet.
    private struct Container {
        var name: String?
        var items: [JSON] = []
        var members: [(String, JSON)] = []

        mutating func add(_ value: JSON) {
            guard let name else { return items.append(value) }
            members.append((name, value))
        }
    }

    private static func checkUTF8(_ text: Span<UInt8>) throws(JSONError) {
        do {
            _ = try UTF8Span(validating: text)
        } catch {
            throw JSONError(.notUTF8, at: error.byteOffsets.lowerBound)
        }
    }

    private static func number(
        _ range: Range<Int>, _ isInteger: Bool, in text: Span<UInt8>
    ) throws(JSONError) -> JSON {
        let word = try plain(range, in: text)
        if isInteger, let value = Int64(word) { return .integer(value) }
        guard let value = Double(word), value.isFinite else { throw JSONError(.numberTooLarge, at: range.lowerBound) }
        return .number(value)
    }

    private static func string(_ range: Range<Int>, _ escaped: Bool, in text: Span<UInt8>) throws(JSONError) -> String {
        guard escaped else { return try plain(range, in: text) }
        var out: [UInt8] = []
        out.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let special = min(text.firstSpecial(from: position), range.upperBound)
            out.append(copying: text, position..<special)
            position = special
            if position < range.upperBound { position = try unescape(at: position, in: text, to: &out) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The whole text is UTF-8, and a range that begins and ends beside ASCII is then too: the error cannot happen.
    private static func plain(_ range: Range<Int>, in text: Span<UInt8>) throws(JSONError) -> String {
        do {
            return String(copying: try UTF8Span(validating: text.extracting(range)))
        } catch {
            throw JSONError(.notUTF8, at: range.lowerBound + error.byteOffsets.lowerBound)
        }
    }

    /// Appends what the escape sequence stands for, and returns where it ends. The reader has seen that it is one.
    private static func unescape(
        at position: Int, in text: Span<UInt8>, to out: inout [UInt8]
    ) throws(JSONError) -> Int {
        switch text[position + 1] {
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "u"): return try unescapeUnicode(at: position, in: text, to: &out)
        case let byte: out.append(byte)
        }
        return position + 2
    }

    private static func unescapeUnicode(
        at position: Int, in text: Span<UInt8>, to out: inout [UInt8]
    ) throws(JSONError) -> Int {
        var end = position + 6
        var code = text.hexadecimal(at: position + 2) ?? 0
        // Beyond the first 65,536 characters, two escapes make one: a high surrogate and a low one.
        if code & 0xfc00 == 0xd800, end + 1 < text.count, text[end] == UInt8(ascii: "\\"),
            text[end + 1] == UInt8(ascii: "u"), let low = text.hexadecimal(at: end + 2), low & 0xfc00 == 0xdc00
        {
            code = 0x10000 + (code & 0x3ff) << 10 + (low & 0x3ff)
            end += 6
        }
        guard let scalar = Unicode.Scalar(code) else { throw JSONError(.loneSurrogate, at: position) }
        out.append(contentsOf: UTF8.encode(scalar)!)
        return end
    }
}

extension [(String, JSON)] {
    /// Of members of one name the last, at its own place. Sorts when there are many: comparing each name with each
    /// other would let a text of a few megabytes keep us busy for hours.
    fileprivate func withEachNameOnce() -> Self {
        guard count > 1 else { return self }
        var isStale = [Bool](repeating: false, count: count)
        if count <= 16 {
            for later in 1..<count {
                for earlier in 0..<later where self[earlier].0.hasSameBytes(as: self[later].0) {
                    isStale[earlier] = true
                }
            }
        } else {
            let order = indices.sorted { one, other in
                let names = (self[one].0.utf8, self[other].0.utf8)
                if names.0.lexicographicallyPrecedes(names.1) { return true }
                return !names.1.lexicographicallyPrecedes(names.0) && one < other
            }
            for (one, other) in zip(order, order.dropFirst()) where self[one].0.hasSameBytes(as: self[other].0) {
                isStale[one] = true
            }
        }
        guard isStale.contains(true) else { return self }
        return indices.filter { !isStale[$0] }.map { self[$0] }
    }
}
