// Making processes, watching them and ending them. A child is held by a pidfd, which never comes to mean another process.

internal import CLinux
import Glibc

package struct Namespaces: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: Namespaces...) { self = elements.reduced() }

    package static let user = Namespaces(rawValue: CLINUX_CLONE_NEWUSER)
    package static let mount = Namespaces(rawValue: CLINUX_CLONE_NEWNS)
    package static let pid = Namespaces(rawValue: CLINUX_CLONE_NEWPID)
    package static let network = Namespaces(rawValue: CLINUX_CLONE_NEWNET)
    package static let ipc = Namespaces(rawValue: CLINUX_CLONE_NEWIPC)
    package static let hostName = Namespaces(rawValue: CLINUX_CLONE_NEWUTS)
    package static let cgroup = Namespaces(rawValue: CLINUX_CLONE_NEWCGROUP)
    package static let time = Namespaces(rawValue: CLINUX_CLONE_NEWTIME)

    /// Moves the caller into new namespaces of these kinds (time: its children).
    package func unshare() throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_unshare, Int(rawValue)), "unshare")
    }
}

package enum Processes {
    package enum Ending: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    package enum Fork: ~Copyable {
        case child
        case parent(pid: Int32, handle: FileDescriptor)
    }

    /// Forks into new namespaces, and into the cgroup that `cgroup` is open on. The child goes on in plain Swift: only
    /// for a process with one thread.
    package static func fork(
        into namespaces: Namespaces, cgroup: borrowing FileDescriptor?
    ) throws(SystemError) -> Fork {
        try fork(into: namespaces, group: raw(cgroup))
    }

    /// The same, with the group by its number.
    /// - Parameter asSibling: the child is one of the caller's parent
    package static func fork(
        into namespaces: Namespaces, group: Int32?, asSibling: Bool = false
    ) throws(SystemError) -> Fork {
        var handle: Int32 = -1
        var flags = namespaces.rawValue
        if group != nil { flags |= CLINUX_CLONE_INTO_CGROUP }
        if asSibling { flags |= CLINUX_CLONE_PARENT }
        // The end of a sibling is told as that of the caller is.
        let signal = asSibling ? 0 : SIGCHLD
        let pid = try Kernel.check(unsafe clinux_clone3(flags, &handle, signal, group ?? 0), "clone3")
        return pid == 0 ? .child : .parent(pid: Int32(pid), handle: FileDescriptor(owning: handle))
    }

    private static func raw(_ descriptor: borrowing FileDescriptor?) -> Int32? {
        switch descriptor {
        case .some(let descriptor): descriptor.raw
        case .none: nil
        }
    }

    /// Whether a process may be made with a number of the caller's choice, as restoring one needs. Tried by a child in a
    /// user and pid namespace of its own.
    package static func canChooseNumbers() -> Bool {
        switch try? fork(into: [.user, .pid], cgroup: nil) {
        case .child?: _exit(clinux_clone_with_number(4242) == 0 ? 0 : 1)
        case .parent(let pid, _)?: return (try? wait(for: pid))?.ending == .exited(0)
        case nil: return false
        }
    }

    /// Waits until one child (or any) has ended. Nil with `block: false` and none that has.
    package static func wait(
        for pid: Int32 = -1, block: Bool = true
    ) throws(SystemError) -> (pid: Int32, ending: Ending)? {
        var code: Int32 = 0
        var status: Int32 = 0
        let flags = block ? 0 : CLINUX_WNOHANG
        let result = Kernel.retry { unsafe clinux_wait(pid, flags, &code, &status) }
        // Who has no child at all, and only looks, has none that has ended.
        if result == -Int(ECHILD), pid < 0, !block { return nil }
        let found = try Kernel.check(result, "waitid")
        guard found > 0 else { return nil }
        return (Int32(found), code == CLINUX_CLD_EXITED ? .exited(status) : .signalled(status))
    }

    /// A process that is not a child, held: from here on its number does not matter.
    package static func open(_ pid: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: Int32(try Kernel.check(clinux_open_process(pid), "pidfd_open", String(pid))))
    }

    /// Whether a process that is held has ended, at most so many milliseconds from now.
    package static func hasEnded(_ handle: borrowing FileDescriptor, within milliseconds: Int32 = 0) -> Bool {
        hasEnded(handle.raw, within: milliseconds)
    }

    package static func hasEnded(_ handle: Int32, within milliseconds: Int32 = 0) -> Bool {
        var polled = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&polled, 1, milliseconds) == 1
    }

    package static func signal(_ number: Int32, to handle: borrowing FileDescriptor) throws(SystemError) {
        let result = Kernel.call(CLINUX_SYS_pidfd_send_signal, Int(handle.raw), Int(number), 0, 0)
        try Kernel.check(result, "pidfd_send_signal")
    }

    package static func signal(_ number: Int32, toProcess pid: Int32) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_kill, Int(pid), Int(number)), "kill", String(pid))
    }

    /// Asks the kernel to kill the caller when its parent dies. It is forgotten whenever the caller's uid changes.
    package static func dieWithParent() throws(SystemError) {
        try control(CLINUX_PR_SET_PDEATHSIG, Int(SIGKILL))
    }

    /// With `false`, /proc/PID of the caller belongs to root and nobody without privilege may look into its memory.
    package static func setDumpable(_ dumpable: Bool) throws(SystemError) {
        try control(CLINUX_PR_SET_DUMPABLE, dumpable ? 1 : 0)
    }

    /// Leaves every real-time or deadline class for the ordinary one: a caller may be in such a class, what it starts for
    /// somebody else must not be, and no cgroup v1 group would take it.
    package static func scheduleOrdinarily() throws(SystemError) {
        var priority: Int32 = 0
        let result = unsafe withUnsafePointer(to: &priority) {
            Kernel.call(CLINUX_SYS_sched_setscheduler, 0, Int(SCHED_OTHER), Int(bitPattern: $0))
        }
        try Kernel.check(result, "sched_setscheduler")
    }

    /// Overwrites the command line that /proc shows of the caller: a fork of ours has that of its parent, with paths of
    /// the host.
    package static func hideArguments() {
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = unsafe CommandLine.unsafeArgv[index] else { return }
            unsafe memset(argument, 0, strlen(argument))
        }
    }

    static func control(_ option: Int32, _ a: Int = 0, _ b: Int = 0) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_prctl, Int(option), a, b), "prctl", String(option))
    }
}
