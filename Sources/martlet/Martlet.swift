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
        _exit(run(command, Array(arguments)))
    }

    private static func run(_ command: String, _ arguments: [String]) -> Int32 {
        switch command {
        case "exec": return ExecCommand.run(arguments)
        case "run": return RunCommand.run(arguments)
        case "serve": return ServeCommand.run(arguments)
        case "doctor": return DoctorCommand.run(arguments)
        case "deploy": return DeployCommand.run(arguments)
        case "invoke": return InvokeCommand.run(arguments)
        case "functions": return FunctionCommands.list(arguments)
        case "logs": return FunctionCommands.logs(arguments)
        case "delete": return FunctionCommands.delete(arguments)
        case "init": return EnvironmentCommands.start(arguments)
        case "ps": return EnvironmentCommands.list(arguments)
        case "snapshot": return SnapshotCommands.run(arguments)
        case "bench": return BenchCommand.run(arguments)
        case "shutdown": return EnvironmentCommands.shutDown(arguments)
        case "help", "--help", "-h": return help(arguments.first)
        case "--version":
            Terminal.print(Help.version)
            return ExitStatus.success
        default:
            Terminal.complain("there is no command '\(command)'; 'martlet help' lists them")
            return ExitStatus.usage
        }
    }

    private static func help(_ topic: String?) -> Int32 {
        guard let text = Help.topic(topic) else {
            Terminal.complain("there is no command '\(topic ?? "")'; 'martlet help' lists them")
            return ExitStatus.usage
        }
        Terminal.print(text)
        return ExitStatus.success
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
