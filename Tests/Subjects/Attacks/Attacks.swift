// Small hostile programs in one executable. Each tries one thing and reports whether it got through:
//
//     attacks list                      the table, one attack a line, columns between tabs
//     attacks run NAME [KEY=VALUE…]     `held: …` and 0, `through: …` and 10, `left: …` and 0; 70 when it is broken
//     attacks await                     the same for what a line from the Runtime API's port says
//     attacks captured NAME             lives on, to be captured: see captured.c; `through: …` when it got through
//     attacks victim KEY=VALUE…         the host's side: a process and its sockets, to be aimed at
//
// It is static, so that it runs in any root. It refuses to run outside a harness; what takes all it can get also wants
// to be told that limits stand around it, and looks for a process id namespace of its own.

internal import CAttacks
import Glibc

@main
enum Attacks {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "list":
            for theme in Attack.themes {
                for attack in theme.attacks { say(attack.row(theme: theme.name)) }
            }
        case "run" where arguments.count > 1:
            exit(run(arguments.dropFirst().first!, Stage(arguments.dropFirst(2))))
        case "victim":
            do { try Victim.serve(Stage(arguments.dropFirst())) } catch { fail("\(error)", 70) }
        case "await": Awaiting.serve()
        case "captured" where arguments.count > 1:
            guard environment("MARTLET_ATTACK_HARNESS") == "armed" else { fail("only in the harness", 64) }
            unsafe exit(Int32(-attack_while_captured(CommandLine.arguments[2], CommandLine.unsafeArgv)))
        case "gained":
            Gained.report()
        default: fail("usage: attacks list | run NAME [KEY=VALUE]... | victim KEY=VALUE...", 64)
        }
    }

    static func run(_ name: String, _ stage: Stage) -> Int32 {
        guard let attack = Attack.all.first(where: { $0.name == name }) else { fail("no attack is called \(name)", 64) }
        guard environment("MARTLET_ATTACK_HARNESS") == "armed" else {
            fail("this is a hostile program: it only runs in the harness of the isolation tests", 64)
        }
        if attack.needs.contains(.limits) {
            guard environment("MARTLET_ATTACK_LIMITS") == "armed", stage.isInOwnPidNamespace else {
                fail(
                    "\(name) takes all it can get: it only runs within limits, in a process id namespace of its own", 64
                )
            }
        }
        defer { _ = call(__NR_rmdir, scratchPath) }
        do {
            switch try attack.body(stage) {
            case .held(let reason):
                say("held: \(reason)")
                return 0
            case .left(let what):
                say("left: \(what)")
                return 0
            case .through(let what):
                say("through: \(what)")
                return 10
            }
        } catch {
            fail("\(name): \(error)", 70)
        }
    }

    /// Written at once: what follows may be the end of the process, or a copy of it.
    static func say(_ line: String, to descriptor: Int32 = 1) {
        _ = call(__NR_write, descriptor, line + "\n", line.utf8.count + 1)
    }

    static func fail(_ message: String, _ status: Int32) -> Never {
        say("attacks: \(message)", to: 2)
        exit(status)
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
