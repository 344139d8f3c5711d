// A supervisor names directories, and the warden opens them with root's rights: none outside of the state directory may
// come of that.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
final class ConfinedToTheStateDirectory {
    /// A state directory of our own, with a root in it and a secret beside it.
    private let place: String
    private var state: String { place + "/state" }

    init() throws {
        place = try HostFiles.makeTemporaryDirectory("martlet-state")
        for name in ["state", "state/code", "state/layer", "secret", "state-of-others", "state/roots"] {
            try HostFiles.makeDirectory("\(place)/\(name)")
        }
        for name in ["secret", "state/code", "state-of-others"] {
            try HostFiles.write(name, to: "\(place)/\(name)/file")
        }
        let links = [
            ("up", "../secret"), ("absolute", place + "/secret"), ("within", "code"), ("chain", "within"),
            ("through-up", "up/../secret"), ("magic", "/proc/self/root"), ("home", place + "/state/code"),
        ]
        for (name, target) in links { try HostFiles.makeLink("\(state)/\(name)", to: target) }
        // A root that stands within: the tests' own, mounted there.
        let outcome = try Program(["mount", "--bind", WardenUnderTest.root + "/", state + "/roots"]).run()
        guard outcome.status == 0 else { throw NoPlace(outcome: outcome) }
    }

    private struct NoPlace: Error {
        let outcome: IntegrationSupport.Outcome
    }

    deinit {
        _ = try? Program(["umount", state + "/roots"]).run()
        HostFiles.remove(place)
    }

    private func request(_ id: UInt32, code: String) -> SandboxRequest {
        var request = WaitingSandbox.request(id)
        request.root = state + "/roots"
        request.code = code
        return request
    }

    @Test(arguments: [
        "STATE/../secret", "STATE/code/../../secret", "STATE/up", "STATE/absolute", "STATE/through-up", "STATE/magic",
        "STATE/home", "STATE/magic/etc", "STATE/..", "STATE/.", "STATE/code/..", "STATE", "STATE/", "STATE-of-others",
        "PLACE/secret",
        "/proc/self/root", "/proc/self/cwd", "/proc/1/root", "/", "/etc", "//STATE/../secret", "PLACE/./state/code",
        "STATE/code/file", "STATE/nothing",
    ]) func whatLeadsOutIsRefusedWhereverItStands(_ pattern: String) throws {
        let path = pattern.replacing("STATE", with: state).replacing("PLACE", with: place)
        let warden = try WardenUnderTest(state: state)
        let changes: [(inout SandboxRequest) -> Void] = [
            { $0.root = path }, { $0.code = path }, { $0.layers = [path] },
            { $0.layers = [self.state + "/layer", path] },
        ]
        for (index, change) in changes.enumerated() {
            var bad = request(UInt32(index), code: state + "/code")
            change(&bad)
            try warden.create(bad)
            guard case .refused(UInt32(index), let refusal)? = try warden.end(of: UInt32(index)) else {
                Issue.record("\(path) was opened")
                continue
            }
            #expect(refusal.kind == .input)
            #expect(refusal.message.contains(path))
        }
    }

    @Test(arguments: ["code", "within", "chain", "roots/../code", "./code", "code/", "/code"])
    func whatStaysWithinIsOpened(_ name: String) throws {
        let warden = try WardenUnderTest(state: state)
        let sandbox = try WaitingSandbox(in: warden, request(1, code: "\(state)/\(name)"))
        #expect(try sandbox.output(1, "cat /var/task/file") == "state/code")
    }

    @Test func aStateDirectoryMayBeWrittenWithASlash() throws {
        let warden = try WardenUnderTest(state: state + "//")
        let sandbox = try WaitingSandbox(in: warden, request(1, code: state + "/code"))
        #expect(try sandbox.output(1, "cat /var/task/file") == "state/code")
    }

    @Test func rootItselfIsNotConfined() throws {
        #expect(try Martlet("--code", place + "/secret").exec("cat", "/var/task/file").run().output == "secret")
    }
}

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct GroupOfTheSupervisor {
    /// A supervisor that is killed at once has left the warden to another parent, often to the host's pid 1.
    @Test func nobodyElseIsEverPutIntoIt() throws {
        let stranger = try Program(["sleep", "60"]).start()
        defer {
            stranger.signal(SIGKILL)
            _ = try? stranger.end()
        }
        let before = try #require(HostProcesses.text("/proc/\(stranger.pid)/cgroup"))
        for pid in [stranger.pid, 1] {
            let warden = try WardenUnderTest(arguments: ["--supervisor", "\(pid):4096"])
            #expect(try warden.reply() != nil)
            _ = try warden.waitForExit()
            #expect(HostProcesses.text("/proc/\(stranger.pid)/cgroup") == before)
        }
    }
}
