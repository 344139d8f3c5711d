// What `martlet serve --help` and `martlet doctor --help` say.

extension Help {
    static let serve = """
        martlet serve: runs functions for whoever may speak to its control socket.

        usage: martlet serve [--socket PATH] [--user USER] [options]

        Root starts it. It starts the warden, which makes sandboxes, and gives up every right itself.

          --socket PATH         the control socket (RUN/control.sock)
          --socket-mode MODE    its permissions in octal (660)
          --socket-group GROUP  its group, whose members may use it beside root (none)
          --user USER           whom the supervisor becomes, by name or number (1879048191, which nobody else is)
          --freeze-after MS     an environment without an event for so long is frozen (20)
          --idle-after S        one without an event for so long ends (600)
          --max-environments N  no more than these at a time (1000)
          --shells N            empty sandboxes that wait for a restore, for each function in use that has a snapshot (2)
          --no-pools            keeps nothing ready but what functions have provisioned
          --drain S             how long events may run on when it shall end (30)
          --region NAME, --account NUMBER
                                where functions say they are (us-east-1, 000000000000)
          --log FORMAT          its own log on standard error: text, json or quiet
          --waive LIMIT         goes on without a limit that this host cannot enforce: memory, cpu or pids
          --state DIR, --run DIR, --cgroup PATH
                                as with martlet exec

        SIGTERM drains it: what runs comes to its end, what comes is refused, then it ends. A second one does not wait.
        With NOTIFY_SOCKET set, it tells a service manager when it is ready.

        exit status
           0  it was told to end, and has ended         69  this host cannot enforce a limit
           1  it lost the warden                        73  state directory or socket cannot be used
          64  the command line is wrong                 77  not root
         125  a step of the start failed

        examples
          sudo martlet serve
          sudo martlet serve --socket-group staff --idle-after 60 --log json
        """

    static let doctor = """
        martlet doctor: says what this host offers to the engine and what it lacks, what that means, how to mend it.

        usage: martlet doctor [--json] [--state DIR] [--run DIR] [--cgroup PATH]

        exit status: 0 when the engine can run here, 1 when something that it needs is missing.
        """
}
