// The program for people: finds the command and hands over.

import Glibc
import Linux

@main
enum Martlet {
    static func main() {
        Self.fillStandardStreams()
        var arguments = CommandLine.arguments.dropFirst()
        guard let command = arguments.popFirst() else {
            Terminal.print(Help.overview)
            _exit(ExitStatus.usage)
        }
        switch command {
        case "exec": _exit(ExecCommand.run(Array(arguments)))
        case "doctor": _exit(DoctorCommand.run(Array(arguments)))
        case "help", "--help", "-h":
            Terminal.print(Help.topic(arguments.first))
            _exit(ExitStatus.success)
        case "--version":
            Terminal.print(Help.version)
            _exit(ExitStatus.success)
        default:
            Terminal.complain("there is no command '\(command)'; the commands are exec, doctor and help")
            _exit(ExitStatus.usage)
        }
    }

    /// A caller may start us with a standard stream closed. What is opened next would take its number, and a sandbox
    /// would get it as its own.
    private static func fillStandardStreams() {
        for stream in Int32(0)...2 where (try? Files.kind(of: stream)) == nil {
            // The lowest free number is this one. Not close-on-exec: the command shall have it.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }
}
