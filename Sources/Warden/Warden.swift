// The privileged half of a supervisor that has no rights: makes and ends sandboxes as it is asked to over a socket, and
// ends with everything it made when the other side is gone. One thread, no shell, no Foundation.
//
// What it is told is checked as if the caller were hostile (Wire decodes, the requests' problem() and Sandbox check).

import Glibc
import Linux
import Sandbox
import Wire

package enum Warden {
    /// The socket to the other side.
    package static let controlDescriptor: Int32 = 3

    /// What root starts it with.
    package struct Settings {
        package var run = Workplace.standardPath
        package var cgroup: String?
        /// Where the directories of all requests must lie.
        package var state: String
        /// Sockets of the supervisor's that shall not outlive it, and that it may be unable to remove itself, each as
        /// `NUMBER:PATH`: the descriptor that holds it, and its name.
        package var remove: [String] = []
        /// The number of the descriptor whose words tell when sandboxes must end; see `LatestEnds`.
        package var latestEnds: Int32?
        package var failingCapture: Int?
        package var failingRestore: Int?
        package var captureMemoryMB: Int?
        /// The process that has started this one, as it says itself, and the memory with which it gets a group of its own.
        package var supervisor: (pid: Int32, memoryMB: UInt64)?

        package init(state: String) { self.state = state }
    }

    /// Serves the socket under `controlDescriptor` until the other side is gone.
    package static func run(_ settings: Settings) -> Never {
        // Whoever stops the service stops the supervisor, which lets its functions come to an end and then lets go of the
        // socket. A signal to the whole group must not end them before. No sandbox is the worse for it: the kernel keeps
        // such signals from pid 1 anyway, and a program is started with none ignored.
        for number in [SIGTERM, SIGINT, SIGHUP] { Signals.ignore(number) }
        // The modes that the code names are the modes it means.
        Files.setCreationMask(0)
        let control = ControlSocket()
        let files = DoomedFiles()
        do throws(Refusal) {
            for path in settings.remove { try files.add(path) }
            try serve(control, settings)
        } catch {
            // Before there is any request to answer: the caller waits for the first word.
            control.send(.refused(id: 0, error))
        }
        files.remove()
        _exit(0)
    }

    private static func serve(_ control: ControlSocket, _ settings: Settings) throws(Refusal) {
        do throws(SystemError) {
            // Three descriptors for each sandbox; pid 1 lowers its own limit.
            try ResourceLimit.openFiles.useAll()
        } catch {
            throw Refusal(.step, "raise the number of open files: \(error)")
        }
        var log = StepLog(.outside)
        let foundations = try Foundations(run: settings.run, cgroup: settings.cgroup, state: settings.state, &log)
        (foundations.failingCapture, foundations.failingStep) = (settings.failingCapture, settings.failingRestore)
        foundations.captureMemory = settings.captureMemoryMB.map { UInt64($0) << 20 }
        // Nobody waits to be told of the sweep at the start.
        var isBegun = false
        let keeper = try Keeper(foundations) { reply, descriptors in
            if case .swept = reply, !isBegun { isBegun = true } else { control.send(reply, descriptors) }
        }
        if let raw = settings.latestEnds {
            do throws(SystemError) {
                keeper.latestEnds = try SharedWords(reading: raw, count: LatestEnds.count)
            } catch {
                throw Refusal(.request, "--latest-ends: \(error)")
            }
            _ = FileDescriptor(owning: raw)
        }
        try keeper.watch(controlDescriptor, token: 0)
        keeper.sweep()
        try keeper.clearDrafts()
        var supervisor = try settings.supervisor.map { supervisor throws(Refusal) in
            try SupervisorGroup(of: supervisor.pid, memoryMB: supervisor.memoryMB, foundations)
        }
        var isWriting = false
        while !control.isStuck {
            let isDue = try keeper.wait(isBusy: control.hasMore).contains(0)
            if isDue || control.hasMore, !control.takeRequests(for: keeper) { break }
            control.flush()
            if control.hasUnsent != isWriting {
                isWriting = control.hasUnsent
                try keeper.watchAgain(controlDescriptor, token: 0, writing: isWriting)
            }
        }
        keeper.endAll()
        // It has let go of its end of the socket, and is about to be gone.
        if supervisor != nil { supervisor = nil }
        keeper.finishRemovals()
    }
}
