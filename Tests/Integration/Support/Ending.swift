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

extension RunningProgram {
    /// Waits until it has written this.
    package func waitFor(_ words: String, limit: Duration = .seconds(10)) throws {
        let deadline = ContinuousClock().now + limit * Binaries.patience
        while !outcome(timedOut: false).output.contains(words) {
            guard !collect(), ContinuousClock().now < deadline else {
                throw Program.Failure(description: "'\(words)' was not said; \(outcome(timedOut: false))")
            }
        }
    }
}
