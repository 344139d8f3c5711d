// What `--help` says: the overview here, each command's own beside it.

enum Help {
    static let version = "martlet 0.1"

    static func topic(_ name: String?) -> String? {
        switch name {
        case nil: overview
        case "exec": exec
        case "run": run
        case "serve": serve
        case "doctor": doctor
        case "deploy": deploy
        case "invoke": invoke
        case "init": start
        case "shutdown": shutdown
        case "ps": ps
        case "snapshot": snapshot
        case "bench": bench
        case "functions": functions
        case "logs": logs
        case "delete": delete
        case "help": overview
        default: nil
        }
    }

    static let overview = """
        martlet: runs functions in sandboxes, compatible with AWS Lambda.

        usage: martlet COMMAND [OPTIONS]

        without a server
          run        one event for one function: answer on standard output, log on standard error
          exec       one command in a sandbox of its own

        the server
          serve      run functions for whoever may speak to the control socket
          doctor     say what this host offers to the engine, and what it lacks

        functions
          deploy     make a function of a directory, a file or a zip, or change it
          invoke     send an event to a function
          functions  list what is deployed
          logs       print a function's log, or follow it
          delete     remove a function

        environments
          init       start one ahead of any event
          ps         list those that there are
          shutdown   end one

        snapshots
          snapshot   make, list, inspect or delete what new environments start from
          bench      measure how a function starts, beside its interpreter alone

          help       this text, or that of a command: martlet help run

        The engine keeps root file systems and functions in /var/lib/martlet (--state, MARTLET_STATE), working files in
        /run/martlet (--run, MARTLET_RUN), makes its cgroups below the one it is started in (--cgroup, MARTLET_CGROUP),
        and listens at control.sock among its working files (--socket, MARTLET_SOCKET).
        """
}
