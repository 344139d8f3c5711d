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
        #expect(Leftovers.settled(as: before) == before)
    }

    /// How one of many is ended.
    enum Violence: CaseIterable {
        case none, terminate, timeout, killMartlet, killWarden, killBoth, outOfMemory
    }

    @Test func fiftyAtATimeWhateverHappensToThem() throws {
        _ = try Martlet().exec("/bin/true").run()
        let before = Leftovers.now()
        for _ in 0..<2 { try fifty() }
        #expect(Leftovers.settled(as: before) == before)
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
            // martlet's only child is the warden.
            let warden = Self.children(of: program.pid).first
            switch violence {
            case .none, .timeout, .outOfMemory: break
            case .terminate: program.signal(SIGTERM)
            case .killMartlet: program.signal(SIGKILL)
            case .killWarden: kill(try #require(warden), SIGKILL)
            case .killBoth:
                kill(try #require(warden), SIGKILL)
                program.signal(SIGKILL)
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
                case .killMartlet, .killBoth: 128 + SIGKILL
                case .killWarden: 125
                }
            #expect(outcome.status == expected, "\(violence): \(outcome)")
        }
        // Who was killed with its warden is cleared away by the next start.
        #expect(try Martlet().exec("/bin/true").run().status == 0)
    }

    private static func children(of pid: Int32) -> [Int32] {
        guard let bytes = try? HostFiles.read("/proc/\(pid)/task/\(pid)/children") else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }

    @Test func theWardensOwnDescriptorsDoNotGrow() throws {
        // One warden, many sandboxes: only the program of its own serves more than one. See WardenTests.
        let running = try Martlet().shell("echo ready; sleep 300").start()
        #expect(try running.firstLine() == "ready")
        let warden = try #require(Self.children(of: running.pid).first)
        // Standard streams, socket, lock, queue, and of the sandbox: channel, process, memory counter.
        #expect(HostFiles.names(in: "/proc/\(warden)/fd").count <= 12)
        running.signal(SIGTERM)
        _ = try running.end()
    }
}
