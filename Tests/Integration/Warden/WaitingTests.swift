// Sandboxes that wait: processes are started in them one by one, signalled, ended and started again.

import Glibc
import IntegrationSupport
import Linux
import Testing
import Wire

@Suite(.fixedAddresses, .enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct WaitingSandboxes {
    private let warden: WardenUnderTest
    private let sandbox: WaitingSandbox

    init() throws {
        warden = try WardenUnderTest()
        sandbox = try WaitingSandbox(in: warden)
    }

    @Test func aProcessStartsAndItsEndIsTold() throws {
        #expect(try sandbox.start(1, "exit 7") == .processStarted(id: 1, process: 1))
        #expect(try sandbox.ending(of: 1) == .exited(7))
        try sandbox.start(1, "kill -SEGV $$")
        #expect(try sandbox.ending(of: 1) == .signalled(SIGSEGV))
    }

    @Test func twoRunAtOnceAndEachGetsItsOwnSignals() throws {
        for number in [UInt32(4), 5] {
            let pipe = try Pipe()
            let line = "trap 'exit \(number)' USR1; echo ready; while :; do sleep 0.02; done"
            try sandbox.start(number, line, output: pipe.writing)
            #expect(pipe.firstText() == "ready\n")
        }
        try warden.send(.signal(id: 1, process: 5, number: SIGUSR1))
        #expect(try sandbox.ending(of: 5) == .exited(5))
        #expect(try sandbox.start(6, "exit 6") == .processStarted(id: 1, process: 6))
        #expect(try sandbox.ending(of: 6) == .exited(6))
        try warden.send(.signal(id: 1, process: 4, number: SIGKILL))
        #expect(try sandbox.ending(of: 4) == .signalled(SIGKILL))
    }

    @Test func whatIsStartedIsWhereAndWhatItWasToldToBe() throws {
        let pipe = try Pipe()
        let request = ProcessRequest(
            number: 0, command: ["/bin/sh", "-c", "echo $0 $1 $A; pwd; env | wc -l", "zero", "one"],
            environment: ["A=b"])
        #expect(try sandbox.start(request, pipe.writing) == .processStarted(id: 1, process: 0))
        #expect(try sandbox.ending(of: 0) == .exited(0))
        let lines = pipe.text().split(separator: "\n")
        #expect(lines.prefix(2) == ["zero one b", "/var/task"])
    }

    @Test func aLargeEnvironmentArrivesWhole() throws {
        let large = (0..<30).map { "V\($0)=" + String(repeating: "x", count: 4096) }
        let pipe = try Pipe()
        try sandbox.start(
            ProcessRequest(number: 1, command: ["/bin/sh", "-c", "echo ${#V0} ${#V29}"], environment: large),
            pipe.writing)
        #expect(try sandbox.ending(of: 1) == .exited(0))
        #expect(pipe.text() == "4096 4096\n")
    }

    /// Nothing is left to start another with; nothing hangs, and there is a way out.
    @Test(.disabled(if: Binaries.isInTestMachine, "a thousand forks take minutes there"))
    func aSandboxFullOfProcessesRefusesAndCanBeEmptied() throws {
        try sandbox.start(1, "while :; do sleep 300 & done")
        // It gives up when it can fork no more, and leaves its children.
        _ = try sandbox.ending(of: 1)
        var number: UInt32 = 1
        while number < 20, try sandbox.start(number, "exec sleep 300") == .processStarted(id: 1, process: number) {
            number += 1
        }
        guard case .processRefused(1, number, let refusal) = try sandbox.start(number, "true") else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.kind == .step, "\(refusal.message)")
        try warden.send(.killAll(id: 1))
        for ended in 1..<number { _ = try sandbox.ending(of: ended) }
        #expect(try sandbox.output(1, "echo well") == "well")
    }

    @Test func everyProcessHasTheRightsOfTheFirstAndNoMore() throws {
        let line = """
            grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp):|^Cap' /proc/self/status
            ulimit -a; umask; pwd; ls /proc/self/fd | wc -l
            """
        let first = try sandbox.output(1, line)
        #expect(first.contains("Uid:\t993\t993\t993\t993"))
        #expect(first.contains("Gid:\t990\t990\t990\t990"))
        #expect(first.contains("CapPrm:\t0000000000000000"))
        #expect(first.contains("CapBnd:\t0000000000000000"))
        #expect(first.contains("NoNewPrivs:\t1"))
        #expect(first.contains("Seccomp:\t2"))
        #expect(try sandbox.output(2, line) == first)
        // And as those of a command that a sandbox is made for.
        let command = try Martlet().shell(line).run()
        #expect(trimmed(command.output) == first)
    }

    @Test func pidOneIsOutOfReach() throws {
        let words = try sandbox.output(
            1,
            """
            sleep 0.2
            for signal in 9 19 15 10 34; do kill -$signal 1 2>/dev/null && echo reached $signal; done
            cat /proc/1/environ >/dev/null 2>&1 && echo read
            ls /proc/1/fd >/dev/null 2>&1 && echo looked
            grep -E '^Uid' /proc/1/status
            """)
        #expect(words == "Uid:\t0\t993\t0\t993")
    }

    /// A process may run before pid 1, which has just started it, has become itself again.
    @Test func signalsToPidOneComeToNothingAtAnyTime() throws {
        let line = "for signal in 9 19 15 1 2 3 10 17 34; do kill -$signal 1 2>/dev/null; done; echo alive"
        for number in UInt32(0)..<20 { #expect(try sandbox.output(number, line) == "alive") }
    }

    @Test func whatCannotBeStartedIsRefusedInWords() throws {
        func refusal(_ request: ProcessRequest) throws -> Refusal? {
            if case .processRefused(_, _, let refusal) = try sandbox.start(request) { refusal } else { nil }
        }
        #expect(try refusal(ProcessRequest(number: 1, command: ["/no/such"]))?.kind == .notFound)
        #expect(try refusal(ProcessRequest(number: 1, command: ["no-such"]))?.kind == .notFound)
        #expect(try refusal(ProcessRequest(number: 1, command: ["/etc/passwd"]))?.kind == .notExecutable)
        #expect(try refusal(ProcessRequest(number: 1, command: []))?.kind == .request)
        #expect(try refusal(ProcessRequest(number: 1, command: ["sh"], environment: ["x"]))?.kind == .request)
        // A refused number is free again.
        #expect(try sandbox.start(1, "exit 0") == .processStarted(id: 1, process: 1))
    }

    @Test func aNumberInUseAndOneTooManyAreRefused() throws {
        for number in 0..<UInt32(ProcessRequest.mostInASandbox) { try sandbox.start(number, "sleep 300") }
        for number in [UInt32(3), 1000, .max] {
            guard case .processRefused(1, number, let refusal) = try sandbox.start(number, "true") else {
                Issue.record("\(number) was not refused")
                continue
            }
            #expect(refusal.kind == .request)
        }
        try warden.send(.signal(id: 1, process: 3, number: SIGKILL))
        #expect(try sandbox.ending(of: 3) == .signalled(SIGKILL))
        #expect(try sandbox.start(.max, "true") == .processStarted(id: 1, process: .max))
    }

    @Test func killAllEndsEveryProcessAndLeavesTheSandbox() throws {
        #expect(try sandbox.output(1, "echo kept >/tmp/file; (sleep 300 >/dev/null &); echo done") == "done")
        try sandbox.start(2, "trap '' TERM INT HUP; sleep 300")
        try sandbox.start(3, "sleep 300 & sleep 300")
        try warden.send(.killAll(id: 1))
        #expect(try sandbox.ending(of: 2) == .signalled(SIGKILL))
        #expect(try sandbox.ending(of: 3) == .signalled(SIGKILL))
        #expect(try sandbox.output(2, "cat /tmp/file") == "kept")
        // The shell itself and pid 1.
        #expect(try sandbox.output(3, "set -- /proc/[0-9]*; echo $#") == "2")
    }

    @Test func aSandboxEndsWithAllThatRunsInIt() throws {
        let before = Leftovers.now()
        let other = try WaitingSandbox(in: warden, WaitingSandbox.request(2))
        try other.start(1, "sleep 300")
        try warden.send(.kill(id: 2))
        guard case .ended(2, let outcome)? = try warden.end(of: 2) else {
            Issue.record("did not end")
            return
        }
        #expect(outcome.reason == .killed)
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    @Test func nothingOutlivesAWardenThatIsKilled() throws {
        try sandbox.start(1, "(sleep 301 &); sleep 301 & sleep 301")
        try sandbox.start(2, "exit 0")
        _ = try sandbox.ending(of: 2)
        // One that is frozen cannot even end itself.
        let frozen = try WaitingSandbox(in: warden, WaitingSandbox.request(2))
        try frozen.start(1, "sleep 301")
        #expect(waitUntil { HostProcesses.having("301").count == 4 })
        try Files.write(Array("1".utf8), to: frozen.descriptor(.freeze), named: "cgroup.freeze")
        try warden.killNow()
        #expect(waitUntil { HostProcesses.having("301").isEmpty })
    }

    @Test func memoryThatIsUsedUpEndsTheSandbox() throws {
        let greedy = try WaitingSandbox(in: warden, WaitingSandbox.smallRequest(2))
        try greedy.start(1, "exec dd if=/dev/zero of=/dev/null bs=400M count=1")
        guard case .ended(2, let outcome)? = try warden.end(of: 2) else {
            Issue.record("did not end")
            return
        }
        #expect(outcome.reason == .outOfMemory)
    }
}
