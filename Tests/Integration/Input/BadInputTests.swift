// Bad input: an error that a person can act on, an exit status of its own, and nothing left behind.

import IntegrationSupport
import Testing

@Suite struct BadInput {
    struct Mistake: Sendable, CustomTestStringConvertible {
        let options: [String]
        var command = ["/bin/true"]
        let status: Int32
        let words: [String]

        var testDescription: String { (options + ["--"] + command).joined(separator: " ") }
    }

    static let commandLine = [
        Mistake(options: ["--memory", "0"], status: 64, words: ["--memory 0", "128 to 10240"]),
        Mistake(options: ["--memory", "127"], status: 64, words: ["--memory 127", "128 to 10240"]),
        Mistake(options: ["--memory", "10241"], status: 64, words: ["--memory 10241", "128 to 10240"]),
        Mistake(options: ["--memory", "lots"], status: 64, words: ["--memory lots", "whole number"]),
        Mistake(options: ["--memory", "-1"], status: 64, words: ["--memory -1"]),
        Mistake(options: ["--memory", "99999999999999999999"], status: 64, words: ["128 to 10240"]),
        Mistake(options: ["--tmp", "0"], status: 64, words: ["--tmp 0", "1 to 10240"]),
        Mistake(options: ["--timeout", "soon"], status: 64, words: ["--timeout soon", "seconds"]),
        Mistake(options: ["--timeout", "-1"], status: 64, words: ["--timeout -1"]),
        Mistake(options: ["--timeout", "nan"], status: 64, words: ["--timeout nan"]),
        Mistake(options: ["--net", "host"], status: 64, words: ["--net host", "--net none"]),
        Mistake(options: ["--env", "NOVALUE"], status: 64, words: ["NOVALUE", "NAME=VALUE"]),
        Mistake(options: ["--waive", "gravity"], status: 64, words: ["gravity", "memory, cpu, pids"]),
        Mistake(options: ["--without", "everything"], status: 64, words: ["everything", "seccomp"]),
        Mistake(
            options: ["--runtime", "provided", "--root", "/"], status: 64,
            words: ["--runtime", "--root", "one of them"]),
        Mistake(options: ["--fast"], status: 64, words: ["--fast", "exec --help"]),
        Mistake(options: ["--json=yes"], status: 64, words: ["yes"]),
        Mistake(options: ["--cgroup", "../x"], status: 64, words: ["--cgroup ../x"]),
        Mistake(options: [], command: [], status: 64, words: ["no command"]),
        Mistake(
            options: (1...6).flatMap { ["--layer", "/l\($0)"] }, status: 64, words: ["6 layers", "at most 5"]),
        Mistake(options: ["--layer", "/l", "--layer", "/l"], status: 64, words: ["/l", "twice"]),
        Mistake(options: ["--env", "A=1"], command: [""], status: 64, words: ["no command"]),
    ]

    /// The root comes after the rights.
    static let runtimes = [
        Mistake(options: ["--runtime", "cobol"], status: 66, words: ["cobol", "runtime"]),
        Mistake(options: ["--runtime", "../../etc"], status: 66, words: ["no runtime"]),
        Mistake(options: ["--runtime", ".."], status: 66, words: ["no runtime"]),
        Mistake(options: ["--runtime", ""], status: 66, words: ["no runtime"]),
    ]

    /// Needs no rights: wrong words are found before anything is done.
    @Test(arguments: commandLine) func wrongWordsAreNamed(_ mistake: Mistake) throws {
        try check(mistake)
    }

    private func check(_ mistake: Mistake) throws {
        let outcome = try Martlet().program(["exec"] + mistake.options + ["--"] + mistake.command).run()
        #expect(outcome.status == mistake.status, "\(outcome)")
        #expect(outcome.output.isEmpty)
        for word in mistake.words { #expect(outcome.errors.contains(word), "\(outcome)") }
        #expect(outcome.errors.hasPrefix("martlet: "))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test(arguments: [["frobnicate"], ["exec", "--memory"], ["doctor", "now"]])
    func otherWrongWordsToo(_ words: [String]) throws {
        let outcome = try Martlet().program(words).run()
        #expect(outcome.status == 64, "\(outcome)")
        #expect(!outcome.errors.isEmpty)
    }

    static let missing = [
        Mistake(options: ["--root", "/no/such/root"], status: 66, words: ["root", "/no/such/root", "no such file"]),
        Mistake(options: ["--root", "/etc/passwd"], status: 66, words: ["/etc/passwd", "not a directory"]),
        Mistake(options: ["--layer", "/no/such/layer"], status: 66, words: ["layer", "/no/such/layer"]),
        Mistake(options: ["--layer", "/etc/passwd"], status: 66, words: ["layer", "/etc/passwd", "not a directory"]),
        Mistake(options: ["--code", "/no/such/code"], status: 66, words: ["code", "/no/such/code"]),
        Mistake(options: ["--root", "/proc/self/root"], status: 66, words: ["/proc/self/root"]),
        Mistake(options: [], command: ["no-such-command"], status: 127, words: ["no such command", "no-such-command"]),
        Mistake(options: [], command: ["/no/such/command"], status: 127, words: ["no such command"]),
        Mistake(options: [], command: ["/etc/passwd"], status: 126, words: ["/etc/passwd", "permission denied"]),
        Mistake(
            options: [], command: [String(repeating: "x", count: 9000)], status: 127, words: ["no such command", "…"]),
        Mistake(options: [], command: ["/usr"], status: 126, words: ["cannot execute /usr"]),
    ]

    @Test(.enabled(if: Binaries.isRoot, "needs root"), arguments: runtimes + missing) func whatIsMissingIsNamed(
        _ mistake: Mistake
    )
        throws
    {
        let before = Leftovers.now()
        try check(mistake)
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root")) func withoutRootItSaysSo() throws {
        // As nobody, from a copy that nobody may read.
        let place = try HostFiles.makeTemporaryDirectory("martlet-nobody")
        defer { HostFiles.remove(place) }
        try HostFiles.copy(Binaries.martlet, to: "\(place)/martlet")
        let outcome = try Program(
            [
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "\(place)/martlet", "exec",
                "--root", "/", "--", "true",
            ]
        ).run()
        #expect(outcome.status == 77, "\(outcome)")
        #expect(outcome.errors.contains("root"))
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        let line = "'\(Binaries.martlet)' exec -- /bin/echo \"$(printf '\\377')\""
        let outcome = try Program(["/bin/sh", "-c", line]).run()
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.errors.contains("UTF-8"))
    }

    @Test func aTerminalThatCannotBeWrittenToIsNoProblem() throws {
        let line = "'\(Binaries.martlet)' exec --memory 0 2</dev/null; echo $?"
        #expect(try Program(["/bin/sh", "-c", line]).run().output == "64\n")
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root")) func aRefusalIsAnObjectToo() throws {
        let outcome = try Martlet("--json", "--runtime", "cobol").exec("/bin/true").run()
        let figures = Figures(outcome)
        #expect(figures.number("exit") == 66)
        #expect(figures.text("reason") == "missing-input")
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root")) func aDirectoryAsInputIsRefused() throws {
        var program = Martlet().exec("/bin/true")
        let directory = try HostDirectory("/etc")
        program.inherited = [directory.descriptor: 0]
        let outcome = try program.run()
        #expect(outcome.status == 66, "\(outcome)")
        #expect(outcome.errors.contains("directory as a standard stream"))
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root"), arguments: ["MARTLET_RUN", "--run"])
    func aRunDirectoryThatCannotBeWrittenIsNamed(_ way: String) throws {
        let place = try Mounted("tmpfs", options: "ro")
        try refusesState(way, "\(place.path)/run", ["read-only file system", "--run"])
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root"), arguments: ["MARTLET_RUN", "--run"])
    func aFullDiskIsNamed(_ way: String) throws {
        let place = try Mounted("tmpfs", options: "nr_inodes=3")
        try refusesState(way, "\(place.path)/run", ["no space left on device", "--run"])
    }

    private func refusesState(_ way: String, _ path: String, _ words: [String]) throws {
        var martlet = Martlet()
        if way == "--run" { martlet.options = ["--run", path] } else { martlet.environment[way] = path }
        let before = Leftovers.now()
        let outcome = try martlet.exec("/bin/true").run()
        #expect(outcome.status == 73, "\(outcome)")
        for word in words { #expect(outcome.errors.contains(word), "\(outcome)") }
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root")) func aReadOnlyStateDirectoryIsEnoughToRun() throws {
        // Nothing is written to it: roots may come from an image.
        let place = try Mounted("tmpfs", options: "ro")
        let outcome = try Martlet("--state", place.path).exec("/bin/true").run()
        #expect(outcome.status == 66, "\(outcome)")
        #expect(outcome.errors.contains("scripts/roots"))
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root")) func longCommandLinesAreNoProblem() throws {
        let words = Array(repeating: String(repeating: "x", count: 1000), count: 300)
        let outcome = try Martlet().program(["exec", "--", "/bin/sh", "-c", "echo $#", "sh"] + words).run()
        #expect(outcome.output == "300\n", "\(outcome)")
    }

    @Test(.enabled(if: Binaries.isRoot, "needs root"), arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    func closedStandardStreamsAreNoProblem(_ closing: String) throws {
        let line = "'\(Binaries.martlet)' exec -- /bin/sh -c 'readlink /proc/self/fd/0; exit 3' \(closing)"
        var program = Program(["/bin/sh", "-c", line])
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        let outcome = try program.run()
        #expect(outcome.status == 3, "\(outcome)")
        if closing == "<&-" { #expect(outcome.output == "/dev/null\n") }
    }
}
