// System calls that reach into the kernel itself, or that few programs need and many holes were found in. Those that would
// change the machine are asked for something impossible: the right to ask is looked at first, so that a kernel which answers
// "no such module" was reached, and one which answers "not permitted" was not.

internal import CAttacks
import Glibc

extension Attack {
    private static let onlyFilter = Control.without([.seccomp])

    static let kernelCalls: [Attack] = [
        Attack("bpf-map", "Creates a BPF map.", .outside) { _ in try judge("bpf", attack_bpf_map()) },
        Attack("perf-everybody", "Measures everybody's work on a processor.", .outside) { _ in
            try judge("perf_event_open", attack_perf_everybody())
        },
        Attack("userfaultfd", "Handles its own page faults: the tool that makes races in the kernel easy.", onlyFilter)
        { _ in
            try judge("userfaultfd", call(__NR_userfaultfd, 1))
        },
        Attack("io-uring", "Makes a ring that makes system calls past the filter.", onlyFilter) { _ in
            try judge("io_uring_setup", call(__NR_io_uring_setup, 1, Buffer(120)))
        },
        // The program is at no address: a kernel that looks for it was reached.
        Attack(
            "filter-installed",
            "Puts a filter on itself: machine code from room that all on the host share, and that no limit counts.",
            onlyFilter
        ) { _ in
            try judge("seccomp", call(__NR_seccomp, 1, 0, 0), reached: [EFAULT], held: [EINVAL])
        },
        Attack("filter-installed-by-prctl", "The same by the older call.", onlyFilter) { _ in
            try judge("PR_SET_SECCOMP", call(__NR_prctl, 22, 2, 0), reached: [EFAULT], held: [EINVAL])
        },
        Attack("key-added", "Puts a key into a keyring of the kernel.", onlyFilter) { _ in
            try judge("add_key", call(__NR_add_key, "user", "martlet-attack", "x", 1, -2))
        },
        Attack("key-requested", "Has the kernel look for a key, which may start a program on the host.", onlyFilter) {
            _ in
            try judge("request_key", call(__NR_request_key, "user", "martlet-no-such-key", 0, 0), reached: [ENOKEY])
        },
        Attack("keyring-joined", "Finds the session keyring of whoever started the engine.", onlyFilter) { _ in
            try judge("keyctl", call(__NR_keyctl, 0, -3, 0))
        },
        Attack("kexec", "Loads another kernel (one of more segments than there can be).", .outside, needs: [.machine]) {
            _ in try judge("kexec_load", call(__NR_kexec_load, 0, 1000, 0, 0), reached: [EINVAL])
        },
        Attack("kexec-file", "Loads another kernel from a file that is not open.", .outside, needs: [.machine]) { _ in
            try judge("kexec_file_load", call(__NR_kexec_file_load, -1, -1, 0, 0, 0), reached: [EBADF, EINVAL])
        },
        Attack("module-loaded", "Loads an empty kernel module.", .outside, needs: [.machine]) { _ in
            try judge("init_module", call(__NR_init_module, 0, 0, ""), reached: [ENOEXEC, EINVAL])
        },
        Attack("module-file-loaded", "Loads a kernel module from a file that is not open.", .outside, needs: [.machine])
        {
            _ in try judge("finit_module", call(__NR_finit_module, -1, "", 0), reached: [EBADF])
        },
        Attack("module-removed", "Removes a kernel module that does not exist.", .outside, needs: [.machine]) { _ in
            try judge("delete_module", call(__NR_delete_module, "martlet_no_such", O_NONBLOCK), reached: [ENOENT])
        },
        Attack("reboot", "Reboots (with numbers that are not the magic ones).", .outside) { _ in
            try judge("reboot", call(__NR_reboot, 1, 2, 3, 0), reached: [EINVAL])
        },
        Attack("swap-added", "Swaps to a file that does not exist.", .outside) { _ in
            try judge("swapon", call(__NR_swapon, "/martlet/no/such/file", 0), reached: [ENOENT])
        },
        Attack("swap-removed", "Stops swapping to a file that does not exist.", .outside) { _ in
            try judge("swapoff", call(__NR_swapoff, "/martlet/no/such/file"), reached: [ENOENT])
        },
        Attack("time-set", "Sets the time zone that the clock has.", .outside) { _ in
            try judge("settimeofday", attack_keep_timezone())
        },
        Attack("clock-adjusted", "Sets the length of the clock's tick, to what it is.", .outside) { _ in
            try judge("adjtimex", attack_keep_tick())
        },
        Attack("quota-set", "Sets a quota of the disk that the code is on (from no address).", .outside) { stage in
            let result = call(__NR_quotactl_fd, openFile(try stage.text("code")), Int(0x800008) << 8, 0, 0)
            return try judge("quotactl", result, reached: [EFAULT, ESRCH], held: Reasons.refused + [EROFS])
        },
        Attack(
            "accounting-started", "Has the kernel write a line about every process, to a file that does not exist.",
            .outside
        ) {
            _ in try judge("acct", call(__NR_acct, "/martlet/no/such/file"), reached: [ENOENT])
        },
        Attack("kernel-log-read", "Reads the kernel's log, with its addresses.", .outside) { _ in
            try judge("syslog", call(__NR_syslog, 3, Buffer(4096), 4096))
        },
        Attack("files-watched", "Watches what everybody opens.", .outside) { _ in
            try judge("fanotify_init", call(__NR_fanotify_init, 0, O_RDONLY))
        },
        Attack("secret-memory", "Takes memory that not even the kernel can read, nor a snapshot capture.", onlyFilter) {
            _ in
            try judge("memfd_secret", call(__NR_memfd_secret, 0))
        },
        Attack("segments-modified", "Changes its own descriptor table (CVE-2015-5157 and others).", onlyFilter) { _ in
            try judge("modify_ldt", attack_modify_ldt())
        },
        Attack("personality-changed", "Turns address randomization off, for what it executes.", onlyFilter) { _ in
            try judge("personality", callInChild { min(0, call(__NR_personality, 0x0040000)) })
        },
        Attack("ports-opened", "Reads and writes the machine's ports.", .outside, needs: [.machine]) { _ in
            try judge("iopl", callInChild { call(__NR_iopl, 3) })
        },
        Attack("port-opened", "Reads and writes one port.", .outside, needs: [.machine]) { _ in
            try judge("ioperm", callInChild { call(__NR_ioperm, 0x80, 1, 1) })
        },
        Attack("calls-of-32-bit", "Makes a system call by the gate of 32-bit programs, with other numbers.", onlyFilter)
        { _ in
            // 20 is getpid there, and writev here.
            try judgeForeign("int 0x80") { attack_call32(20, 0, 0, 0) == Int(getpid()) }
        },
        Attack(
            "calls-of-x32", "Makes a system call with the bit that marks x32 programs.", onlyFilter, needs: [.machine]
        ) { _ in
            try judgeForeign("x32") { call(Int32(0x4000_0000) | __NR_getpid) == Int(getpid()) }
        },
        Attack(
            "own-child-traced", "Traces a child, whose calls could be changed after a filter has seen them.", onlyFilter
        ) { _ in
            try judge("PTRACE_TRACEME", callInChild { call(__NR_ptrace, 0, 0, 0, 0) })
        },
        Attack("mapped-at-zero", "Maps the page at address 0, for the kernel's null pointers.", .outside) { _ in
            try judge("mmap", callInChild { min(0, call(__NR_mmap, 0, 4096, 3, 0x32, -1, 0)) })
        },
    ]

    private static func judgeForeign(_ what: String, _ works: () -> Bool) throws -> Finding {
        switch try child({ works() ? 10 : 11 }) {
        case .exited(10): return .through("\(what) works")
        case .exited: return .held("\(what) is not there")
        case .signalled(SIGSYS): return .held("\(what) ended the process")
        case .signalled(let number): return .held("\(what) gave signal \(number)")
        }
    }
}
