// What `martlet snapshot --help` and `martlet bench --help` say.

extension Help {
    static let snapshot = """
        martlet snapshot: what new environments of a function start from: an initialised one, as it was.

        usage: martlet snapshot create [OPTIONS] NAME
               martlet snapshot list [OPTIONS]
               martlet snapshot inspect [OPTIONS] NAME
               martlet snapshot delete [OPTIONS] NAME

          create               makes one, anew where there is one, and waits until it is made
          list                 those that there are or should be: state, size, and why there is none
          inspect              all that is in the image: memory, threads, descriptors, what was left out and why
          delete               removes it; it is made again by create, or when the function is deployed anew

          --json               objects on standard output

        A function that is deployed with --snapshot has one made in the background, after each deployment.

        \(engine)

        \(statuses)

        examples
          martlet snapshot create hello
          martlet snapshot inspect hello --json | jq .image
        """

    static let bench = """
        martlet bench: measures how a function starts, in turns with a bare start of its interpreter doing the same.

        usage: martlet bench [OPTIONS] NAME [EVENT]

          EVENT is JSON, @FILE, or - for standard input; without one it is {}.

          --start MODE         auto, cold, restore, pooled or warm (auto); 'martlet help invoke' says what each is
          -n, --count N        so many events, one after the other (200)
          --concurrency N      then crowds of so many events at once, five times: time to the last answer
          --code DIR           the function's files, for the bare interpreter (those in the state directory)
          --state DIR          the engine's state directory (MARTLET_STATE, /var/lib/martlet)
          --no-bare            no bare starts
          --json               one object on standard output

        Times are microseconds, from before the event is sent until its answer is there, on a connection that is kept;
        the phases are the engine's. The interpreter is /usr/bin/python3 or /usr/bin/node of this host: it loads the
        function and calls it once, and its time ends with the answer. After an event are 20 ms of rest, then comes the
        bare start.

        \(engine)

        \(statuses)

        examples
          martlet bench hello --start restore
          martlet bench hello --start restore --concurrency 100 --json
        """
}
