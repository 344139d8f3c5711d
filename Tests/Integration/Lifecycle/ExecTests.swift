// What a command in a sandbox sees, and what its caller gets.

import IntegrationSupport
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"))
struct Exec {
    @Test func streamsPassThrough() throws {
        var program = Martlet().shell("cat; echo to errors >&2")
        program.input = "in and out"
        let outcome = try program.run()
        #expect(outcome.output == "in and out")
        #expect(outcome.errors == "to errors\n")
        #expect(outcome.status == 0)
    }

    @Test func aLargeStreamArrivesWhole() throws {
        let outcome = try Martlet().shell("head -c 8000000 /dev/zero | tr '\\0' x").run()
        #expect(outcome.output.utf8.count == 8_000_000)
    }

    @Test(arguments: [0, 1, 42, 125, 255]) func exitStatusesArePassedOn(_ status: Int) throws {
        #expect(try Martlet().shell("exit \(status)").run().status == status)
    }

    @Test(arguments: [("KILL", 9), ("SEGV", 11), ("TERM", 15)])
    func signalsAreToldAsShellsDo(_ signal: (String, Int)) throws {
        #expect(try Martlet().shell("kill -\(signal.0) $$").run().status == 128 + signal.1)
    }

    @Test func whatIsStillRunningEndsWithTheCommand() throws {
        let outcome = try Martlet().shell("sleep 300 & setsid sleep 300 & exit 3").run(limit: .seconds(10))
        #expect(outcome.status == 3)
    }

    @Test func orphansAreReaped() throws {
        let outcome = try Martlet().shell(
            "for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.4; grep -l 'State:.Z' /proc/[0-9]*/status | wc -l"
        ).run()
        #expect(outcome.output == "0\n")
    }

    @Test func theCommandIsNobodySpecial() throws {
        let outcome = try Martlet().exec("cat", "/proc/self/status").run()
        let lines = Dictionary(
            outcome.output.split(separator: "\n").compactMap { line -> (String, String)? in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { return nil }
                return (String(parts[0]), parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " "))
            }, uniquingKeysWith: { first, _ in first })
        #expect(lines["Uid"] == "993 993 993 993")
        #expect(lines["Gid"] == "990 990 990 990")
        #expect(lines["Groups"] ?? "" == "")
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(lines[set] == "0000000000000000", "\(set)")
        }
        #expect(lines["NoNewPrivs"] == "1")
        #expect(lines["Seccomp"] == "2")
    }

    @Test func pidOneHasNoRightsEither() throws {
        let outcome = try Martlet().shell("grep -E '^(Uid|Cap|NoNewPrivs|Seccomp:)' /proc/1/status; ls /proc/1/fd")
            .run()
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(outcome.output.contains("\(set):\t0000000000000000"), "\(set)")
        }
        #expect(outcome.output.contains("NoNewPrivs:\t1"))
        #expect(outcome.output.contains("Seccomp:\t2"))
        #expect(outcome.errors.contains("Permission denied"))
    }

    @Test func onlyTheStandardStreamsAreOpen() throws {
        #expect(try Martlet().exec("ls", "/proc/self/fd").run().output == "0\n1\n2\n3\n")  // 3 is ls reading
    }

    @Test func theTreeIsTheSandboxesOwn() throws {
        let outcome = try Martlet().shell("ls /; ls /dev; cat /etc/hostname /sys/* 2>/dev/null; pwd").run()
        #expect(outcome.output.contains("proc\n"))
        #expect(outcome.output.contains("fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n"))
        #expect(outcome.output.hasSuffix("/var/task\n"))
    }

    @Test func devicesAndStreamsCanBeOpened() throws {
        let outcome = try Martlet().shell("echo a > /dev/null && echo b > /dev/stdout && echo c > /dev/stderr").run()
        #expect(outcome.output == "b\n")
        #expect(outcome.errors == "c\n")
    }

    @Test func loopbackIsUpAndAlone() throws {
        let outcome = try Martlet().shell("grep -c : /proc/net/dev; cat /proc/net/route | wc -l").run()
        #expect(outcome.output == "1\n1\n")
    }

    @Test func variablesAreWhatWasSaid() throws {
        let outcome = try Martlet("--env", "A=1", "--env", "A=2", "--env", "B=x y").shell("echo $A-$B-$SECRET").run()
        #expect(outcome.output == "2-x y-\n")
    }

    @Test func aVariableReplacesTheStandardOne() throws {
        let outcome = try Martlet("--env", "HOME=/x", "--env", "PATH=/usr/bin").shell("env | grep -E '^(HOME|PATH)='")
            .run()
        #expect(outcome.output.split(separator: "\n").sorted() == ["HOME=/x", "PATH=/usr/bin"])
    }

    @Test func pidOneDoesNotShowHowItWasStarted() throws {
        #expect(try Martlet().shell("tr -d '\\0' < /proc/1/cmdline | wc -c").run().output == "0\n")
    }

    @Test func whatTheCallerMayDoIsNotPassedOn() throws {
        let outcome = try Martlet().exec("/bin/bash", "-c", "cat /proc/self/oom_score_adj; ulimit -e; ulimit -r").run()
        #expect(outcome.output == "0\n0\n0\n")
    }

    @Test func anIgnoredSIGCHLDIsNoProblem() throws {
        let words = ["env", "--ignore-signal=CHLD", Binaries.martlet, "exec", "--", "/bin/sh", "-c", "exit 6"]
        var program = Program(words)
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        #expect(try program.run(limit: .seconds(10)).status == 6)
    }

    @Test func enginesWithDifferentRunDirectoriesLeaveEachOtherAlone() throws {
        let place = try HostFiles.makeTemporaryDirectory("martlet-run")
        defer { HostFiles.remove(place) }
        let one = try Martlet().shell("echo ready; sleep 1; exit 5").start()
        #expect(try one.firstLine() == "ready")
        let other = try Martlet("--run", "\(place)/run").shell("exit 6").run()
        #expect(other.status == 6, "\(other)")
        #expect(try one.end().status == 5)
    }

    @Test func aTimeoutEndsEverythingAndSaysSo() throws {
        let outcome = try Martlet("--timeout", "0.3").shell("trap '' TERM INT; sleep 300 & sleep 300").run(
            limit: .seconds(10))
        #expect(outcome.status == 124)
        #expect(outcome.errors.contains("timeout of 300 ms"))
    }

    @Test func aSignalToMartletReachesTheCommand() throws {
        let running = try Martlet().shell("trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
            .start()
        #expect(try running.firstLine() == "ready")
        running.signal(15)
        let outcome = try running.end()
        #expect(outcome.output == "ready\ngot it\n")
        #expect(outcome.status == 7)
    }

    @Test func explainNamesEveryStep() throws {
        let errors = try Martlet("--explain").exec("/bin/true").run().errors
        for step in [
            "give birth", "set the limits", "map the users", "network of its own", "enter the root", "mount /proc",
            "drop privileges", "filter system calls", "start the command", "everything is removed",
        ] {
            #expect(errors.contains(step), "\(step)")
        }
    }

    @Test func jsonHasTheFigures() throws {
        let outcome = try Martlet("--json").shell("head -c 30M /dev/zero | tail -c 30M >/dev/null; exit 4").run()
        let figures = Figures(outcome)
        #expect(outcome.status == 4)
        #expect(figures.number("exit") == 4)
        #expect(figures.text("reason") == "exited")
        #expect(try #require(figures.number("wall_us")) > 0)
        #expect(try #require(figures.number("cpu_us")) > 0)
        #expect(try #require(figures.number("peak_memory_bytes")) > 30e6)
    }

    @Test func helpSaysWhatThereIs() throws {
        let outcome = try Martlet().program(["exec", "--help"]).run()
        #expect(outcome.status == 0)
        for option in [
            "--runtime", "--root", "--memory", "--timeout", "--tmp", "--layer", "--code", "--env", "--net",
            "--explain", "--json", "--waive", "--without",
        ] {
            #expect(outcome.output.contains(option), "\(option)")
        }
    }

    @Test func doctorFindsThatTheEngineCanRunHere() throws {
        let outcome = try Martlet().program(["doctor", "--json"]).run()
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("\"can_run\":true"))
        // What all sandboxes have together, and what no limit counts.
        #expect(outcome.output.contains("\"all processes\"") && outcome.output.contains("\"kernel memory\""))
    }

    /// Of the whole host, so it is put over the setting where only this program sees it.
    @Test func doctorSaysThatFixedAddressesLeaveNoSnapshots() throws {
        let line = """
            echo 0 >"$TMPDIR/fixed" && mount --bind "$TMPDIR/fixed" /proc/sys/kernel/randomize_va_space
            exec "$0" doctor --json
            """
        let directory = try HostFiles.makeTemporaryDirectory("martlet-doctor")
        defer { HostFiles.remove(directory) }
        var program = Program(["unshare", "--mount", "sh", "-c", line, Binaries.martlet])
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        program.environment["TMPDIR"] = directory
        let outcome = try program.run()
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("no snapshot can be restored"), "\(outcome)")
    }
}
