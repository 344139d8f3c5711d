// What a supervisor is given of a sandbox that waits: listeners in its network, sockets of it, its freezer, its memory, and
// its CPU while it comes up.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.fixedAddresses, .enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct GivenToTheSupervisor {
    private let warden: WardenUnderTest

    init() throws { warden = try WardenUnderTest() }

    private static let python = WardenUnderTest.state + "/roots/python3.11"

    /// Accepts one connection and says hello.
    private func greet(_ listener: Int32) throws {
        var ready = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        try #require(unsafe poll(&ready, 1, 5000 * Int32(Binaries.patience)) == 1)
        let connection = FileDescriptor(owning: Glibc.accept(listener, nil, nil))
        try #require(connection.raw >= 0)
        try Files.write(Array("hello\n".utf8), to: connection.raw, named: "a connection")
    }

    @Test func theListenersAreReachedFromInsideAlone() throws {
        let sandbox = try WaitingSandbox(in: warden)
        // On a kernel that cannot refuse descriptors there is no Unix socket that could bring them.
        #expect(sandbox.given.first == .runtimeAPI)
        #expect(sandbox.given.contains(.runtimeSocket) == Self.canRefuseDescriptors)
        let pipe = try Pipe()
        let request = ProcessRequest(
            number: 1, command: ["/usr/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9001; cat <&3"])
        try sandbox.start(request, pipe.writing)
        try greet(sandbox.descriptor(.runtimeAPI))
        #expect(try sandbox.ending(of: 1) == .exited(0))
        #expect(pipe.text() == "hello\n")
        // Every sandbox has its own.
        let other = try WaitingSandbox(in: warden, WaitingSandbox.request(2))
        try other.start(request)
        try greet(other.descriptor(.runtimeAPI))
        #expect(accept(try sandbox.descriptor(.runtimeAPI)) == -EAGAIN)
    }

    private func accept(_ listener: Int32) -> Int32 {
        let raw = Glibc.accept(listener, nil, nil)
        return raw < 0 ? -errno : raw
    }

    /// Connects to the address of the Runtime API, in whatever network the socket is.
    private func connect(_ raw: Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9001).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result < 0 ? -errno : 0
    }

    private static let canRefuseDescriptors: Bool = {
        guard let socket = try? Network.listen(name: "martlet-test-\(getpid())") else { return false }
        return !StreamSockets.bringsDescriptors(socket.raw)
    }()

    @Test(
        .enabled(if: HostFiles.names(in: python + "/").contains("usr"), "no python root"),
        .enabled(if: canRefuseDescriptors, "the kernel cannot refuse descriptors"))
    func theUnixListenerIsReachedByItsName() throws {
        var request = WaitingSandbox.request()
        request.root = Self.python
        let sandbox = try WaitingSandbox(in: warden, request)
        let pipe = try Pipe()
        let program = """
            import socket
            s = socket.socket(socket.AF_UNIX)
            s.connect("\\0martlet-runtime")
            print(s.recv(99).decode(), end="")
            """
        try sandbox.start(
            ProcessRequest(number: 1, command: ["/usr/bin/python3", "-c", program]), pipe.writing)
        try greet(sandbox.descriptor(.runtimeSocket))
        #expect(try sandbox.ending(of: 1) == .exited(0))
        #expect(pipe.text() == "hello\n")
    }

    @Test func nobodyInsideCanTakeTheAddressOrTheListener() throws {
        let sandbox = try WaitingSandbox(in: warden)
        // Of what is open in a new process, three are streams and one is the directory that is being listed.
        #expect(try sandbox.output(1, "ls /proc/self/fd | wc -l") == "4")
        let names = try sandbox.output(2, "cat /proc/net/unix | grep -c martlet-runtime")
        #expect(names == (Self.canRefuseDescriptors ? "1" : "0"))
    }

    @Test func aSocketIsOneOfTheSandboxsNetwork() throws {
        let sandbox = try WaitingSandbox(in: warden)
        for _ in 0..<3 {
            try warden.send(.socket(id: 1))
            let said = try warden.first { $0 == .socket(id: 1) }
            #expect(said.descriptors.count == 1)
            #expect(connect(said.descriptors[0]) == -EINPROGRESS)
            try greet(sandbox.descriptor(.runtimeAPI))
        }
    }

    @Test func theFreezerStopsAllThatRuns() throws {
        let sandbox = try WaitingSandbox(in: warden)
        let freeze = try sandbox.descriptor(.freeze)
        let pipe = try Pipe()
        try sandbox.start(1, "while :; do echo tick; sleep 0.01; done", output: pipe.writing)
        #expect(!pipe.firstText().isEmpty)
        try Files.write(Array("1".utf8), to: freeze, named: "cgroup.freeze")
        // What is on its way still comes; then nothing does.
        #expect(
            waitUntil {
                _ = pipe.text()
                usleep(200_000)
                return pipe.text().isEmpty
            })
        try Files.write(Array("0".utf8), to: freeze, named: "cgroup.freeze")
        #expect(!pipe.firstText().isEmpty)
        // What was asked of it while it was frozen is done after.
        try Files.write(Array("1".utf8), to: freeze, named: "cgroup.freeze")
        try warden.send(.killAll(id: 1))
        try Files.write(Array("0".utf8), to: freeze, named: "cgroup.freeze")
        #expect(try sandbox.ending(of: 1) == .signalled(SIGKILL))
    }

    @Test func aFrozenSandboxCanBeEnded() throws {
        let sandbox = try WaitingSandbox(in: warden)
        try sandbox.start(1, "sleep 300")
        try Files.write(Array("1".utf8), to: sandbox.descriptor(.freeze), named: "cgroup.freeze")
        try warden.send(.kill(id: 1))
        guard case .ended(1, let outcome)? = try warden.end(of: 1) else {
            Issue.record("did not end")
            return
        }
        #expect(outcome.reason == .killed)
    }

    private func peak(_ sandbox: WaitingSandbox) throws -> Int {
        var text = [UInt8](repeating: 0, count: 64)
        let count = unsafe pread(try sandbox.descriptor(.peakMemory), &text, text.count, 0)
        let digits = String(decoding: text.prefix(max(0, count)), as: UTF8.self).prefix { $0.isNumber }
        return try #require(Int(digits))
    }

    @Test func thePeakOfMemoryIsReadAgainAndAgain() throws {
        let sandbox = try WaitingSandbox(in: warden, WaitingSandbox.smallRequest())
        let before = try peak(sandbox)
        #expect(before > 0 && before < 64 << 20)
        _ = try sandbox.output(1, "head -c 100M /dev/zero >/tmp/file; rm /tmp/file")
        let after = try peak(sandbox)
        #expect(after >= 100 << 20 && after <= 256 << 20)
    }

    @Test func aWaivedLimitHasNoFigure() throws {
        var request = WaitingSandbox.request()
        request.waived = [.memory]
        #expect(try !WaitingSandbox(in: warden, request).given.contains(.peakMemory))
    }

    // MARK: the CPU

    private struct NoQuota: Error {
        let process: Int32
    }

    /// The quota and period of the one sandbox that has a process with this argument, as the kernel has them.
    private func quota(of word: String) throws -> (quota: Int, period: Int) {
        let pid = try #require(HostProcesses.having(word).first)
        func numbers(_ path: String) -> [Int]? {
            guard let bytes = try? HostFiles.read("/sys/fs/cgroup/" + path) else { return nil }
            return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        }
        for line in String(decoding: try HostFiles.read("/proc/\(pid)/cgroup"), as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            let group = String(fields[2])
            if fields[1].split(separator: ",").contains("cpu") {
                let files = ["quota", "period"].compactMap { numbers("cpu\(group)/cpu.cfs_\($0)_us")?.first }
                if files.count == 2 { return (files[0], files[1]) }
            } else if fields[1].isEmpty, let both = numbers("\(group)/cpu.max"), both.count == 2 {
                return (both[0], both[1])
            }
        }
        throw NoQuota(process: pid)
    }

    @Test func aBoostLastsUntilTheSandboxSettles() throws {
        var request = WaitingSandbox.request()
        request.memoryMB = 128
        request.boost = true
        let sandbox = try WaitingSandbox(in: warden, request)
        try sandbox.start(1, "sleep 302")
        #expect(waitUntil { !HostProcesses.having("302").isEmpty })
        let boosted = try quota(of: "302")
        #expect(boosted.quota == boosted.period)
        for _ in 0..<2 {
            try warden.send(.settle(id: 1))
            // An answer to something asked later says that it was done.
            try sandbox.start(2, "exit 0")
            _ = try sandbox.ending(of: 2)
            let settled = try quota(of: "302")
            #expect(settled.quota == 128 * settled.period / 1769)
        }
    }

    @Test func whoHasMoreThanOneCPUKeepsIt() throws {
        var request = WaitingSandbox.request()
        request.memoryMB = 3538
        request.boost = true
        let sandbox = try WaitingSandbox(in: warden, request)
        try sandbox.start(1, "sleep 303")
        #expect(waitUntil { !HostProcesses.having("303").isEmpty })
        let boosted = try quota(of: "303")
        #expect(boosted.quota == 2 * boosted.period)
    }
}
