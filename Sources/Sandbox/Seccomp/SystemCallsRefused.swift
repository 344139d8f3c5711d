// What code inside a sandbox may not ask of the kernel, and why. Nothing here is compiled into the filter except
// `unknown`: a call that is not allowed is refused with EPERM. The list exists so that every call the kernel has was
// looked at once, by name, and so that a reader finds the reason.

extension SystemCalls {
    package static let refused: [SystemCallGroup] = [
        .init(
            "changes what is mounted where; the tree is the isolation",
            """
            mount umount2 pivot_root chroot mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick
            """),
        .init("leaves the namespaces, or nests new ones with capabilities inside", "unshare setns"),
        .init(
            "reads or steers other processes; within a sandbox it only widens what the kernel exposes",
            """
            ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_mrelease
            """),
        .init("opens files past every directory", "open_by_handle_at name_to_handle_at"),
        .init(
            "large, young, privileged machinery of the kernel",
            "bpf perf_event_open userfaultfd fanotify_init fanotify_mark"),
        .init(
            "a second way to make system calls, which no filter sees", "io_uring_setup io_uring_enter io_uring_register"
        ),
        .init(
            "asynchronous reads draw on a pool that the whole host shares",
            "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents"),
        .init("the key ring is not in a namespace of its own", "add_key request_key keyctl"),
        .init("memory that nobody can account or look into", "memfd_secret"),
        .init(
            "code for the kernel", "init_module finit_module delete_module create_module query_module get_kernel_syms"),
        .init("another kernel", "kexec_load kexec_file_load reboot"),
        .init(
            "the host's clock", "settimeofday clock_settime adjtimex clock_adjtime"),
        .init("the host's disks", "swapon swapoff quotactl quotactl_fd acct sysfs ustat"),
        .init("the host's names", "sethostname setdomainname"),
        .init("the host's log, terminals and devices", "syslog vhangup ioperm iopl"),
        .init("where the host's memory lies", "mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages"),
        .init("segments of 16-bit programs: years of holes, no user", "modify_ldt"),
        .init("no user any more", "lookup_dcookie nfsservctl uselib _sysctl set_thread_area get_thread_area vserver"),
        .init("never made", "afs_syscall getpmsg putpmsg security tuxcall"),
    ]

    /// Answered with ENOSYS, as if this kernel did not have them: C libraries then take the older call, which can be
    /// looked into. clone3 has its flags in memory, where no filter can see them.
    package static let unknown: [SystemCallGroup] = [
        .init("its flags are in memory, where a filter cannot look", "clone3")
    ]
}
