// What code inside a sandbox may ask of the kernel. Each group says who needs it. A call that stands neither here nor in
// SystemCallsRefused fails a test; a call newer than both is answered with ENOSYS, and C libraries then use an older one.

import Glibc

package enum SystemCalls {
    package static let allowed: [SystemCallGroup] = [
        .init(
            "every program: bytes in and out",
            """
            read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice tee vmsplice
            copy_file_range readahead
            """),
        .init(
            "every program: how a file will be read, but not that its pages shall leave the memory", "fadvise64",
            when: .oneOf(argument: 3, bits: SystemCallGroup.int, values: [0, 1, 2, 3, 5])),
        .init(
            "every program: opening, looking at and closing files",
            """
            open openat openat2 creat close close_range stat fstat lstat newfstatat statx statfs fstatfs access
            faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd chdir fchdir
            """),
        .init(
            "every program: changing files, where mounts and owners let it",
            """
            mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat truncate
            ftruncate fallocate chmod fchmod fchmodat chown fchown lchown fchownat utime utimes futimesat utimensat umask
            fsync fdatasync sync syncfs sync_file_range flock getxattr lgetxattr fgetxattr listxattr llistxattr
            flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
            """),
        .init(
            "tar, build tools: named pipes and plain files, no devices", "mknod",
            when: .oneOf(argument: 1, bits: fileType, values: [0, pipeType, plainType, socketType])),
        .init(
            "tar, build tools: named pipes and plain files, no devices", "mknodat",
            when: .oneOf(argument: 2, bits: fileType, values: [0, pipeType, plainType, socketType])),
        .init("every program: its descriptors", "dup dup2 dup3 fcntl pipe pipe2"),
        .init(
            "every program: memory",
            """
            brk munmap mprotect mremap madvise process_madvise msync mincore mlock mlock2 munlock mlockall
            munlockall remap_file_pages membarrier get_mempolicy pkey_alloc pkey_free pkey_mprotect
            """),
        .init("every program: memory, none of it huge", "mmap", when: .clear(argument: 3, bits: hugeMapping)),
        .init(
            "runtimes: files in memory, none of it huge", "memfd_create",
            when: .clear(argument: 1, bits: hugeMemoryFile)),
        .init(
            "every program: signals",
            """
            rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend
            rt_sigreturn sigaltstack kill tkill tgkill pause signalfd signalfd4 pidfd_open pidfd_send_signal
            """),
        .init(
            "every program: processes and threads, with no new namespace", "clone",
            when: .clear(argument: 0, bits: namespaceFlags)),
        .init(
            "every program: processes",
            """
            fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid getpgrp setpgid getsid
            setsid set_tid_address set_robust_list get_robust_list arch_prctl rseq restart_syscall getrusage times
            """),
        // All options of prctl but PR_SET_SECCOMP (22), in three rows: 0 to 15 and 32 to 95, 16 to 19 and 24 to 31, others.
        .init(
            "every program: its own name, signals, memory", "prctl",
            when: .oneOf(argument: 0, bits: 0xffff_fff0, values: [0, 0x20, 0x30, 0x40, 0x50])),
        .init("the same", "prctl", when: .oneOf(argument: 0, bits: 0xffff_fffc, values: [16, 24, 28])),
        .init(
            // PR_SET_VMA, PR_SET_PTRACER
            "the same", "prctl",
            when: .oneOf(
                argument: 0, bits: SystemCallGroup.int, values: [20, 21, 23, 0x5356_4d41, 0x5961_6d61])),
        .init(
            "the C library asks for the default (0) and reads it back (-1)", "personality",
            when: .oneOf(argument: 0, bits: SystemCallGroup.int, values: [0, 0xffff_ffff])),
        .init("threads: locks", "futex futex_waitv"),
        .init(
            "runtimes: priorities and processors, as far as an ordinary user may",
            """
            sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
            sched_setscheduler sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min
            sched_rr_get_interval getpriority setpriority ioprio_get ioprio_set getcpu
            """),
        .init(
            "every program: who it is; changing it leads nowhere without capabilities",
            """
            getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid
            setresgid setgroups setfsuid setfsgid capget capset getrlimit setrlimit prlimit64
            """),
        .init("every program: what machine it is on", "uname sysinfo"),
        .init(
            "every program: time, reading only",
            "time gettimeofday clock_gettime clock_getres nanosleep clock_nanosleep"),
        .init(
            "runtimes: timers",
            """
            alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
            timerfd_create timerfd_settime timerfd_gettime
            """),
        .init(
            "servers: waiting for many things",
            """
            poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
            epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
            """),
        .init(
            "clients and servers: Unix and Internet sockets", "socket",
            when: .oneOf(argument: 0, bits: SystemCallGroup.int, values: [unixFamily, ipv4Family, ipv6Family])),
        .init(
            "runtimes: pairs of Unix sockets", "socketpair",
            when: .oneOf(argument: 0, bits: SystemCallGroup.int, values: [unixFamily])),
        .init(
            "clients and servers: using sockets",
            """
            bind listen accept accept4 connect getsockname getpeername getsockopt shutdown sendto recvfrom sendmsg
            recvmsg sendmmsg recvmmsg
            """),
        .init(
            """
            clients and servers: options of sockets, but for those with which the kernel keeps memory that no limit counts \
            (64 KB for each socket with a single call), or code of the caller's
            """, "setsockopt", when: .socketOptions(socketOptions)),
        .init(
            "older programs: System V and POSIX queues, in an IPC namespace of their own",
            """
            shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink
            mq_timedsend mq_timedreceive mq_notify mq_getsetattr
            """),
        .init(
            "older programs: System V's shared memory, none of it huge", "shmget",
            when: .clear(argument: 2, bits: hugeSegment)),
        .init("cryptography", "getrandom"),
        .init(
            "programs that put themselves into a narrower sandbox",
            "landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
        .init(
            "the same: what the kernel has for that, but no filter", "seccomp",
            when: .oneOf(argument: 0, bits: SystemCallGroup.int, values: [0, 2, 3])),
        .init(
            "terminals: modes and process groups", "ioctl",
            when: .oneOf(argument: 1, bits: 0xffff_fff0, values: [terminalModes])),
        .init(
            "terminals, sockets and files: what asks about or sets the caller's own descriptor", "ioctl",
            when: .oneOf(argument: 1, bits: SystemCallGroup.int, values: otherRequests)),
    ]

    /// What is refused of the calls above with an answer of its own, so that a program goes on as it does on a host that
    /// lacks the same.
    package static let answered: [SystemCallAnswer] = [
        .init(
            "huge pages are of a pool of the host's, and no limit of memory counts them: as if the pool were empty",
            "mmap", argument: 3, bits: hugeMapping, value: hugeMapping, code: ENOMEM),
        .init(
            "the same", "memfd_create", argument: 1, bits: hugeMemoryFile, value: hugeMemoryFile, code: ENOMEM),
        .init("the same", "shmget", argument: 2, bits: hugeSegment, value: hugeSegment, code: ENOMEM),
        .init(
            """
            what the kernel answers there waits unread in its own memory, which nothing counts, for as long as the sender \
            likes: 3 GB with 500 sockets. C libraries go on without; Node's list of interfaces would be an exception, \
            so its runtime tells of the loopback itself
            """, "socket", argument: 0, bits: SystemCallGroup.int, value: netlinkFamily, code: ENOSYS),
        .init(
            """
            a filter's machine code comes from room that all of the host have together (bpf_jit_limit, 528 MB), and no limit \
            counts it: one function could leave none, and nothing on the host could then install a filter, no sandbox \
            start. As on a kernel without
            """, "seccomp", argument: 0, bits: SystemCallGroup.int, value: 1, code: EINVAL),
        .init("the same", "prctl", argument: 0, bits: SystemCallGroup.int, value: 22, code: EINVAL),
        .init(
            "whoever sends a shared file's pages out of memory can see who fetches them again: advice, and not taken",
            "fadvise64", argument: 3, bits: SystemCallGroup.int, value: 4, code: 0),
    ]

    /// MAP_HUGETLB, MFD_HUGETLB, SHM_HUGETLB
    private static let hugeMapping: UInt64 = 0x40000
    private static let hugeMemoryFile: UInt64 = 0x4
    private static let hugeSegment: UInt64 = 0o4000

    private static let fileType: UInt64 = 0o170000
    private static let pipeType: UInt64 = 0o010000
    private static let plainType: UInt64 = 0o100000
    private static let socketType: UInt64 = 0o140000

    /// What is left out is answered as by a kernel that does not have it.
    private static let socketOptions: [SocketLevel] = [
        // But for filters: SO_ATTACH_FILTER (26), SO_ATTACH_BPF (50), SO_ATTACH_REUSEPORT_CBPF (51).
        SocketLevel(SOL_SOCKET, 1...25, 27...49, 52...127),
        // But for options in packets (4), policies (16, 17), membership in groups (35 to 48), tables of netfilter.
        SocketLevel(0, 1...3, 5...15, 18...34, 49...51),
        // But for keys and protocols above it: TCP_MD5SIG (14), TCP_ULP (31), TCP_MD5SIG_EXT (32), TCP_AO_… (38 on).
        SocketLevel(6, 1...13, 15...30, 33...37),
        // But for UDP_ENCAP (100).
        SocketLevel(17, 1...1, 101...104),
        // But for options in packets (6, 54, 55, 57, 59), membership in groups (20, 21, 27, 28, 42 to 48), flow labels
        // (32), policies (34, 35), tables of netfilter.
        SocketLevel(41, 1...5, 7...11, 16...19, 22...26, 29...31, 33...33, 49...53, 56...56, 58...58, 60...63, 66...78),
    ]

    private static let unixFamily: UInt64 = 1
    private static let ipv4Family: UInt64 = 2
    private static let ipv6Family: UInt64 = 10
    private static let netlinkFamily: UInt64 = 16

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
    private static let namespaceFlags: UInt64 = 0x7e02_0000

    /// Requests are an allow-list, because among thousands of them are TIOCSTI (0x5412, types into somebody's terminal)
    /// and TIOCLINUX (0x541c). First 0x5400 to 0x540f: terminals' modes and process groups.
    private static let terminalModes: UInt64 = 0x5400

    private static let otherRequests: [UInt64] = [
        // Terminals: TIOCSPGRP TIOCOUTQ TIOCGWINSZ TIOCSWINSZ TIOCNOTTY TIOCGSID
        0x5410, 0x5411, 0x5413, 0x5414, 0x5422, 0x5429,
        // Pseudo-terminals: TIOCGPTN TIOCGPTLCK TIOCSPTLCK
        0x8004_5430, 0x8004_5439, 0x4004_5431,
        // Descriptors: FIONREAD FIONBIO FIONCLEX FIOCLEX FIOASYNC FIOQSIZE
        0x541b, 0x5421, 0x5450, 0x5451, 0x5452, 0x5460,
        // Files: FICLONE FICLONERANGE FS_IOC_GETFLAGS FIGETBSZ
        0x4004_9409, 0x4020_940d, 0x8008_6601, 0x2,
        // Sockets: SIOCGIF{NAME CONF FLAGS ADDR BRDADDR NETMASK MTU HWADDR INDEX} SIOCATMARK
        0x8910, 0x8912, 0x8913, 0x8915, 0x8919, 0x891b, 0x8921, 0x8927, 0x8933, 0x8905,
    ]
}
