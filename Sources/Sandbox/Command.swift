// Finding the program to run, as a shell would, inside the sandbox; and saying why it cannot be run.

import Glibc
import Linux
import Wire

enum Command {
    static func find(_ name: String, environment: [String]) throws(Refusal) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            try check(name)
            return name
        }
        let path = environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let candidate = "\(directory)/\(name)"
            if (try? Files.access(candidate, X_OK)) != nil { return candidate }
        }
        throw Refusal(.notFound, "no such command in the sandbox: \(name) (looked in \(path))")
    }

    private static func check(_ path: String) throws(Refusal) {
        do throws(SystemError) {
            try Files.access(path, X_OK)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR {
                throw Refusal(.notFound, "no such command in the sandbox: \(path)")
            }
            throw Refusal(.notExecutable, "cannot execute \(path): \(error.reason)")
        }
    }

    static func refusal(of path: String, _ error: SystemError) -> Refusal {
        switch error.code {
        case ENOENT:
            Refusal(
                .notExecutable, "cannot execute \(path): the interpreter or loader that it names is not in the root")
        case ENOEXEC:
            Refusal(.notExecutable, "cannot execute \(path): not a program (a script must begin with #!)")
        case EAGAIN, ENOMEM:
            // Nothing is wrong with the program: the sandbox has no room for another process.
            Refusal(.step, "cannot start \(path): \(error.reason)")
        default:
            Refusal(.notExecutable, "cannot execute \(path): \(error.reason)")
        }
    }
}
