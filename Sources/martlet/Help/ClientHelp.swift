// What `--help` says of the commands that speak to an engine.

extension Help {
    static let engine = """
        where the engine is
          --socket PATH        its control socket (MARTLET_SOCKET, RUN/control.sock)
          --run DIR            its working files (MARTLET_RUN, /run/martlet)
        """

    static let statuses = """
        exit status
           0  done                                       75  busy, full or ending: try again later
          64  the command line is wrong                  77  this user may not use the control socket
          66  there is no such thing                    125  the engine failed
          69  no engine can be reached
        """

    static let invoke = """
        martlet invoke: sends an event to a function and prints its answer.

        usage: martlet invoke [OPTIONS] NAME [EVENT]

          EVENT is JSON, @FILE, or - for standard input; without one it is {}.

          --environment ID     this environment, and no other
          --start MODE         where it finds its environment:
                                 auto     one that waits, else from the pool, else from the snapshot, else a new one
                                 cold     always a new one, started from nothing
                                 restore  always a new one, from the snapshot
                                 pooled   one of the pool; when that is empty, from the snapshot
                                 warm     one that waits; when there is none, as with auto
          --log                the end of the log of this invocation (4 KB), on standard error
          --stream             the answer as it comes, where the function streams it
          --client-context J   JSON that the function finds in its context
          --explain            what each phase took, on standard error
          --json               one object instead: status, response, request_id, environment, phases, log

        \(engine)

        exit status
           0  it answered                                75  busy, full or ending: try again later
           1  the function failed: its error is on       77  this user may not use the control socket
              standard output                           123  the function was out of memory
          64  the command line or the event is wrong    124  the function's timeout has passed
          66  no such function, environment or file     125  the engine failed
          69  no engine can be reached

        examples
          martlet invoke hello '{"name": "world"}' --log
          martlet invoke hello @event.json --json
          cat event.json | martlet invoke hello -
        """

    static let start = """
        martlet init: starts an environment for a function ahead of any event; prints its id, and on standard error what
        each phase took.

        usage: martlet init [OPTIONS] NAME

          --json               the environment as the engine has it

        \(engine)

        \(statuses)
           1  the function's code does not start: see martlet logs NAME

        examples
          martlet init hello
          martlet invoke hello --environment "$(martlet init hello 2>/dev/null)"
        """

    static let shutdown = """
        martlet shutdown: ends an environment. An event that it has comes to its end first.

        usage: martlet shutdown [OPTIONS] ID

          --now                does not wait for its event
          --json               one object on standard output

        \(engine)

        \(statuses)

        examples
          martlet shutdown 3f6c0d9a51b2e874
          martlet shutdown --now 3f6c0d9a51b2e874
        """

    static let ps = """
        martlet ps: lists the environments that there are: state, events served, what their start took.

        usage: martlet ps [OPTIONS]

          --json               a list of objects

        \(engine)

        \(statuses)

        examples
          martlet ps
          martlet ps --json | jq -r '.[].id'
        """

    static let functions = """
        martlet functions: lists what is deployed.

        usage: martlet functions [OPTIONS]

          --json               a list of objects

        \(engine)

        \(statuses)

        examples
          martlet functions
        """

    static let logs = """
        martlet logs: prints a function's log: the last megabyte of what is kept.

        usage: martlet logs [OPTIONS] NAME

          -f, --follow         and goes on with what comes, until Ctrl-C
          --json               a list of lines; with --follow an object for each line

        \(engine)

        \(statuses)

        examples
          martlet logs hello
          martlet logs -f hello
        """

    static let delete = """
        martlet delete: removes a function and its log. What runs comes to its end.

        usage: martlet delete [OPTIONS] NAME

          --json               one object on standard output

        \(engine)

        \(statuses)

        examples
          martlet delete hello
        """
}
