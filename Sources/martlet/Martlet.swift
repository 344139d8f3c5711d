// The program for people: finds the command and hands over.

import Glibc

@main
enum Martlet {
    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        guard let command = arguments.popFirst() else {
            Terminal.print(Help.overview)
            exit(ExitStatus.usage)
        }
        switch command {
        case "exec": exit(ExecCommand.run(Array(arguments)))
        case "doctor": exit(DoctorCommand.run(Array(arguments)))
        case "help", "--help", "-h":
            Terminal.print(Help.topic(arguments.first))
            exit(ExitStatus.success)
        case "--version":
            Terminal.print(Help.version)
            exit(ExitStatus.success)
        default:
            Terminal.complain("there is no command '\(command)'; the commands are exec, doctor and help")
            exit(ExitStatus.usage)
        }
    }
}
