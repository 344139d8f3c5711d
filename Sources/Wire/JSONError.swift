// What can be wrong with a text that should be JSON, and how much of it is taken.

package struct JSONError: Error, Equatable, CustomStringConvertible {
    package enum Problem: String, Sendable {
        case notUTF8 = "the text is not UTF-8"
        case ended = "the text ends before the value does"
        case noValue = "a value was expected"
        case noName = "the name of a member was expected"
        case noColon = "a colon was expected"
        case noCommaInList = "a comma or the end of the list was expected"
        case noCommaInObject = "a comma or the end of the object was expected"
        case trailing = "there is more after the value"
        case badNumber = "a number is badly formed"
        case badEscape = "an escape sequence is badly formed"
        case controlCharacter = "a control character must be escaped"
        case tooDeep = "lists and objects are nested too deep"
        case tooManyValues = "there are too many values"
        case loneSurrogate = "half of a surrogate pair stands alone"
        case numberTooLarge = "a number is too large"
    }

    package let problem: Problem
    /// How many bytes of the text precede the problem.
    package let offset: Int

    package init(_ problem: Problem, at offset: Int) {
        self.problem = problem
        self.offset = offset
    }

    package var description: String { "\(problem.rawValue), at byte \(offset)" }
}

extension JSON {
    package struct Limits: Sendable {
        /// How deep a reader follows lists and objects, whatever the caller asks for.
        package static let deepest = 128

        package var depth: Int
        /// Values to build, names not counted: two bytes of text can be one, and take forty bytes of memory.
        package var values: Int

        package init(depth: Int = deepest, values: Int = 100_000) {
            self.depth = min(depth, Self.deepest)
            self.values = values
        }
    }
}
