// What `martlet exec --help` says.

extension Help {
    static let exec = """
        martlet exec: runs one command in a sandbox of its own, passes its streams through and its exit status on.

        usage: martlet exec [OPTIONS] -- COMMAND [ARGUMENTS]

        what it runs in
          --runtime NAME     root file system, as scripts/roots built it: provided, python3.11, nodejs18.x (provided)
          --root DIR         any directory as root file system instead, read-only
          --code DIR         what stands at /var/task, read-only; the command starts there
          --layer DIR        merged at /opt, read-only; up to five, a later one over an earlier one
          --tmp MB           size of /tmp, 1 to 10240 (512)
          --env NAME=VALUE   a variable; may be given again and again

        what it may use
          --memory MB        128 to 10240; 1769 MB come with one whole CPU, less with its part (1769)
          --timeout S        ends the sandbox after so many seconds (none)
          --net none         loopback alone, which is all there is
          --waive LIMIT      go on without memory, cpu or pids where the host cannot enforce it

        what it tells
          --explain          each step of the start with its time in microseconds, on standard error
          --json             one object at the end, on standard output: exit, reason, wall, CPU, peak memory, steps

        where the engine is
          --state DIR        root file systems (MARTLET_STATE, /var/lib/martlet)
          --run DIR          working files (MARTLET_RUN, /run/martlet)
          --cgroup PATH      the group to make groups below (MARTLET_CGROUP, the caller's own)

        for experiments on isolation
          --without MEASURE  takes one measure away: seccomp, capabilities, no-new-privileges, network-namespace,
                             ipc-namespace, host-name-namespace, cgroup-namespace, namespace-limits, read-only,
                             own-inodes, proc-masks, nosuid, closed-descriptors. Never for code you do not trust.

        exit status
          the command's own, or 128 and the number of the signal that ended it
           64  the command line is wrong                  123  out of memory
           66  a root, layer, code or runtime is missing  124  the timeout has passed
           69  this host cannot enforce a limit           125  a step of the start failed
           73  the run directory cannot be written        126  the command cannot be executed
           77  not root                                   127  there is no such command

        examples
          martlet exec -- /bin/echo hello
          martlet exec --runtime python3.11 --memory 256 --timeout 5 -- python3 -c 'print("hello")'
          martlet exec --runtime python3.11 --code ./app --explain -- python3 main.py
        """
}
