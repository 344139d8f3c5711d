// Images on the disk: whose they are, that they outlive the engine, and that one which is bad in any way is refused with
// a reason, never run, and made anew while the function is served.

import Archive
import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct ImageTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        /// What the reason has in it.
        let reason: String
        /// Of the directory of the image, and of another function's.
        let harm: @Sendable (String, String) throws -> Void
        var testDescription: String { name }
    }

    private static func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try HostFiles.read(path)
        body(&bytes)
        try HostFiles.write(bytes, to: path, mode: 0o600)
    }

    /// With the digest that belongs to it then.
    private static func reseal(_ bytes: inout [UInt8]) {
        bytes.replaceSubrange(20..<52, with: SHA256.digest(of: Array(bytes[52...])))
    }

    static let damages = [
        Damage(name: "plan-truncated", reason: "it is not whole") { image, _ in
            try change("\(image)/plan") { $0.removeLast(100) }
        },
        Damage(name: "plan-empty", reason: "it is no snapshot") { image, _ in
            try change("\(image)/plan") { $0 = [] }
        },
        Damage(name: "plan-flipped", reason: "its digest is wrong") { image, _ in
            try change("\(image)/plan") { $0[$0.count / 2] ^= 4 }
        },
        Damage(name: "pages-truncated", reason: "its pages are not all there") { image, _ in
            try change("\(image)/pages") { $0.removeLast(4096) }
        },
        Damage(name: "pages-flipped", reason: "the pages, which are not what they were") { image, _ in
            try change("\(image)/pages") { $0[$0.count / 2] ^= 4 }
        },
        Damage(name: "foreign", reason: "it is no snapshot") { image, _ in
            try change("\(image)/plan") { $0 = Array(repeating: 0x7f, count: 100_000) }
        },
        Damage(name: "another-version", reason: "its format is 99") { image, _ in
            try change("\(image)/plan") { $0[8] = 99 }
        },
        Damage(name: "another-kernel", reason: "another kernel") { image, _ in
            try change("\(image)/plan") { bytes in
                // The first text of the plan: behind its length.
                bytes[52 + 4] ^= 1
                reseal(&bytes)
            }
        },
        Damage(name: "another-function", reason: "other code") { image, other in
            for file in ["plan", "pages"] {
                try HostFiles.write(try HostFiles.read("\(other)/\(file)"), to: "\(image)/\(file)", mode: 0o600)
            }
        },
    ]

    /// Made when a process is initialised: whoever was restored from an image has that of the image.
    private static let code = """
        import uuid
        own = str(uuid.uuid4())
        def handler(event, context):
            return own
        """

    private func deploy(_ name: String, to server: ServerUnderTest) throws {
        try server.deploy(
            name, runtime: "python3.11", handler: "main.handler", files: [("main.py", Self.code)],
            [("snapshot", .bool(true))])
        let made = try server.request("POST", "/v1/functions/\(name)/snapshot")
        try #require(made.status == 201, "\(made.text)")
    }

    private static func restored(_ name: String, _ server: ServerUnderTest) throws -> Answer {
        try server.invoke(name, "{}", [("Martlet-Start", "restore")])
    }

    private static func image(of name: String, _ server: ServerUnderTest) throws -> String {
        let directory = "\(server.state)/snapshots"
        let own = HostFiles.names(in: directory).filter { $0.hasPrefix("\(name)@") }
        return "\(directory)/\(try #require(own.first))"
    }

    @Test func imagesAreRootsAlone() throws {
        let server = try ServerUnderTest()
        try deploy("whose", to: server)
        let image = try Self.image(of: "whose", server)
        for (path, mode) in [("\(server.state)/snapshots", 0o40700), (image, 0o40700)] as [(String, mode_t)] {
            try expect(path, mode)
        }
        for file in ["plan", "pages"] { try expect("\(image)/\(file)", 0o100600) }
        try server.end()
    }

    private func expect(_ path: String, _ mode: mode_t) throws {
        var about = stat()
        try #require(unsafe lstat(path, &about) == 0)
        #expect(about.st_mode == mode && about.st_uid == 0, "\(path): \(String(about.st_mode, radix: 8))")
    }

    @Test func theyOutliveTheEngineAndDraftsDoNot() throws {
        let first = try ServerUnderTest()
        try deploy("lasting", to: first)
        let before = try Self.restored("lasting", first)
        #expect(before.reply.field("martlet-started") == "restored")
        try first.end(keeping: true)
        let draft = "\(first.state)/snapshots/.lasting@x.77"
        try HostFiles.makeDirectory(draft, mode: 0o700)
        try HostFiles.write("half", to: "\(draft)/pages")

        let second = try ServerUnderTest(after: first.place)
        let after = try Self.restored("lasting", second)
        #expect(after.reply.field("martlet-started") == "restored", "\(after)")
        #expect(after.text == before.text && !HostFiles.exists(draft))
        try second.end()
    }

    /// What had been loaded of the old one is not what the new one's clones come from.
    @Test func oneThatIsMadeAgainTakesThePlaceOfTheOther() throws {
        let server = try ServerUnderTest()
        try deploy("again", to: server)
        let before = try Self.restored("again", server)
        #expect(before.reply.field("martlet-started") == "restored", "\(before)")
        let made = try server.request("POST", "/v1/functions/again/snapshot")
        try #require(made.status == 201, "\(made.text)")
        let after = try Self.restored("again", server)
        #expect(after.reply.field("martlet-started") == "restored", "\(after)")
        #expect(after.text != before.text, "it comes from the image that there was")
        try server.end()
    }

    @Test func whatIsBadIsRefusedAndMadeAnew() throws {
        let first = try ServerUnderTest()
        var originals: [String: String] = [:]
        for name in Self.damages.map(\.name) + ["other"] {
            try deploy(name, to: first)
            originals[name] = try Self.restored(name, first).text
        }
        try first.end(keeping: true)
        for damage in Self.damages {
            try damage.harm(try Self.image(of: damage.name, first), try Self.image(of: "other", first))
        }

        let second = try ServerUnderTest(["--log", "text"], after: first.place)
        for damage in Self.damages {
            let answer = try second.invoke(damage.name)
            #expect(!answer.isError && answer.text.count == 38, "\(damage.name): \(answer)")
            #expect(answer.text != originals[damage.name], "\(damage.name): it ran from an image that is bad")
            #expect(answer.text != originals["other"], "\(damage.name): it ran from another function's image")
        }
        #expect(try Self.restored("other", second).text == originals["other"])
        for damage in Self.damages {
            let anew = try restoredAnew(damage.name, second)
            #expect(!anew.isError && anew.text != originals[damage.name] && anew.text != originals["other"])
        }
        let outcome = try second.end()
        let lines = outcome.errors.split(separator: "\n")
        for damage in Self.damages {
            let own = lines.filter { $0.contains(damage.name) && $0.contains("made anew") }
            #expect(own.contains { $0.contains(damage.reason) }, "\(damage.name): \(own)")
            let told = lines.filter { $0.contains(damage.name) && $0.contains(damage.reason) }
            #expect(told.count == 1, "\(damage.name): \(told)")
        }
    }

    /// As soon as it is there again.
    private func restoredAnew(_ name: String, _ server: ServerUnderTest) throws -> Answer {
        let deadline = ContinuousClock().now + .seconds(20) * Binaries.patience
        while true {
            let answer = try Self.restored(name, server)
            if answer.reply.field("martlet-started") == "restored" { return answer }
            try #require(ContinuousClock().now < deadline, "\(name) is not made anew: \(answer)")
            usleep(50_000)
        }
    }
}
