import Testing
import Wire

@Suite struct Base64Texts {
    /// RFC 4648, section 10, and each letter of the alphabet.
    static let pairs: [(String, String)] = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"), ("Many hands make light work.", "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu"),
    ]

    @Test(arguments: pairs) func knownTextsGoBothWays(_ plain: String, _ encoded: String) throws {
        #expect(Base64.encode(Array(plain.utf8)) == Array(encoded.utf8))
        #expect(try Base64.decode(encoded, limit: 100) == Array(plain.utf8))
    }

    @Test func everyLetterIsKnown() throws {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        let bytes = try Base64.decode(letters, limit: 48)
        #expect(bytes.prefix(3) == [0x00, 0x10, 0x83])
        #expect(Base64.encode(bytes) == Array(letters.utf8))
    }

    @Test func everyLengthComesBack() throws {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            #expect(try Base64.decode(Base64.encode(bytes), limit: count) == bytes)
        }
    }

    static let bad: [(String, Base64Error)] = [
        ("Z", .badLength(1)), ("Zg", .badLength(2)), ("Zg=", .badLength(3)), ("Zm9v\n", .badLength(5)),
        ("Zm9vZg==Zm9v", .notBase64(offset: 6)), ("====", .notBase64(offset: 0)), ("Z===", .notBase64(offset: 1)),
        ("Zg=v", .notBase64(offset: 2)), ("Zm9-", .notBase64(offset: 3)), ("Zm_v", .notBase64(offset: 2)),
        (" m9v", .notBase64(offset: 0)), ("Zm9\u{0}", .notBase64(offset: 3)), ("Zm\u{e9}", .notBase64(offset: 2)),
        ("Zm9vZm9vZm,vZm9v", .notBase64(offset: 10)),
        // Bits that are no part of a byte.
        ("Zh==", .notBase64(offset: 1)), ("Zm9=", .notBase64(offset: 2)),
    ]

    @Test(arguments: bad) func whatIsNotStrictIsRefused(_ text: String, _ error: Base64Error) {
        #expect(throws: error) { try Base64.decode(text, limit: 100) }
    }

    @Test func theLimitIsExact() throws {
        #expect(try Base64.decode("Zm9vYg==", limit: 4).count == 4)
        #expect(throws: Base64Error.tooLarge(limit: 3)) { try Base64.decode("Zm9vYg==", limit: 3) }
    }
}
