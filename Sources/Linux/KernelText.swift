// The kernel's small text files, read as bytes. A String is made of characters as people see them, and to find where one
// ends takes hundreds of instructions: too many for texts that every start and every end of a sandbox waits for.

package enum KernelText {
    private static let lineEnd = UInt8(ascii: "\n")
    private static let blank = UInt8(ascii: " ")

    /// What stands between blanks and line ends.
    package static func words(_ text: [UInt8]) -> [String] {
        var words: [String] = []
        var start = 0
        for index in 0...text.count where index == text.count || text[index] == blank || text[index] == lineEnd {
            if index > start { words.append(String(decoding: text[start..<index], as: UTF8.self)) }
            start = index + 1
        }
        return words
    }

    /// The number that `text` is, digits alone.
    package static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64?
        for byte in text {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (tens, isTooLong) = (number ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, isTooMuch) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if isTooLong || isTooMuch { return nil }
            number = sum
        }
        return number
    }

    /// The number that a file of one line has.
    package static func number(inLine text: [UInt8]) -> UInt64? {
        number(text.last == lineEnd ? text.dropLast() : text[...])
    }

    /// The number behind `key` in a text of lines `key number`.
    package static func number(of key: String, in text: [UInt8]) -> UInt64? {
        var rest = text[...]
        while let end = rest.firstIndex(of: lineEnd) ?? (rest.isEmpty ? nil : rest.endIndex) {
            let line = rest[..<end]
            rest = rest[end...].dropFirst()
            guard let space = line.firstIndex(of: blank), line[..<space].elementsEqual(key.utf8) else { continue }
            return number(line[(space + 1)...])
        }
        return nil
    }
}
