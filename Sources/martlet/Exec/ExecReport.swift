// How a run ended, told in words on standard error, in the exit status, and with --json as one object on standard output.

import Linux
import Wire

struct ExecReport {
    let options: ExecOptions
    let begun: UInt64
    let steps: [Step]
    let ending: ExecEnding

    init(options: ExecOptions, begun: UInt64, steps: [Step], ending: ExecEnding) {
        self.options = options
        self.begun = begun
        // In the order in which they happened, over both sides; where nobody asks, nobody waits for it.
        self.steps = options.explain || options.json ? steps.sorted { $0.start < $1.start } : []
        self.ending = ending
    }

    func tell() -> Int32 {
        if options.explain, !steps.isEmpty { Terminal.note(explanation) }
        if let words { Terminal.complain(words) }
        if options.json { Terminal.print(object.line) }
        return status
    }

    private var status: Int32 {
        switch ending {
        case .outcome(let outcome): ExitStatus.of(outcome.reason)
        case .refusal(let refusal): ExitStatus.of(refusal.kind)
        }
    }

    /// What a person must be told, because the exit status alone does not say it.
    private var words: String? {
        switch ending {
        case .refusal(let refusal): return refusal.message
        case .outcome(let outcome):
            switch outcome.reason {
            case .exited, .signalled: return nil
            case .timedOut: return "the command was ended after its timeout of \(seconds(options.request.timeoutMS))"
            case .outOfMemory:
                return """
                    the command was killed: out of memory at its limit of \(options.request.memoryMB) MB \
                    (/tmp and /dev/shm count as memory)
                    """
            case .killed: return "the sandbox was ended from outside"
            }
        }
    }

    private func seconds(_ milliseconds: UInt64) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }

    // MARK: --explain

    private var explanation: String {
        var rows = [["at µs", "took µs", "side", "step"]]
        for step in steps {
            rows.append([
                microseconds(step.start - min(step.start, begun)), microseconds(step.end - step.start),
                step.side == .outside ? "outside" : "inside", step.name,
            ])
        }
        if let end = steps.map(\.end).max() {
            rows.append([microseconds(end - begun), "", "", "the command runs"])
        }
        if case .outcome(let outcome) = ending {
            rows.append(["", microseconds(outcome.wallNS), "", "the command has run"])
        }
        rows.append([microseconds(Clock.now - begun), "", "", "everything is removed"])
        return Terminal.table(rows, right: [0, 1])
    }

    private func microseconds(_ nanoseconds: UInt64) -> String { String(nanoseconds / 1000) }

    // MARK: --json

    private var object: JSON {
        var members: [(String, JSON)] = [("exit", .integer(Int64(status))), ("reason", .text(reason))]
        switch ending {
        case .outcome(let outcome):
            members += [
                ("wall_us", .integer(Int64(outcome.wallNS / 1000))),
                ("cpu_us", .integer(Int64(outcome.cpuUS))),
                ("peak_memory_bytes", outcome.peakMemory.map { .integer(Int64($0)) } ?? .null),
            ]
        case .refusal(let refusal): members.append(("message", .text(refusal.message)))
        }
        members.append(("total_us", .integer(Int64((Clock.now - begun) / 1000))))
        members.append(("steps", .list(steps.map(describe))))
        return .object(members)
    }

    private func describe(_ step: Step) -> JSON {
        .object([
            ("step", .text(step.name)), ("side", .text(step.side == .outside ? "outside" : "inside")),
            ("at_us", .integer(Int64(step.start - min(step.start, begun)) / 1000)),
            ("took_us", .integer(Int64(step.end - step.start) / 1000)),
        ])
    }

    private var reason: String {
        switch ending {
        case .refusal(let refusal):
            switch refusal.kind {
            case .request: return "bad-request"
            case .input: return "missing-input"
            case .limit: return "limit-not-enforceable"
            case .state: return "state-not-writable"
            case .step: return "start-failed"
            case .notExecutable: return "not-executable"
            case .notFound: return "command-not-found"
            case .rights: return "not-root"
            case .snapshot: return "snapshot-not-usable"
            }
        case .outcome(let outcome):
            switch outcome.reason {
            case .exited: return "exited"
            case .signalled: return "signalled"
            case .timedOut: return "timed-out"
            case .outOfMemory: return "out-of-memory"
            case .killed: return "killed"
            }
        }
    }
}
