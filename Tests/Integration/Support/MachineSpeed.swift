// How slow this machine is, measured once. Every limit that a test sets to a wait is multiplied by it, so that no test
// depends on a number of seconds: the same tests run on an idle host, on a loaded one, and under software emulation,
// where a process takes twenty times as long to start.

import Glibc

package enum MachineSpeed {
    /// How many times longer things may take here than on the machine that the limits were chosen for; 1 or more.
    package static let slowness: Int = {
        let measured = startTime() / referenceStartTime
        let slowness = max(1, Int(measured.rounded(.up)))
        if slowness > 1 { print("this machine is slow: every limit of a wait is \(slowness) times as long") }
        return slowness
    }()

    /// An idle machine of two processors needs a fifth of it; the same machine emulated by itself, eight times as long.
    private static let referenceStartTime = Duration.microseconds(5000)

    /// What the start and the end of a small program take here: system calls, page faults and changes of context, of which
    /// nearly all consists that the tests wait for. The mean and not the best: a loaded machine is a slow one.
    private static func startTime() -> Duration {
        let program = Program(["/bin/true"])
        let rounds = 20
        func start() { (try? program.start())?.waitForEnd() }
        // The first reads it from the disk.
        start()
        let begun = ContinuousClock().now
        for _ in 0..<rounds { start() }
        return (ContinuousClock().now - begun) / rounds
    }
}

/// Looks until it is so, or until there is no sense in waiting any more; whether it became so.
package func waitUntil(limit: Duration = .seconds(10), _ isSo: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock().now + limit * MachineSpeed.slowness
    while true {
        // A machine that stood still meanwhile may have got there.
        let isLast = ContinuousClock().now >= deadline
        if try isSo() { return true }
        if isLast { return false }
        usleep(2000)
    }
}
