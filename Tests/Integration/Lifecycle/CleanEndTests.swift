// After any end nothing is left: no process, mount, group, network namespace, file or lock.

import Glibc
import IntegrationSupport
import Testing

@Suite(.enabled(if: Binaries.isRoot, "needs root"), .serialized)
struct CleanEnds {
    @Test func fiveHundredInARow() throws {
        // The first makes the run directory.
        _ = try Martlet().exec("/bin/true").run()
        let before = Leftovers.now()
        for index in 0..<500 {
            let outcome = try Martlet().exec("/bin/true").run()
            guard outcome.status == 0 else {
                Issue.record("run \(index): \(outcome)")
                return
            }
        }
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    /// How one of many is ended.
    enum Violence: CaseIterable {
        case none, terminate, timeout, killMartlet, killPidOne, outOfMemory
    }

    @Test func fiftyAtATimeWhateverHappensToThem() throws {
        _ = try Martlet().exec("/bin/true").run()
        let before = Leftovers.now()
        for _ in 0..<2 { try fifty() }
        #expect(Leftovers.settled(since: before).isEmpty)
    }

    private func fifty() throws {
        var running: [(RunningProgram, Violence)] = []
        for index in 0..<50 {
            let violence = Violence.allCases[index % Violence.allCases.count]
            var martlet = Martlet("--memory", "128")
            var line = "echo ready; sleep 0.3 & sleep 300"
            switch violence {
            case .none: line = "echo ready; sleep 0.3"
            case .timeout: martlet.options += ["--timeout", "1"]
            case .outOfMemory: line = "echo ready; tail /dev/zero"
            default: break
            }
            running.append((try martlet.shell(line).start(), violence))
        }
        for (program, violence) in running {
            #expect(try program.firstLine(limit: .seconds(30)) == "ready")
            switch violence {
            case .none, .timeout, .outOfMemory: break
            case .terminate: program.signal(SIGTERM)
            case .killMartlet: program.signal(SIGKILL)
            // The only child of martlet exec is the sandbox's pid 1.
            case .killPidOne: kill(try #require(Self.children(of: program.pid).first), SIGKILL)
            }
        }
        for (program, violence) in running {
            let outcome = try program.end(limit: .seconds(30))
            let expected: Int32 =
                switch violence {
                case .none: 0
                case .terminate: 128 + SIGTERM
                case .timeout: 124
                case .outOfMemory: 123
                case .killMartlet, .killPidOne: 128 + SIGKILL
                }
            #expect(outcome.status == expected, "\(violence): \(outcome)")
        }
        // What a killed martlet could not clear away, the next start does.
        #expect(try Martlet().exec("/bin/true").run().status == 0)
    }

    private static func children(of pid: Int32) -> [Int32] {
        guard let bytes = try? HostFiles.read("/proc/\(pid)/task/\(pid)/children") else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }
}
