// The warden as a program of its own: for a supervisor that has no rights and threads, and could not fork it.

import Glibc
import Linux
import Sandbox
import Warden

@main
enum Main {
    static func main() {
        Files.fillStandardStreams()
        var directory = Workplace.standardPath
        var cgroup: String?
        var rest = CommandLine.arguments.dropFirst()
        while let name = rest.popFirst() {
            switch (name, rest.popFirst()) {
            case ("--run", let path?): directory = path
            case ("--cgroup", let path?): cgroup = path
            default: refuse()
            }
        }
        if Credentials.userID != 0 || (try? Files.kind(of: Warden.controlDescriptor))?.kind != .socket { refuse() }
        Warden.run(directory: directory, cgroup: cgroup)
    }

    private static func refuse() -> Never {
        let text = """
            martlet-warden is the privileged half of martlet: root starts it with a socket as descriptor 3. Use martlet \
            instead: see 'martlet --help'.

            """
        try? Files.write(Array(text.utf8), to: 2, named: "standard error")
        _exit(64)
    }
}
