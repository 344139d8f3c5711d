// The warden as a program of its own: for a supervisor that has no rights and threads, and could not fork it.

import Glibc
import Linux
import Sandbox
import Warden

@main
enum Main {
    static func main() {
        Files.fillStandardStreams()
        var settings = Warden.Settings(state: "")
        var rest = CommandLine.arguments.dropFirst()
        while let name = rest.popFirst() {
            switch (name, rest.popFirst()) {
            case ("--state", let path?): settings.state = path
            case ("--run", let path?): settings.run = path
            case ("--cgroup", let path?): settings.cgroup = path
            case ("--remove", let path?): settings.remove.append(path)
            case ("--latest-ends", let number?):
                guard let raw = Int32(number), raw > Warden.controlDescriptor, (try? Files.kind(of: raw)) != nil else {
                    refuse(notForPeople)
                }
                settings.latestEnds = raw
            // For tests: a step of every capture or restore that fails, by its number.
            case ("--fail-capture", let step?): settings.failingCapture = Int(step)
            case ("--fail-restore", let step?): settings.failingRestore = Int(step)
            // For tests, too: what a capture may use in place of what it needs.
            case ("--capture-memory", let size?): settings.captureMemoryMB = Int(size)
            case ("--supervisor", let words?):
                let numbers = words.split(separator: ":")
                guard numbers.count == 2, let pid = Int32(numbers[0]), let size = UInt64(numbers[1]) else {
                    refuse(notForPeople)
                }
                settings.supervisor = (pid, size)
            default: refuse(notForPeople)
            }
        }
        if Credentials.userID != 0 || (try? Files.kind(of: Warden.controlDescriptor))?.kind != .socket {
            refuse(notForPeople)
        }
        if !settings.state.hasPrefix("/") {
            refuse("martlet-warden: --state DIR is missing, the absolute path below which all directories must lie")
        }
        Warden.run(settings)
    }

    private static let notForPeople = """
        martlet-warden is the privileged half of martlet: root starts it with a socket as descriptor 3. Use martlet \
        instead: see 'martlet --help'.
        """

    private static func refuse(_ words: String) -> Never {
        try? Files.write(Array((words + "\n").utf8), to: 2, named: "standard error")
        _exit(64)
    }
}
