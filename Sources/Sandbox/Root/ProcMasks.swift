// Which parts of /proc a sandbox does not see. Most could not be used without privilege anyway; a mask does not depend on
// the kernel getting every permission right. What a kernel does not have is passed over.

import Glibc
import Linux

enum ProcMasks {
    /// Shown as empty files.
    private static let files = [
        "kcore",  // all memory
        "kallsyms",  // where the kernel's functions are
        "keys", "key-users",  // key rings are not in a namespace
        "timer_list", "sched_debug", "latency_stats",  // names of the host's processes, on older kernels for all to read
        "sysrq-trigger",  // reboots the host
        "interrupts", "softirqs",  // how other sandboxes type and talk
        "cmdline",  // how the host was started
        "swaps", "partitions", "diskstats",  // the host's disks
    ]
    /// Shown as empty directories.
    private static let directories = ["acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "scsi", "tty"]

    /// Lays the masks over the proc file system at /proc. /dev is there already.
    static func apply() throws(SystemError) {
        for name in files { try cover("/proc/\(name)", with: "/dev/null") }
        let empty = try Mounts.make(
            "tmpfs", [("size", "4k"), ("nr_inodes", "1"), ("mode", "0555")],
            attributes: [.readOnly, .noSetuid, .noDevices, .noExecution])
        var source: String?
        for name in directories {
            let path = "/proc/\(name)"
            if let source {
                try cover(path, with: source)
            } else if try ifPresent({ () throws(SystemError) in try Mounts.attach(empty, at: path) }) {
                source = path
            }
        }
        try lock("/proc/sys")
    }

    private static func cover(_ path: String, with source: String) throws(SystemError) {
        _ = try ifPresent { () throws(SystemError) in try Mounts.bind(source, at: path) }
    }

    /// The kernel's settings: readable, and not writable whoever owns them.
    private static func lock(_ path: String) throws(SystemError) {
        let mount = try Mounts.clone(of: .working, path)
        try Mounts.setAttributes([.readOnly, .noSetuid, .noDevices, .noExecution], of: mount)
        try Mounts.attach(mount, at: path)
    }

    private static func ifPresent(_ body: () throws(SystemError) -> Void) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try body()
            return true
        } catch where error.code == ENOENT {
            return false
        }
    }
}
