// How a sandbox ends: told to, out of memory, by itself, or because something is wrong with it.

import Glibc
import Linux
package import Wire

extension Sandbox {
    /// Ends the sandbox for a reason: all of it, at once.
    package func end(because reason: Outcome.Reason) {
        if self.reason == nil { self.reason = reason }
        kill()
    }

    /// Ends it because it cannot go on; the first failure is the one that is told.
    package func fail(_ refusal: Refusal) {
        if failure == nil { failure = refusal }
        kill()
    }

    package func noticeShortage() { isShortOfMemoryUntil = Clock.now + 5_000_000_000 }

    /// Ends all of it when the kernel has killed a part of it for lack of memory.
    package func endIfOutOfMemory() {
        if isOutOfMemory() {
            isShortOfMemoryUntil = nil
            end(because: .outOfMemory)
        } else if let until = isShortOfMemoryUntil, until < Clock.now {
            isShortOfMemoryUntil = nil
        }
    }

    func isOutOfMemory() -> Bool { group.outOfMemoryKills() > 0 }

    private func kill() {
        isEnding = true
        group.kill()
        // Pid 1 of a namespace takes all others with it; this also serves hosts without cgroup2.
        try? Processes.signal(SIGKILL, to: process)
    }

    package enum End {
        case outcome(Outcome)
        case refusal(Refusal)
    }

    /// Called when pid 1 has ended, and every process of its namespace before it: takes the kernel's figures and removes
    /// what is left. Nil when it has not ended. Its descriptors close with the last reference to this object.
    package func bury() -> End? {
        let pidOne: Processes.Ending?
        do throws(SystemError) {
            guard let found = try Processes.wait(for: pid, block: false) else { return nil }
            pidOne = found.ending
        } catch {
            pidOne = nil
        }
        if endedAt == 0 { endedAt = Clock.now }
        if isOutOfMemory() { reason = .outOfMemory }
        let (cpuUS, peakMemory) = figures ?? (group.cpuMicroseconds(), group.peakMemory())
        let outcome = Outcome(
            reason: reason ?? .killed, wallNS: startedAt == 0 || endedAt < startedAt ? 0 : endedAt - startedAt,
            cpuUS: cpuUS,
            peakMemory: peakMemory)
        foundations.removals.remove(group.paths, of: block)
        if reason == nil, let refusal = refusal ?? failure { return .refusal(refusal) }
        // Not a word from it, and nobody killed it: the fault is ours.
        if reason == nil, startedAt == 0, pidOne != .signalled(SIGKILL) {
            return .refusal(Refusal(.step, "pid 1 of the sandbox died before it had made it"))
        }
        return .outcome(outcome)
    }
}
