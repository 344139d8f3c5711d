import Archive
import Testing

@Suite struct ZipReading {
    static func open(_ bytes: [UInt8], limit: Int = 10_000) throws(ArchiveError) -> ZipReader {
        try ZipReader(bytes, limits: ZipReader.Limits(totalSize: limit))
    }

    @Test func anArchiveOfInfoZip() throws {
        let archive = try Self.open(RealArchives.infoZip)
        #expect(archive.entries.map(\.path) == ["index.py", "bootstrap", "lib", "lib/link", "lib/ü.txt", "empty"])
        #expect(
            archive.entries.map(\.kind) == [
                .file, .file, .directory, .symlink(target: "../index.py"), .file, .directory,
            ])
        #expect(archive.entries.map(\.isExecutable) == [false, true, true, true, false, true])
        #expect(archive.entries.map(\.size) == [1851, 20, 0, 11, 24, 0])
        let index = try archive.bytes(of: archive.entries[0])
        #expect(hexadecimal(SHA256.digest(of: index)) == RealArchives.digest)
        #expect(try archive.bytes(of: archive.entries[1]) == Array("#!/bin/sh\nexec true\n".utf8))
        #expect(try archive.bytes(of: archive.entries[4]) == Array("hello hello hello hello\n".utf8))
        #expect(try archive.bytes(of: archive.entries[5]) == [])
    }

    @Test func sizesThatFollowTheData() throws {
        let archive = try Self.open(RealArchives.stream)
        #expect(archive.entries.map(\.path) == ["one.txt", "two.txt"])
        #expect(try archive.bytes(of: archive.entries[0]) == Array("one one one one one one\n".utf8))
        #expect(try archive.bytes(of: archive.entries[1]) == Array("two\n".utf8))
    }

    @Test func anArchiveWithoutModes() throws {
        let archive = try Self.open(RealArchives.jar)
        #expect(archive.entries.map(\.path) == ["one.txt", "lib/ü.txt"])
        #expect(archive.entries.map(\.kind) == [.file, .file])
        #expect(archive.entries.map(\.isExecutable) == [false, false])
        #expect(try archive.bytes(of: archive.entries[1]) == Array("hello hello hello hello\n".utf8))
    }

    @Test func theLimitOfAllSizesIsExact() throws {
        _ = try Self.open(RealArchives.infoZip, limit: 1906)
        #expect(throws: ArchiveError.tooLarge(limit: 1905)) { try Self.open(RealArchives.infoZip, limit: 1905) }
    }

    @Test func entriesAndNamesHaveLimits() {
        #expect(throws: ArchiveError.tooManyEntries(5)) {
            try ZipReader(RealArchives.infoZip, limits: .init(totalSize: 10_000, entries: 5))
        }
        #expect(throws: ArchiveError.badName("bootstrap", .tooLong)) {
            try ZipReader(RealArchives.infoZip, limits: .init(totalSize: 10_000, nameLength: 8))
        }
    }

    @Test(arguments: [RealArchives.infoZip, RealArchives.stream, RealArchives.jar])
    func everyTruncationIsRefused(_ whole: [UInt8]) {
        for count in 0..<whole.count {
            #expect(throws: ArchiveError.self) { try Self.open(Array(whole[..<count])) }
        }
    }

    /// Whatever a changed byte means: no crash, and never more than was allowed.
    @Test(arguments: [RealArchives.infoZip, RealArchives.stream, RealArchives.jar])
    func changedBytesNeverCrash(_ whole: [UInt8]) {
        for position in whole.indices {
            for change in [UInt8(1), 0x80, 0xff] {
                var bytes = whole
                bytes[position] ^= change
                guard let archive = try? Self.open(bytes) else { continue }
                for entry in archive.entries {
                    if let contents = try? archive.bytes(of: entry) { #expect(contents.count == entry.size) }
                }
            }
        }
    }
}

@Suite struct ZipWriting {
    static func example() throws -> [UInt8] {
        var writer = ZipWriter()
        try writer.addFile("bootstrap", Array("#!/bin/sh\n".utf8), isExecutable: true)
        try writer.addDirectory("lib")
        try writer.addFile("lib/ü", [], isExecutable: false)
        try writer.addSymlink("lib/up", target: "../bootstrap")
        return try writer.finish()
    }

    @Test func whatIsWrittenIsRead() throws {
        let archive = try ZipReading.open(Self.example())
        #expect(archive.entries.map(\.path) == ["bootstrap", "lib", "lib/ü", "lib/up"])
        #expect(archive.entries.map(\.kind) == [.file, .directory, .file, .symlink(target: "../bootstrap")])
        #expect(archive.entries.map(\.isExecutable) == [true, true, false, true])
        #expect(try archive.bytes(of: archive.entries[0]) == Array("#!/bin/sh\n".utf8))
    }

    @Test func theSameTreeIsTheSameBytes() throws {
        let digest = "b4378aae379247d6938c1b8f961ca7b7f1ca761cc3c1bf6442ad036112501d03"
        #expect(try hexadecimal(SHA256.digest(of: Self.example())) == digest)
    }

    @Test func nothingIsAnArchiveToo() throws {
        #expect(try ZipReading.open(ZipWriter().finish()).entries.isEmpty)
    }

    @Test func whatTheReaderRefusesIsNotWritten() {
        var writer = ZipWriter()
        #expect(throws: ArchiveError.badName("../a", .leadsUp)) {
            try writer.addFile("../a", [], isExecutable: false)
        }
        #expect(throws: ArchiveError.badName("a/", .empty)) { try writer.addFile("a/", [], isExecutable: false) }
        #expect(throws: ArchiveError.badTarget("l")) { try writer.addSymlink("l", target: "../x") }
        #expect(throws: ArchiveError.collision("a/b")) {
            var writer = ZipWriter()
            try writer.addFile("a", [], isExecutable: false)
            try writer.addFile("a/b", [], isExecutable: false)
            _ = try writer.finish()
        }
    }
}
