// The program for people: finds the command and hands over.

import Glibc
import Linux

@main
enum Martlet {
    static func main() {
        Files.fillStandardStreams()
        guard Self.argumentsAreText() else {
            Terminal.complain(
                "an argument is not valid UTF-8; put such bytes into a file, or pass them in a shell's own way")
            _exit(ExitStatus.usage)
        }
        var arguments = CommandLine.arguments.dropFirst()
        guard let command = arguments.popFirst() else {
            Terminal.print(Help.overview)
            _exit(ExitStatus.usage)
        }
        switch command {
        case "exec": _exit(ExecCommand.run(Array(arguments)))
        case "serve": _exit(ServeCommand.run(Array(arguments)))
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

    /// The standard library would mend what is not, and the command would get other bytes than were meant.
    private static func argumentsAreText() -> Bool {
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = unsafe CommandLine.unsafeArgv[index] else { break }
            if unsafe String(validatingCString: argument) == nil { return false }
        }
        return true
    }
}
