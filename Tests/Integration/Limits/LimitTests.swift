// Limits, by measurement. They hold on a hybrid host through cgroup v1 and, in the test machine, on pure v2.

import IntegrationSupport
import Testing

@Suite(.fixedAddresses, .enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct Limits {
    /// A line that holds this much memory for a moment, by one system call that fills one buffer: what takes time is the
    /// kernel's giving it, and nothing else.
    private static func hold(_ megabytes: Int) -> String {
        "dd if=/dev/zero of=/dev/null bs=\(megabytes)M count=1 2>/dev/null && echo held"
    }

    /// With all of a CPU: memory is measured here, and the share that comes with 128 MB of it, a fourteenth, would make
    /// of one second on a slow machine a minute or three.
    private static func withMemory(_ megabytes: String, _ options: String...) -> Martlet {
        var martlet = Martlet("--memory", megabytes, "--waive", "cpu")
        martlet.options += options
        return martlet
    }

    @Test func memoryEndsAt128MB() throws {
        let outcome = try Self.withMemory("128", "--json").shell(Self.hold(400)).run(limit: .seconds(60))
        #expect(outcome.status == 123, "\(outcome)")
        #expect(outcome.errors.contains("out of memory at its limit of 128 MB"))
        let figures = Figures(outcome)
        #expect(figures.text("reason") == "out-of-memory")
        let peak = try #require(figures.number("peak_memory_bytes")) / Double(1 << 20)
        #expect(peak > 120 && peak <= 128.1, "peak of \(peak) MB")
    }

    @Test func aSandboxWithinItsMemoryLives() throws {
        let outcome = try Self.withMemory("128").shell(Self.hold(100)).run(limit: .seconds(60))
        #expect(outcome.output == "held\n", "\(outcome)")
    }

    @Test func oneProcessOutOfMemoryIsTheWholeSandbox() throws {
        let outcome = try Self.withMemory("128").shell("\(Self.hold(400)); sleep 600; echo survived").run(
            limit: .seconds(60))
        #expect(outcome.status == 123, "\(outcome)")
        #expect(!outcome.output.contains("survived"))
    }

    @Test func waivedMemoryIsNotLimited() throws {
        let outcome = try Self.withMemory("128", "--waive", "memory").shell(Self.hold(150)).run(limit: .seconds(60))
        #expect(outcome.output == "held\n", "\(outcome)")
    }

    struct Share: Sendable {
        let memory: String
        let cpus: Double
    }

    private static let spin = "while :; do :; done"

    /// The part of a CPU that a busy loop got.
    private static func share(_ memory: String, _ seconds: Int, _ line: String = spin) throws -> Double {
        let outcome = try Martlet("--memory", memory, "--timeout", "\(seconds)", "--json").shell(line).run(
            limit: .seconds(60))
        let figures = Figures(outcome)
        return try #require(figures.number("cpu_us")) / (try #require(figures.number("wall_us")))
    }

    /// Measures until it is right. A limit is what is not passed, however loaded the host, and a share is what is had
    /// where the host has CPU to spare, but for one thing: a virtual CPU that stands still charges the time to what runs on
    /// it, which the kernel takes back only later, or lets it be idle. That is the same in a longer time, so a longer one
    /// is tried; what a limit does not hold, or a share does not give, grows with the time. Where the host never has CPU
    /// to spare, that is said.
    private static func measure<Got>(
        _ body: (Int) async throws -> Got, isWithin: (Got) -> Bool, isEnough: (Got) -> Bool = { _ in true }
    ) async throws {
        var got: [Got] = []
        var seconds = 3
        for _ in 0..<6 {
            let spare = try await HostCPU.spare(during: { got.append(try await body(seconds)) })
            let isRight = isWithin(got[got.count - 1])
            if isRight, isEnough(got[got.count - 1]) { return }
            if isRight, spare <= 0.1 { continue }
            if seconds >= 24 {
                Issue.record("neither more nor less than the limit is wanted, with \(spare) CPUs idle: \(got)")
                return
            }
            seconds *= 2
        }
        guard isWithin(got[got.count - 1]) else {
            Issue.record("more than the limit: \(got)")
            return
        }
        print("THE HOST WAS NEVER IDLE: only that no limit was passed is shown, not that shares are had: \(got)")
    }

    @Test(arguments: [Share(memory: "442", cpus: 0.25), Share(memory: "1769", cpus: 1)])
    func cpuIsInProportionToMemory(_ share: Share) async throws {
        try await Self.measure {
            try Self.share(share.memory, $0)
        } isWithin: {
            $0 < share.cpus * 1.1
        } isEnough: {
            $0 > share.cpus * 0.9
        }
    }

    @Test func twoSideBySideGetWhatEachWasPromised() async throws {
        try await Self.measure { seconds in
            async let small = Task.detached { try Self.share("442", seconds) }.value
            async let large = Task.detached { try Self.share("884", seconds) }.value
            return try await (small: small, large: large)
        } isWithin: {
            $0.small < 0.275 && $0.large < 0.55
        } isEnough: {
            $0.small > 0.225 && $0.large > 0.45
        }
    }

    @Test func twoThreadsShareOneLimit() async throws {
        try await Self.measure {
            try Self.share("442", $0, "(\(Self.spin)) & (\(Self.spin)) & \(Self.spin)")
        } isWithin: {
            $0 < 0.275
        }
    }

    @Test func tmpEndsAtItsSize() throws {
        let outcome = try Martlet("--tmp", "16").shell("cat /dev/zero > /tmp/x; stat -c %s /tmp/x").run(
            limit: .seconds(60))
        #expect(outcome.output == "16777216\n")
        #expect(outcome.errors.contains("No space left on device"))
    }

    @Test func tmpEndsAtItsInodes() throws {
        let outcome = try Martlet("--tmp", "1").shell(
            "i=0; while echo -n > /tmp/$i; do i=$((i+1)); done 2>/dev/null; echo $i"
        ).run(limit: .seconds(60))
        let count = try #require(Int(outcome.output.filter(\.isNumber)))
        #expect(count > 32 && count <= 64)
    }

    @Test func sharedMemoryCountsAsMemory() throws {
        let outcome = try Self.withMemory("128", "--tmp", "512").shell("cat /dev/zero > /tmp/x; echo on").run(
            limit: .seconds(60))
        #expect(outcome.status == 123, "\(outcome)")
    }

    /// Each waits at a pipe that nobody writes to, and executes nothing.
    @Test func processesEndAt1024() throws {
        let outcome = try Martlet().shell(
            "mkfifo /tmp/p; i=0; while [ $i -lt 1500 ]; do (read x </tmp/p) & i=$((i+1)); done 2>/dev/null; echo all"
        ).run(limit: .seconds(120))
        #expect(outcome.status != 0 && !outcome.timedOut && outcome.output.isEmpty, "\(outcome)")
    }

    /// However many sandboxes there are: their processes stand in one group, whose limit leaves the host some numbers.
    @Test func allSandboxesTogetherHaveACeiling() throws {
        let sandbox = try Martlet().shell(
            "echo ready; read go; i=0; while [ $i -lt 40 ]; do sleep 60 & i=$((i+1)); done 2>/dev/null; echo made"
        ).start()
        _ = try sandbox.firstLine(limit: .seconds(60))
        let ceiling = try #require(Self.ceiling(of: sandbox.pid), "no group of all sandboxes is found")
        let before = try #require(HostProcesses.text("\(ceiling)/pids.max"))
        #expect(Int(trimmed(before)).map { $0 >= 1024 } == true, "\(before)")
        let used = try #require(HostProcesses.text("\(ceiling)/pids.current"))
        let current = try #require(Int(trimmed(used)))
        try HostFiles.write("\(current + 10)", to: "\(ceiling)/pids.max")
        defer { try? HostFiles.write(before, to: "\(ceiling)/pids.max") }
        sandbox.feed("go\n")
        let outcome = try sandbox.end()
        #expect(!outcome.output.contains("made") && outcome.status != 0, "40 processes were made: \(outcome)")
    }

    /// Where the group of all sandboxes is that a descendant of `pid` stands in.
    private static func ceiling(of pid: Int32) -> String? {
        for inner in HostProcesses.descendants(of: pid) {
            for line in (HostProcesses.text("/proc/\(inner)/cgroup") ?? "").split(separator: "\n") {
                let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                let names = fields.count == 3 ? fields[2].split(separator: "/") : []
                guard names.count > 1, names[names.count - 2] == "martlet" else { continue }
                let group = "/" + names.dropLast().joined(separator: "/")
                let roots = fields[1].isEmpty ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] : ["/sys/fs/cgroup/pids"]
                for root in roots where HostFiles.exists("\(root)\(group)/pids.max") { return "\(root)\(group)" }
            }
        }
        return nil
    }

    /// Watches, signals and queues are counted by user, and root's own would be used up if root counted as the maker of
    /// every sandbox.
    @Test func whatIsCountedByUserIsCountedBySandbox() throws {
        // Each tail has a watch; without one it says that it reverts to polling.
        let most = HostProcesses.text("/proc/sys/fs/inotify/max_user_instances").flatMap { Int(trimmed($0)) }
        let greedy = try Martlet().shell(
            """
            touch /tmp/f /tmp/log; for i in $(seq \(try #require(most) + 10)); do tail -f /tmp/f 2>>/tmp/log & done
            until grep -q revert /tmp/log; do sleep 0.1; done; echo reached; sleep 600
            """
        ).start()
        #expect(try greedy.firstLine(limit: .seconds(60)) == "reached")
        let modest = try Martlet().shell("touch /tmp/f; timeout 0.3 tail -f /tmp/f 2>&1 | grep -c revert").run()
        #expect(modest.output == "0\n", "\(modest)")
        greedy.signal(15)
        _ = try greedy.end()
    }

    @Test func descriptorsEndAt1024() throws {
        #expect(try Martlet().shell("ulimit -n; ulimit -Hn; ulimit -c").run().output == "1024\n1024\n0\n")
    }
}
