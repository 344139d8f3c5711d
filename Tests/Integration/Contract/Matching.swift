// Whether a value or a line is what a row expects, placeholders included.

import Wire
import _StringProcessing

struct Matcher {
    /// What the named placeholders stand for.
    let names: [String: String]

    private static let patterns = [
        "timestamp": #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z"#, "number": #"[+-]?\d+(?:\.\d+)?"#, "any": ".*",
    ]

    // MARK: texts

    func matches(_ expected: String, _ text: String) -> Bool {
        guard expected.contains("${") else { return expected.hasSameBytes(as: text) }
        guard let regex = try? Regex(pattern(expected)).dotMatchesNewlines().matchingSemantics(.unicodeScalar) else {
            return false
        }
        return (try? regex.wholeMatch(in: text)) != nil
    }

    private func pattern(_ expected: String) -> String {
        var pattern = ""
        var rest = expected[...]
        while let start = rest.firstRange(of: "${") {
            pattern += Self.quoted(rest[..<start.lowerBound])
            let name = rest[start.upperBound...].prefix { $0 != "}" }
            pattern += Self.patterns[String(name)] ?? Self.quoted((names[String(name)] ?? "?")[...])
            rest = rest[name.endIndex...].dropFirst()
        }
        return pattern + Self.quoted(rest)
    }

    private static func quoted(_ text: Substring) -> String {
        text.unicodeScalars.map { scalar in
            scalar.isASCII && !scalar.properties.isAlphabetic && !("0"..."9").contains(scalar)
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }

    // MARK: values

    func matches(_ expected: JSON, _ value: JSON?, mayHaveMore: Bool = false) -> Bool {
        guard let value else { return false }
        switch expected {
        case .text(let text):
            if text == "${any}" { return true }
            // A placeholder alone stands for a value of any type.
            if text.hasPrefix("${"), text.hasSuffix("}"), value.text == nil { return matches(text, value.line) }
            return value.text.map { matches(text, $0) } ?? false
        case .integer, .number: return expected.number == value.number
        case .list(let items): return value.list.map { matches(items[...], $0[...]) } ?? false
        case .object(let members):
            guard let others = value.object, mayHaveMore || others.count == members.count else { return false }
            return members.allSatisfy { matches($0.1, value[$0.0]) }
        default: return expected == value
        }
    }

    private func matches(_ expected: ArraySlice<JSON>, _ values: ArraySlice<JSON>) -> Bool {
        if expected.count == 1, expected.first?.text == "${any}" { return true }
        guard let one = expected.first, let value = values.first else { return expected.isEmpty && values.isEmpty }
        return matches(one, value) && matches(expected.dropFirst(), values.dropFirst())
    }

    /// The first of the expected lines that is not there, in their order; nil when all are.
    func missing(_ expected: [String], in log: String) -> String? {
        var lines = log.split(separator: "\n", omittingEmptySubsequences: false)[...]
        for wanted in expected {
            guard let index = lines.firstIndex(where: { matches(wanted, String($0)) }) else { return wanted }
            lines = lines[(index + 1)...]
        }
        return nil
    }
}
