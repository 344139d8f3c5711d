// Code from anyone, into a directory of ours: what comes out of it, and that what leads elsewhere leaves nothing.

import Archive
import Lambda
import Linux
import Testing
import Wire

@testable import Environments

@Suite struct Unpackings {
    let place: Temporary
    var target: String { "\(place.path)/content" }

    init() throws { place = try Temporary() }

    private func unpack(_ code: Deployment.Tree, layers: [Deployment.Tree]? = nil) throws -> ContentFigures {
        var deployment = try Deployment(json: .object([]))
        (deployment.code, deployment.layers) = (code, layers)
        return try Unpacking.unpack(deployment, to: target).get()
    }

    private func zip(_ add: (inout ZipWriter) throws -> Void) throws -> [UInt8] {
        var writer = ZipWriter()
        try add(&writer)
        return try writer.finish()
    }

    @Test func filesOfBothKinds() throws {
        let archive = try zip {
            try $0.addFile("bootstrap", Array("#!/bin/sh\n".utf8), isExecutable: true)
            try $0.addFile("lib/data", [1, 2], isExecutable: false)
            try $0.addDirectory("empty")
            try $0.addSymlink("link", target: "lib/data")
        }
        let layer = try zip {
            try $0.addFile("extensions/one", [1], isExecutable: true)
            try $0.addFile("extensions/text", [1], isExecutable: false)
            try $0.addFile("extensions/folder/x", [1], isExecutable: true)
        }
        let files = Deployment.Tree.files([("extensions/two", "#!/bin/sh\n"), ("bootstrap", "#!x")])
        let figures = try unpack(.zip(archive), layers: [.zip(layer), files])
        #expect(try Files.read("\(target)/code/lib/data", limit: 10) == [1, 2])
        #expect(try Files.readLink("\(target)/code/link") == "lib/data")
        #expect(try Files.names(in: "\(target)/code/empty").isEmpty)
        let bootstrap = try Files.open("\(target)/code/bootstrap")
        #expect(try Files.kind(of: bootstrap.raw).permissions == 0o755)
        #expect(figures.extensions == ["one", "two"])
        #expect(figures.bootstrap == "/var/task/bootstrap")
        #expect(figures.layers == 2 && figures.size == archive.count)
    }

    @Test func theBootstrapMayBeInALayer() throws {
        #expect(try unpack(.files([("a", "")]), layers: [.files([("bootstrap", "")])]).bootstrap == "/opt/bootstrap")
    }

    @Test func theDigestIsThatOfTheArchive() throws {
        let archive = try zip { try $0.addFile("a", [1], isExecutable: false) }
        let figures = try unpack(.zip(archive))
        #expect(figures.sha256 == String(decoding: Base64.encode(SHA256.digest(of: archive)), as: UTF8.self))
    }

    /// An entry whose name, or target, is changed behind the writer's back to one of the same length.
    private func forged(_ old: String, _ new: String, _ add: (inout ZipWriter) throws -> Void) throws -> [UInt8] {
        #expect(old.utf8.count == new.utf8.count)
        var bytes = try zip(add)
        let (from, to) = (Array(old.utf8), Array(new.utf8))
        for start in 0...(bytes.count - from.count) where Array(bytes[start..<start + from.count]) == from {
            bytes.replaceSubrange(start..<start + from.count, with: to)
        }
        return bytes
    }

    @Test(arguments: [
        ("aa/bbbb", "../bbbb"), ("aaaaaaa", "/etc/xx"), ("aa/bbbb", "aa/../b"), ("aaaaaaa", "a\u{0}aaaaa"),
        ("aaaaaaa", "a\\..\\aa"), ("aa/bbbb", "aa//bbb"),
    ]) func namesThatLeadOut(_ name: String, _ wrong: String) throws {
        let archive = try forged(name, wrong) { try $0.addFile(name, [1], isExecutable: false) }
        refused(archive)
    }

    @Test func namesThatCollide() throws {
        refused(
            try forged("bbb", "aaa") {
                try $0.addFile("aaa", [1], isExecutable: false)
                try $0.addFile("bbb", [1], isExecutable: false)
            })
        // Through a link that was there before.
        refused(
            try forged("bbb/c", "aaa/c") {
                try $0.addSymlink("aaa", target: ".")
                try $0.addFile("bbb/c", [1], isExecutable: false)
            })
    }

    @Test func archivesThatAreDamaged() throws {
        let archive = try zip { try $0.addFile("name", Array("contents".utf8), isExecutable: false) }
        refused([])
        refused(Array(archive.dropLast()))
        refused(Array(archive.dropFirst()))
        refused([UInt8](repeating: 0, count: 100))
        var changed = archive
        changed[34] ^= 1
        refused(changed)
    }

    @Test func filesThatCannotBeWritten() throws {
        // Deployment refuses these; what does not come through it leaves nothing either.
        guard case .failure = Result(catching: { try unpack(.files([("a", ""), ("a/b", "")])) }) else {
            Issue.record("a file was a directory")
            return
        }
        #expect(!Files.exists(target))
    }

    private func refused(_ archive: [UInt8], _ line: SourceLocation = #_sourceLocation) {
        do {
            _ = try unpack(.zip(archive))
            Issue.record("it was unpacked", sourceLocation: line)
        } catch FunctionStore.Failure.invalid(let message) {
            #expect(message.hasPrefix("the code is not a zip that can be used: "), sourceLocation: line)
            // Nothing of the host is told.
            #expect(!message.contains(place.path), sourceLocation: line)
        } catch {
            Issue.record("another reason: \(error)", sourceLocation: line)
        }
        #expect(!Files.exists(target), sourceLocation: line)
        #expect((try? Files.names(in: place.path)) == [], sourceLocation: line)
    }
}
