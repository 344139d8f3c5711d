// JSON as literals of Swift, so that the document reads nearly as it will be sent.

package import Wire

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .list(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements) }
}

extension JSON {
    /// The members of both.
    func with(_ others: JSON) -> JSON { .object((object ?? []) + (others.object ?? [])) }

    /// A component of the document, by name.
    static func schema(_ name: String) -> JSON { ["$ref": .text("#/components/schemas/\(name)")] }
    static func parameter(_ name: String) -> JSON { ["$ref": .text("#/components/parameters/\(name)")] }
    static func response(_ name: String) -> JSON { ["$ref": .text("#/components/responses/\(name)")] }
    static func header(_ name: String) -> JSON { ["$ref": .text("#/components/headers/\(name)")] }

    static func content(_ type: String, _ schema: JSON) -> JSON {
        let media: JSON = ["schema": schema]
        return .object([(type, media)])
    }

    static func wholeNumber(_ range: ClosedRange<UInt32>, usually: UInt32, _ description: String) -> JSON {
        [
            "type": "integer", "minimum": .integer(Int64(range.lowerBound)),
            "maximum": .integer(Int64(range.upperBound)), "default": .integer(Int64(usually)),
            "description": .text(description),
        ]
    }
}
