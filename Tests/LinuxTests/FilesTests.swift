import Glibc
import Linux
import Testing

/// A directory that goes when the test ends.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = "/tmp/martlet-test-\(getpid())-\(UInt64.random(in: 0..<UInt64.max))"
        try Files.makeDirectory(path, mode: 0o700)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        for name in (try? Files.names(in: path)) ?? [] {
            let child = "\(path)/\(name)"
            if (try? Files.remove(child)) == nil { remove(child) }
        }
        try? Files.removeDirectory(path)
    }
}

@Suite struct FileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func write(_ name: String, _ text: String) throws -> String {
        let path = "\(directory.path)/\(name)"
        let file = try Files.open(path, [.write, .create])
        try Files.write(Array(text.utf8), to: file.raw, named: path)
        return path
    }

    @Test func readBackWhatWasWritten() throws {
        let path = try write("a", String(repeating: "martlet ", count: 2000))
        #expect(try Files.readText(path) == String(repeating: "martlet ", count: 2000))
    }

    @Test func refuseToReadMoreThanTheLimit() throws {
        let path = try write("a", "123456")
        #expect(try Files.read(path, limit: 6).count == 6)
        #expect(throws: SystemError(call: "read", subject: path, code: EFBIG)) { try Files.read(path, limit: 5) }
    }

    @Test func makeDirectoriesMakesThoseAbove() throws {
        let path = "\(directory.path)/a/b/c"
        try Files.makeDirectories(path)
        try Files.makeDirectories(path)
        #expect(Files.exists(path))
    }

    @Test func makeDirectoriesDoesNotTakeAFileForOne() throws {
        let path = try write("a", "")
        #expect(throws: SystemError.self) { try Files.makeDirectories("\(path)/b") }
    }

    @Test func noFollowRefusesALink() throws {
        let parent = try Files.open(directory.path, [.directory])
        try Files.makeLink("link", to: "/etc/passwd", in: Directory(parent))
        #expect(throws: SystemError.self) { _ = try Files.open("link", in: Directory(parent), [.noFollow]) }
    }

    @Test func openDirectoryDoesNotFollowMagicLinks() throws {
        #expect(throws: SystemError.self) { _ = try Files.openDirectory("/proc/self/root") }
        #expect(throws: SystemError.self) { _ = try Files.openDirectory("/proc/self/cwd") }
    }

    @Test func kindsAreToldApart() throws {
        let file = try Files.open(try write("a", ""))
        #expect(try Files.kind(of: file.raw).kind == .file)
        let null = try Files.open("/dev/null")
        #expect(try Files.kind(of: null.raw).kind == .characterDevice)
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        #expect(try Files.kind(of: reader).kind == .pipe(anonymous: true))
        close(reader)
        close(writer)
    }
}
