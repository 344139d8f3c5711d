// Options on a command line: `--name value`, `--name=value`, and `--` before what is not ours to read. Words between
// options either end them (a command with options of its own follows) or are taken as they come.

struct UsageError: Error {
    let message: String
}

struct OptionReader {
    private var rest: ArraySlice<String>
    private let isMixed: Bool

    /// - Parameter isMixed: whether options may follow words
    init(_ arguments: [String], isMixed: Bool = false) {
        rest = arguments[...]
        self.isMixed = isMixed
    }

    enum Item {
        case option(String)
        /// Everything after `--`, or from the first word that is no option; where words are mixed with options, one.
        case rest([String])
    }

    private var inlineValue: String?
    private static let short = ["-h": "--help", "-f": "--follow", "-n": "--count"]

    mutating func next() throws(UsageError) -> Item? {
        if let value = inlineValue {
            throw UsageError(message: "an option was given a value it does not take: \(value)")
        }
        guard let word = rest.popFirst() else { return nil }
        if word == "--" {
            defer { rest = [] }
            return .rest(Array(rest))
        }
        if isMixed, let option = Self.short[word] { return .option(option) }
        guard word.hasPrefix("--") else {
            if isMixed { return .rest([word]) }
            defer { rest = [] }
            return .rest([word] + rest)
        }
        if let equals = word.firstIndex(of: "=") {
            inlineValue = String(word[word.index(after: equals)...])
            return .option(String(word[..<equals]))
        }
        return .option(word)
    }

    mutating func value(of option: String) throws(UsageError) -> String {
        if let value = inlineValue {
            inlineValue = nil
            return value
        }
        guard let value = rest.popFirst() else { throw UsageError(message: "\(option) needs a value") }
        return value
    }

    mutating func number(of option: String, in range: ClosedRange<UInt32>, unit: String) throws(UsageError) -> UInt32 {
        let text = try value(of: option)
        guard let number = UInt32(text), range.contains(number) else {
            throw UsageError(
                message: """
                    \(option) \(text) is not possible: give a whole number of \(unit) from \(range.lowerBound) to \
                    \(range.upperBound)
                    """)
        }
        return number
    }

    /// Permissions, in octal.
    mutating func mode(of option: String) throws(UsageError) -> UInt32 {
        let text = try value(of: option)
        guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw UsageError(message: "\(option) \(text) is not possible: give permissions in octal, like 660")
        }
        return mode
    }

    mutating func name<Name: RawRepresentable & CaseIterable>(
        of option: String, _: Name.Type
    ) throws(UsageError) -> Name where Name.RawValue == String {
        let text = try value(of: option)
        guard let name = Name(rawValue: text) else {
            let known = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError(message: "\(option) \(text): there is no such thing; choose one of \(known)")
        }
        return name
    }

    /// Seconds, whole or with a fraction, as milliseconds.
    mutating func milliseconds(of option: String, most: UInt64) throws(UsageError) -> UInt64 {
        let text = try value(of: option)
        guard let seconds = Double(text), seconds > 0, seconds * 1000 <= Double(most) else {
            throw UsageError(message: "\(option) \(text) is not possible: give seconds, up to \(most / 1000)")
        }
        return UInt64((seconds * 1000).rounded(.up))
    }
}
