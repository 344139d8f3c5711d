// What a subject is, and the table of all of them. The tests read this table (`zoo --list`) and hold nothing of it
// themselves: a new subject is one new row in a file of its theme.

struct Subject: Sendable {
    /// Throws what is missing.
    typealias Check = @Sendable (Event) throws -> Void

    enum Expectation {
        case restored
        /// The engine declines to capture it, in a message with these words.
        case refused(String)
    }

    let name: String
    /// One sentence: the state that is set up.
    let state: String
    let expectation: Expectation
    /// Time has to pass between capture and restore: the check tells it from time that the program has lived.
    let needsPause: Bool
    let setUp: @Sendable () throws -> Check

    init(
        _ name: String, _ state: String, refused: String? = nil, needsPause: Bool = false,
        setUp: @escaping @Sendable () throws -> Check
    ) {
        self.name = name
        self.state = state
        expectation = if let refused { .refused(refused) } else { .restored }
        self.needsPause = needsPause
        self.setUp = setUp
    }

    static let all =
        memory + advice + mappings + threads + registers + signals + timers + descriptors + waiting + sockets + locks
        + files
        + processes + trees + gate + blocking + repeating + refusals

    /// One line of `zoo --list`.
    var row: String {
        let expected =
            switch expectation {
            case .restored: "restored"
            case .refused(let words): "refused: \(words)"
            }
        return [name, expected, needsPause ? "pause" : "", state].joined(separator: "\t")
    }
}

/// The state is not what it was.
struct Lost: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = what }
}

func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Lost(what()) }
}

func expect<Value: Equatable>(_ what: @autoclosure () -> String, _ found: Value, is wanted: Value) throws {
    if found != wanted { throw Lost("\(what()): \(found) instead of \(wanted)") }
}
