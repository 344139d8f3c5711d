// Processes that will not end. The attack's own word says nothing here: the harness looks at what is still running on the
// host when the sandbox is over. Left alone, each ends by itself after a few seconds.

internal import CAttacks
import Glibc

extension Attack {
    private static let timeout = ["--timeout", "1"]

    static let escapees: [Attack] = [
        Attack("daemon", "Forks twice, starts a session, and lets its parent end.", .outside) { _ in
            background {
                _ = call(__NR_setsid)
                background { linger() }
            }
            return .left("a daemon in a session of its own")
        },
        Attack("deaf-daemon", "The same, and ignores every signal that can be ignored.", .outside) { _ in
            background {
                ignoreEverything()
                _ = call(__NR_setsid)
                background { linger() }
            }
            return .left("a daemon that ignores signals")
        },
        Attack("adopter", "Adopts the orphans below it, so that no other parent sees them end.", .outside) { _ in
            background {
                _ = call(__NR_prctl, 36, 1, 0, 0, 0)
                background { background { linger() } }
                linger()
            }
            return .left("a daemon that adopts orphans")
        },
        Attack("runner", "Goes on in a new process ten times a second, too many to kill one by one.", .outside) { _ in
            background {
                let end = time(nil) + 4
                while time(nil) < end {
                    usleep(100_000)
                    // The child goes on; the parent stays a little, or nobody would ever see one of them.
                    if attack_fork() > 0 {
                        sleep(2)
                        _exit(0)
                    }
                }
            }
            return .left("a process that goes on in others")
        },
        Attack("holder", "Keeps the standard streams open after its end, for whoever waits for them.", .outside) { _ in
            for _ in 0..<8 { background { linger() } }
            return .left("eight processes that hold the streams")
        },
        Attack("deaf", "Ignores every signal and does not end in time.", .outside, options: timeout, endings: [124]) {
            _ in
            ignoreEverything()
            background { linger() }
            sleep(4)
            return .through("ran to its own end")
        },
        Attack("stopped", "Stops itself and its child: it cannot answer.", .outside, options: timeout, endings: [124]) {
            _ in
            background {
                _ = call(__NR_kill, getpid(), SIGSTOP)
                linger()
            }
            background {
                // Nobody else wakes the two when this runs outside.
                sleep(4)
                _ = call(__NR_kill, getppid(), SIGCONT)
            }
            _ = call(__NR_kill, getpid(), SIGSTOP)
            return .through("went on after it was stopped")
        },
        Attack("swarm", "Forks without end while it is being killed.", .outside, options: timeout, endings: [124]) {
            _ in
            for _ in 0..<20 { background { linger() } }
            let end = time(nil) + 4
            while time(nil) < end {
                background { usleep(50_000) }
                while true {
                    var status: Int32 = 0
                    guard unsafe attack_wait(-1, WNOHANG, &status) > 0 else { break }
                }
                usleep(1000)
            }
            return .through("forked to its own end")
        },
    ]

    private static func background(_ body: () -> Void) {
        if attack_fork() == 0 {
            body()
            _exit(0)
        }
    }

    private static func linger() -> Never {
        sleep(6)
        _exit(0)
    }

    private static func ignoreEverything() {
        for number in Int32(1)..<32 { _ = signal(number, SIG_IGN) }
    }
}
