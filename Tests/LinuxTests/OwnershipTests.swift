// What belongs to whom: directories of living owners, sockets under a public name, paths that others have a say in.

import Glibc
import Testing

@testable import Linux

@Suite struct Ownership {
    private final class Place: Sendable {
        let path = "/tmp/martlet-ownership-\(getpid())-\(UInt64.random(in: 0..<UInt64.max))"
        init() throws { try Files.makeDirectory(path, mode: 0o700) }
        deinit { try? Trees.remove(path) }
    }

    private let place: Place
    private func open() throws -> FileDescriptor { try Files.open(place.path, .directory) }

    init() throws { place = try Place() }

    // MARK: directories

    @Test func aDirectoryIsRemovedWhenItsOwnerIsGoneAndNotBefore() throws {
        let parent = try open()
        let owned = try LockedDirectory(in: Directory(parent)) { "d\($0)" }
        let isClear = LockedDirectory.removeAbandoned(in: parent) { _ in true }
        #expect(!isClear)
        #expect(Files.exists("\(place.path)/d0"))
        // Nor does another owner get its name.
        let other = try LockedDirectory(in: Directory(parent)) { "d\($0)" }
        let name = other.name
        #expect(name == "d1")
        _ = consume owned
        _ = consume other
        let isClearNow = LockedDirectory.removeAbandoned(in: parent) { _ in true }
        #expect(isClearNow)
        #expect(try Files.names(in: place.path) == [])
    }

    @Test func aTreeIsRemovedAndWhatItsLinksLeadToStays() throws {
        try Files.makeDirectories("\(place.path)/tree/inner/deeper")
        try Files.makeDirectories("\(place.path)/elsewhere/kept")
        try Files.makeLink("\(place.path)/tree/inner/way", to: "\(place.path)/elsewhere", in: .working)
        try Files.makeLink("\(place.path)/link", to: "\(place.path)/elsewhere", in: .working)
        try Trees.remove("\(place.path)/tree")
        #expect(throws: SystemError.self) { try Trees.remove("\(place.path)/link") }
        #expect(try Files.names(in: place.path).sorted() == ["elsewhere", "link"])
        #expect(try Files.names(in: "\(place.path)/elsewhere") == ["kept"])
    }

    /// Somebody exchanges directories for links, again and again, while they are removed.
    @Test func aDirectoryThatIsExchangedForALinkLeadsNowhere() throws {
        let path = place.path
        try Files.makeDirectories("\(path)/victim/precious")
        let exchanger = try Spawn.start(
            "/bin/sh",
            arguments: [
                "sh", "-c",
                "cd \(path) && ln -s victim link && while :; do mv -T link tree/a/x 2>/dev/null; mv -T tree/a/x link; done",
            ],
            environment: ["PATH=/usr/bin:/bin"], streams: [(try Files.open("/dev/null", .readWrite).release(), 2)])
        for _ in 0..<200 {
            try? Files.makeDirectories("\(path)/tree/a/b/c")
            try? Trees.remove("\(path)/tree")
        }
        kill(exchanger, SIGKILL)
        _ = try Processes.wait(for: exchanger)
        #expect(try Files.names(in: "\(path)/victim") == ["precious"])
    }

    // MARK: paths

    @Test func aPathThatOthersCanChangeIsNotTrusted() throws {
        try Files.makeDirectories("\(place.path)/own/state")
        _ = try Files.openTrusted("\(place.path)/own/state")
        _ = try Files.makeTrusted("\(place.path)/own/more/below")
        // The last one, and one on the way.
        for (path, mode) in [("own/state", 0o770), ("own", 0o757), ("own/state", 0o757)] as [(String, mode_t)] {
            #expect(unsafe chmod("\(place.path)/\(path)", mode) == 0)
            #expect(throws: SystemError.self, "\(path) \(mode)") {
                _ = try Files.openTrusted("\(place.path)/own/state")
            }
            #expect(throws: SystemError.self) { _ = try Files.makeTrusted("\(place.path)/own/state/new/x") }
            #expect(!Files.exists("\(place.path)/own/state/new"))
            #expect(unsafe chmod("\(place.path)/\(path)", 0o755) == 0)
        }
        // Nobody but root and the owner of an entry can exchange that in a sticky directory.
        #expect(unsafe chmod("\(place.path)/own", 0o1777) == 0)
        _ = try Files.openTrusted("\(place.path)/own/state")
    }

    @Test(.enabled(if: getuid() == 0, "needs root")) func aPathThroughWhatIsAnothersIsNotTrusted() throws {
        try Files.makeDirectories("\(place.path)/theirs/state")
        try Files.makeLink("\(place.path)/link", to: "theirs/state", in: .working)
        _ = try Files.openTrusted("\(place.path)/link")
        let theirs = try Files.open("\(place.path)/theirs", .directory)
        try Files.changeOwner(of: theirs.raw, to: 12_345)
        for path in ["theirs", "theirs/state", "link", "theirs/../theirs/state"] {
            #expect(throws: SystemError.self, "\(path)") { _ = try Files.openTrusted("\(place.path)/\(path)") }
        }
        try Files.changeOwner(of: theirs.raw, to: 0)
        _ = try Files.openTrusted("\(place.path)/link")
        #expect(unsafe lchown("\(place.path)/link", 12_345, 12_345) == 0)
        #expect(throws: SystemError.self) { _ = try Files.openTrusted("\(place.path)/link") }
    }

    // MARK: words in common

    @Test func wordsAreSharedAndTheirFileKeepsItsSize() throws {
        let words = try SharedWords(1000, named: "test")
        let file = try #require(words.file)
        let others = try SharedWords(reading: file, count: 1000)
        words[999] = 42
        #expect(others[999] == 42 && others[0] == 0)
        #expect(throws: SystemError.self) { try FileRegions.setSize(file, 0) }
        #expect(throws: SystemError.self) { _ = try SharedWords(reading: file, count: 1001) }
        let loose = try MemoryFile.make(named: "loose")
        try FileRegions.setSize(loose.raw, 8000)
        #expect(throws: SystemError.self) { _ = try SharedWords(reading: loose.raw, count: 1000) }
    }
}
