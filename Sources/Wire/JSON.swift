// A JSON value. Objects keep their members in the order they were given or written in, each name once.

package enum JSON: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([(String, JSON)])
}

extension JSON {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// Any number; an integer beyond 2^53 is rounded.
    package var number: Double? {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }

    package var text: String? {
        if case .text(let value) = self { value } else { nil }
    }

    package var list: [JSON]? {
        if case .list(let items) = self { items } else { nil }
    }

    package var object: [(String, JSON)]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The member of that name; nil also for what is no object.
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.0.hasSameBytes(as: name) }?.1
    }
}

extension JSON: Equatable {
    /// Members must stand in the same order; 1 and 1.0 are two things.
    package static func == (one: JSON, other: JSON) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.integer(let one), .integer(let other)): one == other
        case (.number(let one), .number(let other)): one == other
        case (.text(let one), .text(let other)): one.hasSameBytes(as: other)
        case (.list(let one), .list(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count && zip(one, other).allSatisfy { $0.0.hasSameBytes(as: $1.0) && $0.1 == $1.1 }
        default: false
        }
    }
}

extension String {
    /// Swift takes texts for equal that look equal; JSON names, like paths, are equal only byte by byte.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
