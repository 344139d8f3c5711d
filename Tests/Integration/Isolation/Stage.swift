// What the attacks aim at, made on the host before the first and removed after the last: a secret in a file, a process that
// holds it too, a root, code and a layer with traps in them.

import Glibc
import IntegrationSupport
import Testing

final class Stage: Sendable {
    @TaskLocal static var current: Stage!

    let directory: String
    let victim: RunningProgram
    /// `key=value` for every attack, wherever it runs.
    let aims: [String]
    /// What whoever starts the engine has in its environment.
    let leak: String

    var root: String { directory + "/root" }
    var code: String { directory + "/code" }
    var layer: String { directory + "/layer" }
    var attacks: String { code + "/attacks" }

    init() throws {
        let directory = try HostFiles.makeTemporaryDirectory("martlet-isolation")
        self.directory = directory
        let token = "secret-\(UInt64.random(in: 0 ... .max))"
        leak = "leak-\(UInt64.random(in: 0 ... .max))"
        try Self.furnish(directory, token)

        let aims = ["token=\(token)", "secret=\(directory)/secret", "socket=\(directory)/socket"]
        let shared = ["root", "code", "layer"].map { "\(directory)/\($0)/shared" }.joined(separator: ",")
        var program = Program(
            [Binaries.attacks, "victim"] + aims
                + ["capable=\(directory)/layer/capable-attacks", "shared=\(shared)"])
        program.environment["TOKEN"] = token
        victim = try program.start()
        let said = try victim.firstLine().split(separator: " ").map(String.init)
        self.aims = try aims + said + ["leak=\(leak)", "writable=\(directory)/writable"] + Self.facts(directory)
    }

    func remove() {
        victim.finish()
        HostFiles.remove(directory)
    }

    private static func furnish(_ directory: String, _ token: String) throws {
        try HostFiles.write(token, to: directory + "/secret")
        try HostFiles.write(token, to: directory + "/writable", mode: 0o666)
        for name in ["root", "code", "layer"] {
            try HostFiles.makeDirectory("\(directory)/\(name)")
            // So that only the mount's being read-only keeps anybody from writing.
            try HostFiles.makeDirectory("\(directory)/\(name)/writable", mode: 0o777)
            try HostFiles.write(token, to: "\(directory)/\(name)/shared", mode: 0o644)
        }
        let places = ["proc", "dev", "sys", "tmp", "etc", "opt", "run", "var", "var/task", "var/tmp"]
        for name in places { try HostFiles.makeDirectory("\(directory)/root/\(name)") }
        unsafe chmod("\(directory)/root/tmp", 0o1777)

        try HostFiles.copy(Binaries.attacks, to: directory + "/code/attacks")
        try HostFiles.copy(Binaries.attacks, to: directory + "/root/attacks")
        try HostFiles.copy(Binaries.attacks, to: directory + "/layer/setuid-attacks", mode: 0o4755)
        try HostFiles.copy(Binaries.attacks, to: directory + "/layer/capable-attacks")
        try HostFiles.makeLink(directory + "/layer/absolute-link", to: directory + "/secret")
        try HostFiles.makeLink(
            directory + "/layer/relative-link",
            to: String(repeating: "../", count: 40) + directory.dropFirst() + "/secret")
    }

    /// What the attacks have to know of the host to tell it from the sandbox.
    private static func facts(_ directory: String) throws -> [String] {
        var name = [CChar](repeating: 0, count: 65)
        unsafe gethostname(&name, 64)
        var status = stat()
        unsafe stat(directory, &status)
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let boot = HostProcesses.text("/proc/sys/kernel/random/boot_id") ?? ""
        return [
            "hostname=\(host)", "disk=\(status.st_dev)", "boot=\(trimmed(boot))",
            "place=\(directory.split(separator: "/").last ?? "")",
        ]
    }
}

/// Sets the stage for a whole suite.
struct Staged: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void
    ) async throws {
        guard Binaries.isRoot, !Corpus.all.isEmpty else { return try await body() }
        let stage = try Stage()
        defer { stage.remove() }
        try await Stage.$current.withValue(stage) { try await body() }
    }
}
