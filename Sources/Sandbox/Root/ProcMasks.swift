// Which parts of /proc a sandbox does not see. Most could not be used without privilege anyway; a mask does not depend on
// the kernel getting every permission right. What a kernel does not have is passed over.

import Linux

enum ProcMasks {
    /// Shown as empty files.
    private static let files = [
        "kcore",  // all memory
        "kallsyms",  // where the kernel's functions are
        "keys", "key-users",  // key rings are not in a namespace
        "timer_list", "sched_debug", "latency_stats",  // names of the host's processes
        "sysrq-trigger",  // reboots the host
        "interrupts", "softirqs",  // how other sandboxes type and talk
        "cmdline",  // how the host was started
        "swaps", "partitions", "diskstats",  // the host's disks
        "vmstat", "zoneinfo", "buddyinfo", "schedstat",  // what the host's memory and processors do, by the moment
        "config.gz", "modules",  // what the kernel is made of
    ]
    /// Shown as empty directories.
    private static let directories = [
        "acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "pressure", "scsi", "tty",
    ]

    /// Lays the masks over the proc file system at /proc.
    /// - Parameter empty: an empty directory that nobody can write to
    static func apply(emptyDirectory empty: String) throws(SystemError) {
        // Not every kernel has everything.
        for name in files { try Mounts.bind("/dev/null", at: "/proc/" + name, ifThere: true) }
        for name in directories { try Mounts.bind(empty, at: "/proc/" + name, ifThere: true) }
    }
}
