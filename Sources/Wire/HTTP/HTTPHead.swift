// The head of an HTTP/1.1 message, as its bytes came: fields are places in them, and text is made only of what somebody
// asks for.

package enum HTTPMethod: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
    case head = "HEAD"
    case patch = "PATCH"
    case options = "OPTIONS"
    /// A name that is well formed and that nothing here serves.
    case other = ""
}

/// The header fields of a message, or its trailers.
package struct HTTPFields: Sendable {
    let bytes: [UInt8]
    private(set) var places: [Place] = []

    struct Place {
        let name, value: Range<Int>
    }

    package static let none = HTTPFields(bytes: [])

    init(bytes: [UInt8]) {
        self.bytes = bytes
        if !bytes.isEmpty { places.reserveCapacity(8) }
    }

    mutating func add(name: Range<Int>, value: Range<Int>) { places.append(Place(name: name, value: value)) }

    package var count: Int { places.count }

    /// The first value under this name, which is given in lower case.
    package subscript(name: StaticString) -> String? {
        for place in places where matches(place.name, name) { return text(place.value) }
        return nil
    }

    package func all(_ name: StaticString) -> [String] {
        places.filter { matches($0.name, name) }.map { text($0.value) }
    }

    package func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        let count = range.count
        guard count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { wanted in
            for index in 0..<count where unsafe wanted[index] != bytes[range.lowerBound + index].lowercased {
                return false
            }
            return true
        }
    }
}

package struct HTTPHead: Sendable {
    /// Of a request.
    package var method = HTTPMethod.other
    var targetPlace = 0..<0
    /// Of a response.
    package var status = 0
    package var isLastOnConnection = false
    package var fields: HTTPFields

    package var body: HTTPBody

    /// Its bytes, with all that it consists of.
    package var size: Int { fields.bytes.count }

    package var target: String { fields.text(targetPlace) }

    /// The path of the target without its query, as bytes: routes are found by them on the hot path.
    package var path: ArraySlice<UInt8> {
        let target = fields.bytes[targetPlace]
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return target }
        return target[..<mark]
    }

    /// A value of the target's query, percent-decoded; nil also when it cannot be decoded.
    package func query(_ name: String) -> String? {
        guard let parts = queryParts(name) else { return nil }
        return parts.count == 2 ? percentDecoded(parts[1]) : ""
    }

    package func hasQuery(_ name: String) -> Bool { queryParts(name) != nil }

    private func queryParts(_ name: String) -> [Substring]? {
        let target = target
        guard let mark = target.firstIndex(of: "?") else { return nil }
        for pair in target[target.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0] == name { return parts }
        }
        return nil
    }
}

/// How the end of a message's body is found.
package enum HTTPBody: Equatable, Sendable {
    case none
    case counted(Int)
    case chunked
    /// Of a response: up to the end of the connection.
    case untilClosed
}

/// What is wrong with a message, and the status that says so.
package struct HTTPError: Error, Equatable, Sendable {
    package let status: Int
    package let message: String

    package init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    /// The sender ended in the middle of a body.
    package static let truncated = HTTPError(400, "HTTP request detected as truncated")
}

package struct HTTPLimits: Sendable {
    package var head = 32 * 1024
    package var target = 8 * 1024
    package var fields = 100
    package var trailers = 2 * 1024 * 1024
    /// A body that announces more is refused before it is read.
    package var body = 256 * 1024 * 1024

    package init() {}
}

/// Text with its percent escapes resolved; nil where one is not whole or the bytes are not UTF-8 or have a zero.
package func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        if byte != UInt8(ascii: "%") {
            bytes.append(byte)
            continue
        }
        guard let high = rest.next()?.hexDigit, let low = rest.next()?.hexDigit else { return nil }
        bytes.append(high << 4 | low)
    }
    guard !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
}

extension ArraySlice<UInt8> {
    /// Whether these bytes are, begin with, or end with those of a name in the source.
    package func equals(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

    package func begins(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count >= length else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<length where unsafe wanted[index] != self[startIndex + index] { return false }
            return true
        }
    }

    package func ends(with text: StaticString) -> Bool { suffix(text.utf8CodeUnitCount).equals(text) }
}

extension UInt8 {
    var lowercased: UInt8 { self >= 65 && self <= 90 ? self + 32 : self }

    var hexDigit: UInt8? {
        switch self {
        case 48...57: self - 48
        case 65...70: self - 55
        case 97...102: self - 87
        default: nil
        }
    }

    /// What a method or the name of a field may be made of (RFC 9110, token).
    var isTokenCharacter: Bool {
        switch self {
        case 48...57, 65...90, 94...122, 124, 126, 33, 35...39, 42, 43, 45, 46: true
        default: false
        }
    }
}
