// `martlet doctor`: looks at this host and says what it means for the engine. Every check that can be made by trying is
// made by trying; nothing is changed.

import Linux
import Wire

/// One thing that was looked at.
struct Finding {
    enum Verdict: String {
        case good = "ok"
        /// The engine runs, with less.
        case poorer = "note"
        /// The engine cannot run.
        case missing = "LACKS"
    }

    let name: String
    let verdict: Verdict
    let found: String
    /// What it is for, and what follows from a lack.
    let meaning: String
    let mend: String?

    init(_ name: String, _ verdict: Verdict, _ found: String, _ meaning: String, mend: String? = nil) {
        self.name = name
        self.verdict = verdict
        self.found = found
        self.meaning = meaning
        self.mend = verdict == .good ? nil : mend
    }
}

enum DoctorCommand {
    static func run(_ arguments: [String]) -> Int32 {
        var places = Places()
        var json = false
        do throws(UsageError) {
            var reader = OptionReader(arguments)
            while let item = try reader.next() {
                guard case .option(let name) = item else {
                    throw UsageError(message: "doctor takes no arguments; see 'martlet doctor --help'")
                }
                switch name {
                case "--help":
                    Terminal.print(Help.doctor)
                    return ExitStatus.success
                case "--json": json = true
                case "--state": places.state = try reader.value(of: name)
                case "--run": places.run = try reader.value(of: name)
                case "--cgroup": places.cgroup = try reader.value(of: name)
                default: throw UsageError(message: "doctor has no option \(name); see 'martlet doctor --help'")
                }
            }
        } catch {
            Terminal.complain(error.message)
            return ExitStatus.usage
        }
        let findings = KernelChecks.all() + LimitChecks.all(places) + PlaceChecks.all(places)
        let canRun = !findings.contains { $0.verdict == .missing }
        Terminal.print(json ? object(findings, canRun).line : text(findings, canRun))
        return canRun ? ExitStatus.success : 1
    }

    private static func text(_ findings: [Finding], _ canRun: Bool) -> String {
        let rows = findings.map { [$0.verdict.rawValue, $0.name, $0.found, $0.meaning] }
        let lines = Terminal.table(rows).split(separator: "\n", omittingEmptySubsequences: false)
        var text: [String] = []
        for (line, finding) in zip(lines, findings) {
            text.append(String(line))
            if let mend = finding.mend { text.append("       to mend it: \(mend)") }
        }
        let notes = findings.filter { $0.verdict == .poorer }.count
        let missing = findings.filter { $0.verdict == .missing }.count
        text.append("")
        text.append(
            canRun
                ? "the engine can run here" + (notes > 0 ? ", with \(notes) note\(notes == 1 ? "" : "s")" : "")
                : "the engine cannot run here: \(missing) thing\(missing == 1 ? " is" : "s are") missing")
        return text.joined(separator: "\n")
    }

    private static func object(_ findings: [Finding], _ canRun: Bool) -> JSON {
        let checks = findings.map { finding in
            JSON.object([
                ("name", .text(finding.name)),
                ("verdict", .text(finding.verdict.rawValue.lowercased())),
                ("found", .text(finding.found)), ("meaning", .text(finding.meaning)),
                ("mend", finding.mend.map { .text($0) } ?? .null),
            ])
        }
        return .object([("can_run", .bool(canRun)), ("checks", .list(checks))])
    }
}
