// What `martlet run --help` and `martlet deploy --help` say: the two that take code.

extension Help {
    private static let code = """
          CODE is a directory, a single file (Python, JavaScript, or any program, which becomes the bootstrap), or a zip.
        """

    private static let function = """
        what the function is
          --runtime NAME       python3.11, nodejs18.x, provided; guessed from the files when not given
          --handler H          module.function; guessed when the file and the function have one of the usual names:
                               lambda_function.lambda_handler, app.handler, main.handler, index.handler
          --memory MB          128 to 10240; 1769 MB come with one whole CPU, less with its part (128)
          --timeout S          1 to 900, for each event (3)
          --tmp MB             size of /tmp, 512 to 10240 (512)
          --env NAME=VALUE     a variable; may be given again and again
          --layer DIR|ZIP      merged at /opt; up to five, a later one over an earlier one
          --log-format FORMAT  Text or JSON
          --log-level LEVEL    TRACE, DEBUG, INFO, WARN, ERROR or FATAL, with JSON (INFO)
          --description TEXT   for people
        """

    static let run = """
        martlet run: sends one event to one function, with no server: makes an environment, invokes, removes everything.

        usage: martlet run [OPTIONS] CODE [EVENT]

        \(code)
          EVENT is JSON, @FILE, or - for standard input; without one it is {}.

        \(function)
          --name NAME          what it is called while it lives (after CODE)

        what it tells
          The answer on standard output, the function's log on standard error as it comes.
          --json               one object instead: status, response, phases, log
          --explain            what each phase took, on standard error
          --client-context J   JSON that the function finds in its context

        where the engine is
          --state DIR, --run DIR, --cgroup PATH, --waive LIMIT
                               as with martlet exec

        exit status
           0  it answered                                73  the state directory cannot be used
           1  the function failed: its error is on       77  not root
              standard output                           123  the function was out of memory
          64  the command line, code or event is wrong   124  the function's timeout has passed
          66  code, event or runtime is missing          125  a step of the start failed
          69  this host cannot enforce a limit           130  Ctrl-C

        examples
          sudo martlet run hello.py '{"name": "world"}'
          sudo martlet run ./app @event.json --timeout 30 --env STAGE=test
          echo '[1, 2]' | sudo martlet run --runtime nodejs18.x --handler index.sum code.zip -
        """

    static let deploy = """
        martlet deploy: makes a function of files, or changes it. New events go to the new code at once; what runs comes
        to its end in the old.

        usage: martlet deploy [OPTIONS] NAME CODE

        \(code)
          NAME has letters, digits, - and _, at most 64. What is not given is as for a new function.

        \(function)
        how its environments start
          --snapshot           from a snapshot of an initialised one, made in the background
          --warm-up FILE       events, one a line, that are run before it is made, so that what they load is in it
          --provisioned N      at least so many wait, restored, 0 to 1000 (0)
          --reserved N         no more environments than these at a time (as many as the engine has)
          --start MODE         where events find theirs: auto, cold, restore, pooled or warm (auto);
                               'martlet help invoke' says what each is

          --json               the function as the engine has it, on standard output

        \(engine)

        \(statuses)

        examples
          martlet deploy hello hello.py
          martlet deploy hello hello.py --snapshot --provisioned 2
          martlet deploy shop ./shop --handler src/app.handler --memory 512 --timeout 10 --layer deps.zip
        """
}
