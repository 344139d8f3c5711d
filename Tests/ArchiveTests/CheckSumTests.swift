import Archive
import Testing

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { (($0 < 16 ? "0" : "") + String($0, radix: 16)) }.joined()
}

@Suite struct CheckSums {
    static let sums: [(String, UInt32)] = [
        ("", 0), ("a", 0xe8b7_be43), ("123456789", 0xcbf4_3926),
        ("The quick brown fox jumps over the lazy dog", 0x414f_a339),
    ]

    @Test(arguments: sums) func crc32(_ text: String, _ sum: UInt32) { #expect(CRC32.of(Array(text.utf8)) == sum) }

    @Test func crc32InPiecesIsThatOfTheWhole() {
        let bytes = (0..<100).map { UInt8($0 * 7 & 255) }
        for cut in 0...100 {
            var sum = CRC32()
            sum.update(bytes[..<cut])
            sum.update(bytes[cut...])
            #expect(sum.value == CRC32.of(bytes))
        }
    }

    /// FIPS 180-4's examples, and lengths around the ends of blocks.
    static let digests: [(String, String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"
        ),
        (
            String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test(arguments: digests) func sha256(_ text: String, _ digest: String) {
        #expect(hexadecimal(SHA256.digest(of: Array(text.utf8))) == digest)
    }

    @Test func sha256InPiecesIsThatOfTheWhole() {
        let bytes = (0..<200).map { UInt8($0 * 7 & 255) }
        for cut in 0...200 {
            var hash = SHA256()
            hash.update(bytes[..<cut])
            hash.update(bytes[cut..<max(cut, 150)])
            hash.update(bytes[max(cut, 150)...])
            #expect(hash.finish() == SHA256.digest(of: bytes))
        }
    }
}
