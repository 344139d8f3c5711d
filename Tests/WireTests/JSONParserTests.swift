import Testing
import Wire

private func parse(_ text: String) throws(JSONError) -> JSON { try JSON(parsing: Array(text.utf8)) }

/// What a reader says of the bytes; nil when it takes them.
private func problem(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        _ = try JSON(parsing: bytes)
        return nil
    } catch {
        return error
    }
}

private func validationProblem(_ bytes: [UInt8]) -> JSONError? {
    do throws(JSONError) {
        try JSON.validate(bytes)
        return nil
    } catch {
        return error
    }
}

@Suite struct JSONParsing {
    static let values: [(String, JSON)] = [
        ("null", .null), (" true ", .bool(true)), ("\t\r\nfalse", .bool(false)),
        ("0", .integer(0)), ("-0", .integer(0)), ("-1", .integer(-1)),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("0.5", .number(0.5)), ("1.0", .number(1)),
        ("1e2", .number(100)), ("-1.5E+2", .number(-150)), ("25e-1", .number(2.5)), ("0e0", .number(0)),
        ("1e-999", .number(0)), (#""""#, .text("")), (#""abc""#, .text("abc")),
        (#""\"\\\/\b\f\n\r\t""#, .text("\"\\/\u{8}\u{c}\n\r\t")), (#""\u00fc\u20AC\u0000""#, .text("ü€\u{0}")),
        (#""x\ud83d\ude00y""#, .text("x😀y")), (#""ü 😀 日本 more than eight""#, .text("ü 😀 日本 more than eight")),
        (#""sixteen letters!\n""#, .text("sixteen letters!\n")),
        ("[]", .list([])), ("[ ]", .list([])), ("{}", .object([])), ("{ }", .object([])),
        ("[1,[2,[]],{}]", .list([.integer(1), .list([.integer(2), .list([])]), .object([])])),
        (
            #" { "b" : [ null ] , "a" : { "" : 1 } } "#,
            .object([("b", .list([.null])), ("a", .object([("", .integer(1))]))])
        ),
    ]

    @Test(arguments: values) func textsBecomeTheirValues(_ text: String, _ value: JSON) throws {
        #expect(try parse(text) == value)
        try JSON.validate(Array(text.utf8))
    }

    @Test(arguments: values) func whatIsWrittenIsReadAgain(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: value.bytes) == value)
        #expect(Array(value.line.utf8) == value.bytes)
    }

    @Test func aSliceIsReadFromItsOwnStart() throws {
        let bytes = Array("xx[1]yy".utf8)
        #expect(try JSON(parsing: bytes[2..<5]) == .list([.integer(1)]))
        try JSON.validate(bytes[2..<5])
        #expect(throws: JSONError(.noValue, at: 0)) { try JSON.validate(bytes[1...]) }
    }

    @Test func membersAreFoundByName() throws {
        let json = try parse(#"{"a":{"b":[1,2.5,"c",true,null]}}"#)
        let list = try #require(json["a"]?["b"]?.list)
        #expect(list[0].integer == 1)
        #expect(list[0].number == 1)
        #expect(list[1].number == 2.5)
        #expect(list[1].integer == nil)
        #expect(list[2].text == "c")
        #expect(list[3].bool == true)
        #expect(list[4].isNull)
        #expect(json.object?.map(\.0) == ["a"])
        #expect(json["b"] == nil)
        #expect(list[2]["x"] == nil)
    }

    @Test func theLastOfTwoMembersOfOneNameStays() throws {
        #expect(try parse(#"{"a":1,"b":2,"a":3}"#) == .object([("b", .integer(2)), ("a", .integer(3))]))
        let many = (0..<100).map { #""k\#($0 % 40)":\#($0)"# }.joined(separator: ",")
        let members = try #require(try parse("{\(many)}").object)
        #expect(members.map { $0.1.integer } == (60..<100).map { Int64($0) })
    }

    @Test func namesThatOnlyLookEqualAreTwo() throws {
        // Both are an e with an accent; Swift's == takes them for the same text.
        let json = try parse(#"{"\u00e9":1,"e\u0301":2}"#)
        #expect(json.object?.count == 2)
        #expect(json["\u{e9}"] == .integer(1))
        #expect(json["e\u{301}"] == .integer(2))
        #expect(JSON.text("\u{e9}") != .text("e\u{301}"))
    }
}

@Suite struct BadJSON {
    static let texts: [(String, JSONError.Problem, Int)] = [
        ("", .ended, 0), ("  ", .ended, 2), ("[", .ended, 1), ("[1", .ended, 2), ("[1,", .ended, 3), ("{", .ended, 1),
        (#"{"a""#, .ended, 4), (#"{"a":"#, .ended, 5), (#"{"a":1"#, .ended, 6), (#"{"a":1,"#, .ended, 7),
        (#"""#, .ended, 1), (#""abcdefghij"#, .ended, 11), (#""\"#, .ended, 2),
        ("1 2", .trailing, 2), ("[]]", .trailing, 2), ("{}x", .trailing, 2), ("null\u{0}", .trailing, 4),
        ("[1 2]", .noCommaInList, 3), ("[1}", .noCommaInList, 2), (#"{"a":1]"#, .noCommaInObject, 6),
        (#"{"a":1 "b""#, .noCommaInObject, 7), ("[,1]", .noValue, 1), ("[1,]", .noValue, 3), ("[1,,2]", .noValue, 3),
        ("{1:2}", .noName, 1), (#"{"a":1,}"#, .noName, 7), ("{,}", .noName, 1), (#"{"a" 1}"#, .noColon, 5),
        (#"{"a":}"#, .noValue, 5), ("tru", .noValue, 0), ("nulL", .noValue, 0), ("True", .noValue, 0),
        ("'a'", .noValue, 0), ("NaN", .noValue, 0), ("+1", .noValue, 0), (".5", .noValue, 0), ("/**/1", .noValue, 0),
        ("]", .noValue, 0), ("}", .noValue, 0), ("\u{a0}1", .noValue, 0), ("\u{feff}1", .noValue, 0),
        ("-", .badNumber, 0), ("[-]", .badNumber, 1), ("01", .badNumber, 0), ("-01", .badNumber, 0),
        ("1.", .badNumber, 0), ("1.e1", .badNumber, 0), ("1e", .badNumber, 0), ("1e+", .badNumber, 0),
        ("-.5", .badNumber, 0), ("0x10", .trailing, 1), ("truex", .trailing, 4),
        (#""\x""#, .badEscape, 1), (#""\u12g4""#, .badEscape, 1), (#""\u12"#, .badEscape, 1),
        (#""a\'""#, .badEscape, 2),
        ("\"a\nb\"", .controlCharacter, 2), ("\"12345678\u{1f}\"", .controlCharacter, 9),
        ("\"\u{0}\"", .controlCharacter, 1),
    ]

    @Test(arguments: texts) func isRefusedWhereItIsBad(_ text: String, _ kind: JSONError.Problem, _ offset: Int) {
        #expect(problem(Array(text.utf8)) == JSONError(kind, at: offset))
        #expect(validationProblem(Array(text.utf8)) == JSONError(kind, at: offset))
    }

    /// Bytes between quotation marks that are no UTF-8.
    static let bytes: [[UInt8]] = [
        [0xff], [0x80], [0xc3], [0xc0, 0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80],
        [0xf0, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80],
    ]

    @Test(arguments: bytes) func whatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
        #expect(validationProblem([0x22] + bytes + [0x22]) == JSONError(.notUTF8, at: 1))
        #expect(problem([0x22] + bytes + [0x22])?.problem == .notUTF8)
    }

    /// The grammar has these, a value cannot: they may be passed on, not taken apart.
    static let unheld: [(String, JSONError.Problem, Int)] = [
        (#"["\ud800"]"#, .loneSurrogate, 2), (#""\udc00""#, .loneSurrogate, 1), (#""\ud800\n""#, .loneSurrogate, 1),
        (#""\ud83d\ud83d\ude00""#, .loneSurrogate, 1), (#""\ude00\ud83d""#, .loneSurrogate, 1),
        ("[1e999]", .numberTooLarge, 1), ("-1e999", .numberTooLarge, 0),
    ]

    @Test(arguments: unheld) func isValidButNoValue(_ text: String, _ kind: JSONError.Problem, _ offset: Int) {
        #expect(problem(Array(text.utf8)) == JSONError(kind, at: offset))
        #expect(validationProblem(Array(text.utf8)) == nil)
    }

    @Test func theErrorIsASentence() {
        #expect(problem(Array("[1 2]".utf8))?.description == "a comma or the end of the list was expected, at byte 3")
    }

    static func nested(_ depth: Int) -> [UInt8] {
        Array((String(repeating: #"[{"a":"#, count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)).utf8)
    }

    @Test func depthHasALimit() throws {
        try JSON.validate(Self.nested(128))
        _ = try JSON(parsing: Self.nested(128))
        #expect(validationProblem(Self.nested(130))?.problem == .tooDeep)
        #expect(problem(Self.nested(130)) == JSONError(.tooDeep, at: 128 / 2 * 6))
        #expect(problem([UInt8](repeating: 0x5b, count: 1_000_000)) == JSONError(.tooDeep, at: 128))
        #expect(throws: JSONError(.tooDeep, at: 1)) { try JSON(parsing: Array("[[]]".utf8), limits: .init(depth: 1)) }
        #expect(throws: JSONError.self) { try JSON(parsing: Self.nested(130), limits: .init(depth: 1000)) }
    }

    @Test func valuesHaveALimit() throws {
        _ = try JSON(parsing: Array("[1,2]".utf8), limits: .init(values: 3))
        #expect(throws: JSONError(.tooManyValues, at: 5)) {
            try JSON(parsing: Array("[1,2]".utf8), limits: .init(values: 2))
        }
    }

    @Test func manyMembersOfOneNameAreNoWork() throws {
        let text = "{" + String(repeating: #""a":1,"#, count: 90_000) + #""a":2}"#
        #expect(try parse(text) == .object([("a", .integer(2))]))
    }

    @Test func everyTruncationIsRefused() {
        let whole = Array(#"{"ab":[1.5e3,"x\u00e9\ud83d\ude00ü",true,null,{"b":-1}],"c":false}"#.utf8)
        #expect(problem(whole) == nil)
        for count in 0..<whole.count {
            #expect(problem(Array(whole[..<count])) != nil)
            #expect(validationProblem(Array(whole[..<count])) != nil)
        }
    }
}
