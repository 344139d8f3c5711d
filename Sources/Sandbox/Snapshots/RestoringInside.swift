// What pid 1 of a sandbox does that is to be restored: it keeps, until then, the few rights that this takes. Nothing else
// has run in the sandbox by then. When its processes are launched it gives those rights up; when all of their threads have
// done the same it opens the gate (RestoreGate), and only then does the function run.

import Glibc
import Linux
import Snapshot
import Wire

extension Inside {
    /// In place of the last steps of a set-up.
    mutating func setUp(for restoration: Restoration) throws(Refusal) {
        isOpen = true
        let filter = plan.filter
        gate = try log.step("make the restore ready") { () throws(SystemError) in try restoration.prepare() }
        // It holds the same rights as this process, and does nothing until it is to become what was captured. The time
        // is not set yet: born later it would be in it, and the kernel lets nobody set a time that somebody is in.
        try log.step("make the first process") { () throws(SystemError) in
            try restoration.makeFirst { () throws(SystemError) in
                try Privileges.dropAllButRestoring()
                try SystemCallFilter.install(filter)
            }
        }
        try log.step("time of its own") { () throws(SystemError) in
            try Namespaces.time.unshare()
            // Who lets nobody look into its memory has no files of its own in /proc. Nobody is here yet to look.
            try Processes.setDumpable(true)
            timeOffsets = Descriptors(owning: [try Files.open("/proc/self/timens_offsets", .write).release()])
            let time = try Files.open("/proc/self/ns/time_for_children")
            try FileDescriptor.duplicate(time.raw, onto: Restoration.timeDescriptor, closeOnExec: true)
            try Processes.setDumpable(false)
        }
        try closeSettings()
        try log.step("drop privileges") { () throws(SystemError) in try Privileges.dropAllButRestoring() }
        try log.step("die with the keeper, again") { () throws(SystemError) in try Processes.dieWithParent() }
        try log.step("filter system calls") { () throws(SystemError) in try SystemCallFilter.install(filter) }
    }

    /// Makes the processes of the snapshot.
    mutating func restore(logs: borrowing Descriptors) {
        guard isOpen, let restoration = plan.restoration else {
            return report(.notRestored(Refusal(.request, "there is nothing to restore here")))
        }
        guard !processes.isEmpty else { return notRestored(failure(of: restoration)) }
        do throws(Refusal) {
            do throws(SystemError) {
                try setTime(restoration)
                try give(logs)
            } catch {
                throw Refusal(.snapshot, "prepare the restore: \(error)")
            }
            try launch(restoration)
            try close()
        } catch {
            notRestored(error)
        }
    }

    private func launch(_ restoration: Restoration) throws(Refusal) {
        switch gate {
        case .some(let gate): try restoration.launch(gate)
        case .none: throw Refusal(.request, "it is over")
        }
    }

    private func setTime(_ restoration: Restoration) throws(SystemError) {
        let text =
            Self.offset("monotonic", restoration.monotonic, Clock.now)
            + Self.offset("boottime", restoration.bootTime, Clock.sinceBoot)
        try Files.write(Array(text.utf8), to: timeOffsets[0], named: "timens_offsets")
    }

    private static func offset(_ clock: String, _ then: Int64, _ now: UInt64) -> String {
        let difference = then &- Int64(now)
        var (seconds, rest) = difference.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000_000) }
        return "\(clock) \(seconds) \(rest)\n"
    }

    /// Puts what the processes shall have where the steps of the restore look for it.
    private func give(_ logs: borrowing Descriptors) throws(SystemError) {
        for index in 0..<logs.count {
            try FileDescriptor.duplicate(logs[index], onto: Restoration.firstLog + Int32(index))
        }
    }

    /// Gives up what only a restore takes; from here on this is a pid 1 like any other.
    mutating func close() throws(Refusal) {
        guard isOpen else { return }
        isOpen = false
        do throws(SystemError) {
            try Credentials.setGroup(Privileges.group)
            try Credentials.setUser(Privileges.starter)
            try Capabilities.dropAll()
            try SystemCallFilter.install(RestoreFilter.closing)
            try Credentials.setUser(Privileges.guardian)
            try Processes.dieWithParent()
            try Processes.setDumpable(false)
        } catch {
            // With more rights than it should have it must not go on.
            _exit(1)
        }
        // The pipes, the pages, the way to arrive: what was launched has its own.
        FileDescriptor.closeRange(from: Restoration.firstLog, through: Restoration.lastGiven, unshares: true)
        timeOffsets = Descriptors(owning: [])
    }

    /// Every process has arrived, or is gone.
    mutating func finishRestore() {
        guard isRestoring, let restoration = plan.restoration, let gate = gate.take() else { return }
        do throws(Refusal) {
            try restoration.finish(gate)
            report(.restored(processes))
            hasToForget = true
        } catch {
            notRestored(error)
        }
    }

    /// Gives memory up when nothing has come for a while: that takes a processor for a millisecond, and at first the event
    /// needs it. Not much later, either: then the sandbox may be frozen.
    static let moment: Int32 = 5

    mutating func forget() {
        hasToForget = false
        plan.restoration?.forget()
    }

    /// One of the processes has ended before the gate was open.
    mutating func restoredProcessEnded() {
        // Before the restore: it is refused when it is asked for.
        guard isRestoring, let restoration = plan.restoration else { return processes = [] }
        notRestored(failure(of: restoration))
    }

    private func failure(of restoration: Restoration) -> Refusal {
        switch gate {
        case .some(let gate): restoration.failure(gate)
        case .none: Refusal(.request, "it is over")
        }
    }

    /// None of the processes has come to run the function; each of them is gone, with its rights, before anything else is
    /// started here.
    private mutating func notRestored(_ refusal: Refusal) {
        gate = nil
        processes = []
        try? Processes.signal(SIGKILL, toProcess: -1)
        // Until there are no children.
        while let _ = try? Processes.wait() {}
        report(.notRestored(refusal))
    }
}
