// The numbers of the system calls that the steps of a restore make, and a process while it is captured, on x86-64.

enum Call {
    static let read = 0, write = 1, close = 3, lseek = 8, mmap = 9, mprotect = 10, munmap = 11
    static let brk = 12, getitimer = 36, sigaltstack = 131, timerGettime = 224
    static let rtSigaction = 13, rtSigprocmask = 14, pread = 17, mremap = 25, madvise = 28, sendfile = 40
    static let setitimer = 38, socket = 41, connect = 42, bind = 49, listen = 50, socketpair = 53, fcntl = 72
    static let setsockopt = 54, shutdown = 48
    static let ftruncate = 77, chdir = 80, umask = 95, setpgid = 109, setsid = 112, setgroups = 116
    static let setresuid = 117, setresgid = 119, capset = 126, rtSigqueueinfo = 129, personality = 135
    static let setpriority = 141, schedSetscheduler = 144, mlock = 149, prctl = 157, archPrctl = 158
    static let setTIDAddress = 218, timerCreate = 222, timerSettime = 223, inotifyAddWatch = 254
    static let mkdirat = 258, mknodat = 259, openat = 257, fchownat = 260, unlinkat = 263, linkat = 265
    static let symlinkat = 266, fchmodat = 268, fchmod = 91, setRobustList = 273, utimensat = 280
    static let eventfd = 290, epollCreate = 291, epollCtl = 233, pipe = 293, dup3 = 292, inotifyInit = 294
    static let rtTgsigqueueinfo = 297, timerfdCreate = 283, timerfdSettime = 286, signalfd = 289, prlimit = 302
    static let setns = 308, seccomp = 317, memfdCreate = 319, rseq = 334, clone3 = 435, closeRange = 436, ioctl = 16
}
