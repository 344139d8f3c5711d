// Names that Lambda gives to things: functions, invocations, environments, traces, log streams.

/// A function's name: letters, digits, hyphen and underscore, at most 64.
package func isFunctionName(_ name: some StringProtocol) -> Bool {
    !name.isEmpty && name.utf8.count <= 64
        && name.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == 45 || $0 == 95 }
}

/// The same of a name as bytes.
package func isFunctionName(_ name: ArraySlice<UInt8>) -> Bool {
    !name.isEmpty && name.count <= 64 && name.allSatisfy { $0.isLetter || $0.isDigit || $0 == 45 || $0 == 95 }
}

/// Where functions say that they are: in no region of AWS, and yet somewhere, because code reads it.
package struct Place: Equatable, Sendable {
    package var region = "us-east-1"
    package var account = "000000000000"

    package init() {}

    package func functionARN(_ name: String) -> String { "arn:aws:lambda:\(region):\(account):function:\(name)" }
}

package enum Names {
    private static let digits = Array("0123456789abcdef".utf8)

    /// A version-4 UUID of 16 random bytes.
    package static func uuid(_ random: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<16 {
            let byte = random[index]
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(45) }
            let value = index == 6 ? byte & 0x0f | 0x40 : index == 8 ? byte & 0x3f | 0x80 : byte
            append(value, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func hex(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes { append(byte, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The name that X-Ray gives to a request, not sampled.
    package static func trace(second: UInt64, _ random: [UInt8]) -> String {
        var text = Array("Root=1-".utf8)
        text.reserveCapacity(80)
        for shift in stride(from: 28, through: 0, by: -4) { text.append(digits[Int(second >> UInt64(shift) & 15)]) }
        text.append(UInt8(ascii: "-"))
        for byte in random[..<12] { append(byte, to: &text) }
        text.append(contentsOf: ";Parent=".utf8)
        for byte in random[12..<20] { append(byte, to: &text) }
        text.append(contentsOf: ";Sampled=0".utf8)
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, to text: inout [UInt8]) {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }

    /// `2026/01/31/[$LATEST]` and 32 hexadecimal digits.
    package static func logStream(_ time: WallTime, version: String, _ random: [UInt8]) -> String {
        "\(time.date.replacing("-", with: "/"))/[\(version)]\(hex(random))"
    }
}

extension String {
    fileprivate func replacing(_ old: Character, with new: Character) -> String {
        String(map { $0 == old ? new : $0 })
    }
}
