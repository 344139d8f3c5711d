// The kernel's settings that a sandbox's own namespaces have, in /proc/sys. Pid 1 calls this as root inside, when it has
// made all namespaces that the sandbox shall ever have.

import Glibc
import Linux
import Wire

enum KernelSettings {
    /// Kinds of namespaces, each with a limit of its own in every user namespace.
    private static let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]

    static func close(without: [Measure]) throws(SystemError) {
        // The directory as it is before the lock, which copies a mount: that takes a namespace for a moment.
        let limits = try Files.open("/proc/sys/user", .nameOnly | .directory)
        if !without.contains(.procMasks) { try lock() }
        if !without.contains(.namespaceLimits) { try forbidNamespaces(limits) }
    }

    /// Nobody in here can make a namespace any more, with whatever capability, should a hole in the filter let somebody
    /// ask for one. The kernel looks at these limits in each user namespace up to its own, so one that is nested could
    /// not have more.
    private static func forbidNamespaces(_ limits: borrowing FileDescriptor) throws(SystemError) {
        for kind in kinds { try Files.control("max_\(kind)_namespaces", in: Directory(limits), "0") }
    }

    /// Readable, and not writable whoever owns them.
    private static func lock() throws(SystemError) {
        let path = "/proc/sys"
        let mount = try Mounts.clone(of: .working, path)
        try Mounts.setAttributes(.readOnly | .noSetuid | .noDevices | .noExecution, of: mount)
        try Mounts.attach(mount, at: path)
        // By this number two sandboxes would know that they are on one host. Whoever reads it gets a new one each time.
        let random = "/proc/sys/kernel/random"
        try Mounts.bind("\(random)/uuid", at: "\(random)/boot_id", ifThere: true)
    }

    /// The name under which the host's audit log keeps a process and all that it starts. A process that has none may
    /// choose one, once; so it is given the sandbox's own user.
    static func setAuditIdentity() throws(SystemError) {
        // Who lets nobody look into its memory has no files of its own in /proc. Nobody is here yet to look.
        try Processes.setDumpable(true)
        do throws(SystemError) {
            try Files.control("/proc/self/loginuid", String(Privileges.user))
        } catch {
            // A kernel without audit has no such file; and where the engine was started by somebody who had logged in,
            // that name stays, and nobody inside may change it.
            guard [ENOENT, EPERM, EACCES].contains(error.code) else { throw error }
        }
        try Processes.setDumpable(false)
    }
}
