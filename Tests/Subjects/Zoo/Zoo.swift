// Tiny programs in one executable, one for each thing of the kernel's that a snapshot must carry over. Each sets up a
// state, asks for an event, where it is captured, and looks at every event whether the state is still there:
//
//     zoo --list                 one subject a line, columns between tabs: name, what is to come of it, needs, what it is
//     ZOO=NAME zoo | zoo NAME    a runtime for functions that answers {"ok":true,…}, or {"ok":false,"why":"…",…}
//
// The rest of an answer is how many events there were, by its memory, and the host's name.
//
// A subject that was never captured passes its own check, at the second event too: a check leaves what it found.

internal import CZoo
import Glibc

@main
enum Zoo {
    static func main() {
        let name = CommandLine.arguments.dropFirst().first ?? environment("ZOO") ?? ""
        if name == "--list" {
            for subject in Subject.all { say(subject.row) }
            return
        }
        guard let subject = Subject.all.first(where: { $0.name == name }) else {
            say("zoo: no subject is called '\(name)'; usage: zoo --list | NAME", to: 2)
            exit(64)
        }
        // A subject that cannot set itself up says so at each event.
        let check: Subject.Check
        do { check = try subject.setUp() } catch {
            let reason = "set-up: \(error)"
            check = { _ in throw Lost(reason) }
        }
        Runtime.serve(check)
    }

    static func say(_ line: String, to descriptor: Int32 = 1) {
        _ = call(__NR_write, descriptor, line + "\n", line.utf8.count + 1)
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
