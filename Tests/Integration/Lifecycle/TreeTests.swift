// Code, layers and roots, as they appear inside.

import IntegrationSupport
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
final class Trees {
    private let place: String

    init() throws { place = try HostFiles.makeTemporaryDirectory("martlet-trees") }
    deinit { HostFiles.remove(place) }

    private func directory(_ name: String, _ files: [String: String]) throws -> String {
        let path = "\(place)/\(name)"
        try HostFiles.makeDirectory(path)
        for (file, text) in files { try HostFiles.write(text, to: "\(path)/\(file)", mode: 0o755) }
        return path
    }

    @Test func codeStandsAtVarTask() throws {
        let code = try directory("code", ["run": "#!/bin/sh\necho from $0\n"])
        #expect(try Martlet("--code", code).exec("./run").run().output == "from ./run\n")
    }

    @Test func aLaterLayerLiesOverAnEarlierOne() throws {
        let first = try directory("l1", ["same": "first", "one": "1"])
        let second = try directory("l2", ["same": "second", "two": "2"])
        let outcome = try Martlet("--layer", first, "--layer", second).shell("cat /opt/same /opt/one /opt/two").run()
        #expect(outcome.output == "second12")
    }

    @Test(arguments: 1...5) func upToFiveLayersAreMerged(_ count: Int) throws {
        var martlet = Martlet()
        for index in 1...count {
            martlet.options += [
                "--layer", try directory("l\(index)", ["file\(index)": "\(index)", "top": "\(index)"]),
            ]
        }
        let outcome = try martlet.shell("cat /opt/file*; cat /opt/top").run()
        #expect(outcome.output == (1...count).map(String.init).joined() + "\(count)")
    }

    @Test func nothingButTmpCanBeWritten() throws {
        let code = try directory("code", [:])
        let layer = try directory("layer", [:])
        let outcome = try Martlet("--code", code, "--layer", layer).shell(
            "for d in / /var/task /opt /etc /dev /proc /usr/bin; do touch $d/x 2>/dev/null && echo $d; done; touch /tmp/x && echo tmp"
        ).run()
        #expect(outcome.output == "tmp\n")
        #expect(HostFiles.names(in: code).isEmpty)
    }

    @Test func filesOfTheHostsRootBelongToRootInside() throws {
        let code = try directory("code", ["f": ""])
        let outcome = try Martlet("--code", code).shell("stat -c %u /var/task/f").run()
        // Where the file system cannot map owners (9p), to nobody.
        #expect(["0\n", "65534\n"].contains(outcome.output))
    }

    @Test func aRootWithoutMountPointsIsCompleted() throws {
        // A root of one static program: no /proc, no /dev, no /var/task.
        let root = try directory("root", [:])
        try HostFiles.copy(Binaries.attacks, to: "\(root)/attacks")
        let outcome = try Martlet("--root", root).exec("/attacks", "list").run()
        #expect(outcome.status == 0, "\(outcome)")
        #expect(!outcome.output.isEmpty)
    }

    @Test func aPathOfTheHostIsNotFoundInside() throws {
        let outcome = try Martlet().exec("ls", place).run()
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("No such file"))
    }
}
