// Archives that no honest program makes: each must be refused, for the reason given.

import Archive
import Testing

/// One file, nothing packed, and where its records stand.
private struct Sample {
    var bytes: [UInt8]
    let name: [UInt8]
    let central: Int
    let end: Int

    init(_ name: String = "some/file", _ contents: [UInt8] = Array("contents".utf8)) throws {
        var writer = ZipWriter()
        try writer.addFile(name, contents, isExecutable: false)
        bytes = try writer.finish()
        self.name = Array(name.utf8)
        central = 30 + name.utf8.count + contents.count
        end = central + 46 + name.utf8.count
    }

    mutating func put(_ values: [UInt8], at start: Int) {
        for (offset, value) in values.enumerated() { bytes[start + offset] = value }
    }

    /// In both headers.
    mutating func rename(to name: [UInt8]) {
        precondition(name.count == self.name.count)
        put(name, at: 30)
        put(name, at: central + 46)
    }
}

@Suite struct HostileArchives {
    private static func problem(_ bytes: [UInt8], limit: Int = 10_000) -> ArchiveError? {
        do throws(ArchiveError) {
            let archive = try ZipReading.open(bytes, limit: limit)
            for entry in archive.entries { _ = try archive.bytes(of: entry) }
            return nil
        } catch {
            return error
        }
    }

    static let names: [(String, ArchiveError.Flaw)] = [
        ("/etc/pass", .absolute), ("../../etc", .leadsUp), ("a/../../b", .leadsUp), ("aaaaaa/..", .leadsUp),
        ("a/./bbbbb", .leadsUp), ("././aaaaa", .leadsUp), (".//etc/pa", .empty), ("a//bbbbbb", .empty),
        ("aaaaaaa//", .empty), ("aaaa\u{0}bbbb", .zeroByte), ("..\\..\\win", .backslash), ("aaaa\\bbbb", .backslash),
    ]

    @Test(arguments: names) func badNames(_ name: String, _ flaw: ArchiveError.Flaw) throws {
        var sample = try Sample()
        sample.rename(to: Array(name.utf8))
        #expect(Self.problem(sample.bytes) == .badName(name, flaw))
    }

    @Test func namesThatAreNotText() throws {
        var sample = try Sample()
        sample.rename(to: Array("some/fil".utf8) + [0xff])
        #expect(Self.problem(sample.bytes) == .badName("some/fil\u{fffd}", .notText))
    }

    @Test func aLeadingDotIsNoPartOfThePath() throws {
        var sample = try Sample()
        sample.rename(to: Array("./me/file".utf8))
        #expect(try ZipReading.open(sample.bytes).entries.map(\.path) == ["me/file"])
    }

    /// What is changed in the record of the directory, from which byte on, and what is said then.
    static let records: [(Int, [UInt8], ArchiveError)] = [
        (0, [0], .badDirectory), (8, [1], .encrypted("some/file")), (8, [0x40], .encrypted("some/file")),
        (9, [0x20], .encrypted("some/file")), (10, [9], .unknownMethod("some/file", 9)),
        (10, [99], .unknownMethod("some/file", 99)), (24, [7], .wrongSize("some/file")),
        (20, [0xff, 0xff, 0xff, 0xff], .zip64), (24, [0xff, 0xff, 0xff, 0xff], .zip64),
        (42, [0xff, 0xff, 0xff, 0xff], .zip64), (34, [1], .inSeveralParts), (28, [200], .badDirectory),
        (30, [1], .badDirectory), (32, [1], .badDirectory),
        // A device, a directory and a link by mode, each under the name of a file; the link's target is its contents.
        (38, [0, 0, 0xa4, 0x21], .unknownKind("some/file")), (38, [0, 0, 0xed, 0x41], .unknownKind("some/file")),
        (42, [1], .headersDiffer("some/file")), (42, [250], .overlap("some/file")),
        (16, [0], .headersDiffer("some/file")),
        (20, [9, 0, 0, 0, 9], .overlap("some/file")), (20, [7, 0, 0, 0, 7], .headersDiffer("some/file")),
        (46, [0x53], .headersDiffer("Some/file")),
    ]

    @Test(arguments: records) func badRecords(_ offset: Int, _ values: [UInt8], _ error: ArchiveError) throws {
        var sample = try Sample()
        sample.put(values, at: sample.central + offset)
        #expect(Self.problem(sample.bytes) == error)
    }

    /// The same for the record at the end.
    static let ends: [(Int, [UInt8], ArchiveError)] = [
        (0, [0], .truncated), (4, [1], .inSeveralParts), (6, [1], .inSeveralParts), (8, [2], .inSeveralParts),
        (8, [2, 0, 2], .badDirectory), (8, [0, 0, 0], .badDirectory), (12, [1], .badDirectory),
        (16, [1], .badDirectory), (12, [0xff, 0xff, 0xff, 0xff], .zip64), (16, [0xff, 0xff, 0xff, 0xff], .zip64),
        (20, [1], .truncated),
    ]

    @Test(arguments: ends) func badEnds(_ offset: Int, _ values: [UInt8], _ error: ArchiveError) throws {
        var sample = try Sample()
        sample.put(values, at: sample.end + offset)
        #expect(Self.problem(sample.bytes) == error)
    }

    @Test func whatIsNoArchive() {
        #expect(Self.problem([]) == .notAnArchive)
        #expect(Self.problem(Array("#!/bin/sh\n".utf8)) == .notAnArchive)
    }

    @Test func bytesBeforeTheArchive() throws {
        #expect(Self.problem([0] + (try Sample().bytes)) == .badDirectory)
    }

    @Test func changedContents() throws {
        var sample = try Sample()
        sample.bytes[30 + sample.name.count] ^= 1
        #expect(Self.problem(sample.bytes) == .wrongCheckSum("some/file"))
    }

    /// Packed contents whose declared sizes are set as told.
    private static func packed(_ text: [UInt8], size: Int) throws -> [UInt8] {
        var sample = try Sample("bomb", text)
        let declared = (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
        sample.put([8], at: 8)
        sample.put([8], at: sample.central + 10)
        sample.put(declared, at: 22)
        sample.put(declared, at: sample.central + 24)
        return sample.bytes
    }

    @Test func bombs() throws {
        let honest = try Self.packed(Inflating.bomb, size: 1_000_000)
        #expect(Self.problem(honest, limit: 999_999) == .tooLarge(limit: 999_999))
        // Its check sum is that of the packed text: all of it was unpacked.
        #expect(Self.problem(honest, limit: 1_000_000) == .wrongCheckSum("bomb"))
        #expect(Self.problem(try Self.packed(Inflating.bomb, size: 10)) == .wrongSize("bomb"))
        #expect(Self.problem(try Self.packed(Inflating.bomb, size: 2_000_000), limit: 3_000_000) == .wrongSize("bomb"))
    }

    @Test func packedTextsThatAreBad() throws {
        #expect(Self.problem(try Self.packed([0x06], size: 1)) == .badData("bomb", .badBlock))
        #expect(Self.problem(try Self.packed([0x63, 0x00], size: 6)) == .badData("bomb", .ended))
        // Something behind the packed text.
        #expect(Self.problem(try Self.packed([0x63, 0x00, 0x03, 0x00, 0x00], size: 6)) == .wrongSize("bomb"))
    }

    @Test func entriesThatShareTheirBytes() throws {
        var writer = ZipWriter()
        try writer.addFile("same", Array("contents".utf8), isExecutable: false)
        try writer.addFile("same2", Array("contents".utf8), isExecutable: false)
        var bytes = try writer.finish()
        // The second record becomes a copy of the first under the same name, and so at the same place.
        let first = (30 + 4 + 8) + (30 + 5 + 8)
        let second = first + 46 + 4
        for offset in 42..<46 { bytes[second + offset] = bytes[first + offset] }
        #expect(Self.problem(bytes) == .headersDiffer("same2"))

        // Its name is in the extra field of neither, so only the places tell: inside the first one's contents.
        var inner = try Sample("inner", Array("x".utf8))
        let hidden = Array(inner.bytes[..<(30 + 5 + 1)])
        writer = ZipWriter()
        try writer.addFile("outer", hidden, isExecutable: false)
        try writer.addFile("inner", Array("x".utf8), isExecutable: false)
        bytes = try writer.finish()
        let record = (30 + 5 + hidden.count) + (30 + 5 + 1) + 46 + 5
        inner.put([35, 0, 0, 0], at: inner.central + 42)
        for offset in 42..<46 { bytes[record + offset] = inner.bytes[inner.central + offset] }
        #expect(Self.problem(bytes) == .overlap("inner"))
    }

    @Test func namesThatCannotBothBe() throws {
        func archive(_ first: String, _ second: String, _ third: String) throws -> [UInt8] {
            var writer = ZipWriter()
            try writer.addFile(first, [], isExecutable: false)
            // The writer would refuse the pair too: the name is put in after.
            try writer.addFile("Q" + second.dropFirst(), [], isExecutable: false)
            try writer.addFile(third, [], isExecutable: false)
            return try writer.finish().map { $0 == UInt8(ascii: "Q") ? second.utf8.first! : $0 }
        }
        #expect(Self.problem(try archive("a", "a", "z")) == .collision("a"))
        #expect(Self.problem(try archive("a", "a/b", "z")) == .collision("a/b"))
        // Names that sort between the two.
        #expect(Self.problem(try archive("a", "a/b", "a!")) == .collision("a/b"))
        #expect(Self.problem(try archive("a", "a/b/c", "a.b")) == .collision("a/b/c"))
        #expect(Self.problem(try archive("a", "ab/c", "a.b")) == nil)
    }

    @Test func nothingIsBelowALink() throws {
        var writer = ZipWriter()
        try writer.addSymlink("l", target: "d")
        try writer.addFile("Q/x", [], isExecutable: false)
        let bytes = try writer.finish().map { $0 == UInt8(ascii: "Q") ? UInt8(ascii: "l") : $0 }
        #expect(Self.problem(bytes) == .collision("l/x"))
    }

    static let targets: [(String, String, isFine: Bool)] = [
        ("l", "x", true), ("l", "a/b/./c", true), ("l", ".", true), ("a/l", "..", true), ("a/l", "../b", true),
        ("a/b/l", "../../c", true), ("a/l", "./../b/", true), ("l", "..x/...", true),
        ("l", "/etc", false), ("l", "..", false), ("l", "../x", false), ("a/l", "../../x", false),
        ("a/l", ".././../x", false), ("l", "a/../../x", false),
        // Where this leads depends on what a is: through a link to the root, it leads out.
        ("l", "a/..", false), ("a/l", "../b/../c", false), ("l", "a\u{0}b", false), ("l", "", false),
    ]

    @Test(arguments: targets) func targetsOfLinks(_ path: String, _ target: String, _ isFine: Bool) throws {
        var sample = try Sample(path, Array(target.utf8))
        sample.put([0, 0, 0xff, 0xa1], at: sample.central + 38)
        #expect(Self.problem(sample.bytes) == (isFine ? nil : .badTarget(path)))
    }

    @Test func aTargetLongerThanAPath() throws {
        var sample = try Sample("l", [UInt8](repeating: UInt8(ascii: "x"), count: 4096))
        sample.put([0, 0, 0xff, 0xa1], at: sample.central + 38)
        #expect(Self.problem(sample.bytes) == .badTarget("l"))
    }
}
