// How a test ends what it has started.

import Glibc

extension RunningProgram {
    package func signal(_ number: Int32) { kill(pid, number) }

    /// Waits for its end, and kills it at the limit.
    package func end(limit: Duration = .seconds(20)) throws -> Outcome {
        let deadline = ContinuousClock().now + limit * Binaries.patience
        while !collect() {
            if ContinuousClock().now >= deadline {
                kill(pid, SIGKILL)
                finish()
                return outcome(timedOut: true)
            }
        }
        return outcome(timedOut: false)
    }
}
