// The places where an attack is run, and what came of it.

import Glibc
import IntegrationSupport
import Synchronization

enum Verdict: Equatable, CustomStringConvertible {
    case held(String)
    case through(String)
    /// Neither: the attack has shown nothing.
    case broken(String)

    var isHeld: Bool { if case .held = self { true } else { false } }
    var isThrough: Bool { if case .through = self { true } else { false } }

    var description: String {
        switch self {
        case .held(let reason): "held: \(reason)"
        case .through(let what): "got through: \(what)"
        case .broken(let what): "shows nothing: \(what)"
        }
    }
}

enum Place {
    /// `martlet exec`, without these measures and limits.
    case sandbox(without: [String] = [], waiving: [String] = [])
    /// The same under bubblewrap, started by an ordinary user.
    case bubblewrap
    /// No isolation, as root; what is named here is made new, for the host's sake.
    case outside(unshare: [String] = [])
    case chrooted

    init(showing control: Attack.Control) {
        switch control {
        case .outside(let namespaces): self = .outside(unshare: namespaces)
        case .chrooted: self = .chrooted
        case .without(let measures): self = .sandbox(without: measures)
        case .waiving(let limit): self = .sandbox(waiving: [limit])
        }
    }

    private static let bubblewrapPath = "/usr/bin/bwrap"
    /// Its promises were written down on an ordinary host: the test machine's kernel has more to get through to.
    static let hasBubblewrap = Binaries.isExecutable(bubblewrapPath) && !Binaries.isInTestMachine

    static let secondsForAttack = 30
    static let armed = ["MARTLET_ATTACK_HARNESS": "armed", "MARTLET_ATTACK_LIMITS": "armed"]
    private static let runs = Atomic(0)

    /// Runs `attack` here, aiming at `aims`, and judges it by what it says and by what it leaves running.
    func run(_ attack: Attack, on stage: Stage, aims: [String]) throws -> Verdict {
        let number = Self.runs.add(1, ordering: .relaxed).newValue
        let marker = "run=\(stage.directory)/\(number)"
        var words = command(attack, on: stage, ["run", attack.name] + aims + [marker])
        if attack.needs.contains("terminal") {
            words = ["script", "-qec", words.map { "'\($0)'" }.joined(separator: " "), "/dev/null"]
        }
        var program = Program(words)
        program.environment.merge(Binaries.engineEnvironment) { $1 }
        program.environment["MARTLET_LEAK"] = stage.leak
        // The sandbox's command gets these from `--env`: whether it inherits any is for an attack to find out.
        if case .sandbox = self {} else { program.environment.merge(Self.armed) { $1 } }
        let host = unsafe open("/", O_RDONLY | O_CLOEXEC)
        defer { close(host) }
        program.inherited = [host: 9]

        let outcome = try program.run(limit: .seconds(2 * Self.secondsForAttack))
        // What forks its way out of sight is given a moment to get there.
        if attack.theme == "escapees" { usleep(200_000) }
        switch self {
        case .sandbox, .bubblewrap:
            if Self.hasSurvivors(marker) { return .through("processes outlived it") }
        // Nothing ends what is left: it is not waited for, and only says something of what tries just that.
        case .outside, .chrooted:
            if Self.endSurvivors(marker), attack.theme == "escapees" { return .through("processes outlived it") }
        }
        return Self.judge(attack, outcome.timedOut ? nil : outcome.status, outcome.output, "\(outcome)")
    }

    /// - Parameter status: nil when it did not come to an end
    static func judge(_ attack: Attack, _ status: Int32?, _ output: String, _ outcome: String) -> Verdict {
        let line = trimmed(output)
        switch status {
        case nil: return .broken(outcome)
        case 0 where line.hasPrefix("held: ") || line.hasPrefix("left: "): return .held(line)
        case 10 where line.hasPrefix("through: "): return .through(String(line.dropFirst("through: ".count)))
        case let status? where attack.endings.contains(status): return .held(outcome)
        default: return .broken(outcome)
        }
    }

    /// Whether anything still runs half a second after the end. It is not left running.
    static func hasSurvivors(_ marker: String, except others: [Int32] = []) -> Bool {
        // Seen twice to be gone: what becomes a new process meanwhile is missed by one look.
        let areGone = waitUntil(limit: .milliseconds(500)) {
            guard survivors(marker, others).isEmpty else { return false }
            usleep(10_000)
            return survivors(marker, others).isEmpty
        }
        return areGone ? false : endSurvivors(marker, except: others)
    }

    /// Ends what still runs; whether anything did.
    private static func endSurvivors(_ marker: String, except others: [Int32] = []) -> Bool {
        let found = survivors(marker, others)
        for pid in found { kill(pid, SIGKILL) }
        return !found.isEmpty
    }

    private static func survivors(_ marker: String, _ others: [Int32]) -> [Int32] {
        HostProcesses.having(marker).filter { !others.contains($0) }
    }

    private func command(_ attack: Attack, on stage: Stage, _ arguments: [String]) -> [String] {
        let inside = ["/var/task/attacks"] + arguments + ["code=/var/task", "layer=/opt"]
        let outside = arguments + ["code=\(stage.code)", "layer=\(stage.layer)"]
        switch self {
        case .sandbox(let measures, let limits):
            return [Binaries.martlet, "exec", "--root", stage.root, "--code", stage.code, "--layer", stage.layer]
                + (attack.options.contains("--timeout")
                    ? [] : ["--timeout", "\(Self.secondsForAttack * Binaries.patience)"]) + attack.options
                + Self.armed.flatMap { ["--env", "\($0)=\($1)"] }
                + measures.flatMap { ["--without", $0] } + limits.flatMap { ["--waive", $0] } + ["--"] + inside
        case .bubblewrap:
            return ["setpriv", "--reuid", "993", "--regid", "990", "--clear-groups", Self.bubblewrapPath]
                + ["--unshare-all", "--uid", "993", "--gid", "990", "--die-with-parent", "--new-session", "--clearenv"]
                + [
                    "--ro-bind", stage.root, "/", "--ro-bind", stage.code, "/var/task", "--ro-bind", stage.layer,
                    "/opt",
                ]
                + ["--proc", "/proc", "--dev", "/dev", "--size", "16777216", "--tmpfs", "/tmp", "--chdir", "/var/task"]
                + Self.armed.flatMap { ["--setenv", $0, $1] } + ["--"] + inside
        case .outside(let namespaces):
            let wrapper = namespaces.isEmpty ? [] : ["unshare"] + namespaces
            return wrapper + [stage.attacks] + outside
        case .chrooted:
            // A program of Swift's finds its arguments in /proc.
            return ["unshare", "--mount-proc=\(stage.root)/proc", "chroot", stage.root, "/attacks"] + outside
        }
    }
}
