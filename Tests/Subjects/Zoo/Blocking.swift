// Threads that are captured inside a system call: the call goes on, does not come back early, and ends with what it would
// have ended with. Nobody handles a signal here, so EINTR is wrong.

internal import CZoo
import Glibc

extension Subject {
    /// Longer than any test.
    private static let far = timespecs(5000 * second)

    static let blocking: [Subject] = [
        waiting("blocked-read", "a thread that reads from a pipe") {
            let pipe = try Pipe()
            return ({ try expect("data", try pipe.output.text(), is: "x") }, { try pipe.input.write("x") })
        },
        waiting("blocked-readv", "a thread that reads into two places") {
            let pipe = try Pipe()
            let (one, two) = (Buffer(8), Buffer(8))
            let places = Buffer(words: [one.location, 8, two.location, 8])
            return (
                {
                    try expect("bytes", try must("readv", call(__NR_readv, pipe.output, places, 2)), is: 16)
                    try expect("data", [one[0], two[0]], is: [5, 6])
                },
                { try must("write", call(__NR_write, pipe.input, Buffer(words: [5, 6]), 16)) }
            )
        },
        waiting("blocked-write", "a thread that writes to a full pipe, part of it done") {
            let pipe = try Pipe()
            let size = try must("F_SETPIPE_SZ", call(__NR_fcntl, pipe.input, 1031, 4096))
            let data = [UInt8](repeating: 7, count: size + 1000)
            let wake: @Sendable () throws -> Void = {
                var count = 0
                while count < data.count { count += try pipe.output.read(data.count - count).count { $0 == 7 } }
                try expect("bytes", count, is: data.count)
            }
            return (
                // What was written before the process was frozen may be all that one call writes.
                { try pipe.input.write(data) },
                wake
            )
        },
        waiting("blocked-poll", "a thread in poll, without an end") {
            let pipe = try Pipe()
            return (
                {
                    try expect("poll", try pipe.output.poll(milliseconds: -1), is: 1)
                    _ = try pipe.output.read(1)
                },
                { try pipe.input.write("x") }
            )
        },
        waiting("blocked-poll-with-timeout", "a thread in poll for at most 5,000 s") {
            let pipe = try Pipe()
            return (
                {
                    try expect("poll", try pipe.output.poll(milliseconds: 5_000_000), is: 1)
                    _ = try pipe.output.read(1)
                },
                { try pipe.input.write("x") }
            )
        },
        waiting("blocked-ppoll", "a thread in ppoll with another mask of signals, for at most 5,000 s") {
            let pipe = try Pipe()
            return (
                {
                    let (entry, mask) = (Buffer(words: [UInt64(pipe.output.number) | 1 << 32]), Buffer(words: [0x201]))
                    let limit = timespecs(5000 * second)
                    try expect("ppoll", try must("ppoll", call(__NR_ppoll, entry, 1, limit, mask, 8)), is: 1)
                    try expect("signals held off", try signalMask(), is: 0)
                    _ = try pipe.output.read(1)
                },
                { try pipe.input.write("x") }
            )
        },
        waiting("blocked-select", "a thread in select, for at most 5,000 s") {
            let pipe = try Pipe()
            return (
                {
                    let set = Buffer(128)
                    set[pipe.output.number / 64] = 1 << UInt64(pipe.output.number % 64)
                    let limit = Buffer(words: [5000, 0])
                    try expect("select", try must("select", call(__NR_select, 1024, set, 0, 0, limit)), is: 1)
                    _ = try pipe.output.read(1)
                },
                { try pipe.input.write("x") }
            )
        },
        waiting("blocked-epoll", "a thread in epoll_wait, without an end") { try epollWait(milliseconds: -1) },
        waiting("blocked-epoll-with-timeout", "a thread in epoll_wait, for at most 5,000 s") {
            try epollWait(milliseconds: 5_000_000)
        },
        waiting("blocked-futex", "a thread on a futex, without an end") {
            let words = Buffer(8)
            return ({ try waitOnFutex(words, 0) }, { try wakeFutex(words, 0) })
        },
        waiting("blocked-futex-with-timeout", "a thread on a futex, for at most 5,000 s") {
            let words = Buffer(8)
            return ({ try waitOnFutex(words, 0, milliseconds: 5_000_000) }, { try wakeFutex(words, 0) })
        },
        waiting("blocked-futex-until", "a thread on a futex of several, until a time of the monotonic clock") {
            let words = Buffer(8)
            return (
                {
                    while zoo_take_word(words.location) == 0 {
                        let until = timespecs(now() + 5000 * second)
                        // FUTEX_WAIT_BITSET, private; any bit
                        let result = call(__NR_futex, Int(words.location), 9 | 128, 0, until, 0, 0xffff_ffff)
                        if result != -Int(EAGAIN) { try must("futex", result) }
                    }
                },
                { try wakeFutex(words, 0) }
            )
        },
        waiting("blocked-semaphore", "a thread on a POSIX semaphore in shared memory") {
            let region = try Region(pages: 1, flags: MAP_SHARED | 0x20)
            let semaphore = Semaphore(region)
            return ({ try semaphore.wait() }, { semaphore.post() })
        },
        waiting("blocked-signal-wait", "a thread in sigtimedwait, without an end") {
            try signalWait(number: 44, limit: nil)
        },
        waiting("blocked-signal-wait-with-timeout", "a thread in sigtimedwait, for at most 5,000 s") {
            try signalWait(number: 45, limit: far)
        },
        Subject("blocked-suspend", "a thread in sigsuspend, with another mask of signals than before and after") {
            try must("sigaction", zoo_handle(46, 0, 0))
            let bit: UInt64 = 1 << 45
            let waiter = try Waiter {
                try setSignalMask(bit | 1)
                let count = zoo_notes(46).count
                // This one ends with EINTR by its nature.
                try mustFail("sigsuspend", EINTR, call(__NR_rt_sigsuspend, Buffer(words: [2]), 8))
                try expect("how often the handler ran", zoo_notes(46).count - count, is: 1)
                try expect("signals held off", try signalMask(), is: bit | 1)
            }
            return { _ in
                // Restored, it is on its way into the call still.
                try waiter.worker.isAsleep()
                let status = "/proc/self/task/\(waiter.worker.id)/status"
                try expect("held off meanwhile", try field("SigBlk", of: status), is: "0000000000000002")
                try waiter.check { try waiter.worker.signal(46) }
            }
        },
        waiting("blocked-accept", "a thread in accept") {
            let listener = try Listener(loopback(0))
            return (
                { try Descriptor("accept", call(__NR_accept4, listener.socket, 0, 0, O_CLOEXEC)).close() },
                { try listener.connect().close() }
            )
        },
        waiting("blocked-receive", "a thread in recvmsg on a pair of sockets") {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, 1, 0, $0) }
            let data = Buffer(64)
            let places = Buffer(words: [data.location, 64])
            // msg_name, msg_namelen, msg_iov, msg_iovlen, msg_control, msg_controllen, msg_flags
            let message = Buffer(words: [0, 0, places.location, 1, 0, 0, 0])
            return (
                {
                    try expect("bytes", try must("recvmsg", call(__NR_recvmsg, right, message, 0)), is: 6)
                    try expect("data", data.bytes(6), is: Array("letter".utf8))
                },
                { try left.write("letter") }
            )
        },
        waiting("blocked-receive-with-timeout", "a thread in recv on a socket with SO_RCVTIMEO") {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, 1, 0, $0) }
            try must("SO_RCVTIMEO", call(__NR_setsockopt, right, 1, 20, Buffer(words: [5000, 0]), 16))
            return (
                {
                    let count = again { call(__NR_recvfrom, right, Buffer(8), 8, 0, 0, 0) }
                    try expect("bytes", try must("recv", count), is: 1)
                },
                { try left.write("x") }
            )
        },
        waiting("blocked-eventfd", "a thread that reads an eventfd") {
            let event = try Descriptor("eventfd", call(__NR_eventfd2, 0, 0))
            return ({ try expect("count", try event.word(), is: 5) }, { try event.write(word: 5) })
        },
        waiting("blocked-file-lock", "a thread that waits for a flock") {
            let one = try Descriptor(opening: "/tmp/lock", O_RDWR | O_CREAT)
            let other = try Descriptor(opening: "/tmp/lock", O_RDWR)
            let turns = Turns()
            try must("flock", call(__NR_flock, one, 2))
            return (
                {
                    try must("flock", call(__NR_flock, other, 2))
                    try must("unlock", call(__NR_flock, other, 8))
                    try turns.handOver()
                },
                {
                    try must("unlock", call(__NR_flock, one, 8))
                    try turns.takeOver { try must("flock", call(__NR_flock, one, 2)) }
                }
            )
        },
        waiting("blocked-open", "a thread that opens a named pipe which nobody writes to") {
            try must("mknod", call(__NR_mknod, "/tmp/opened", 0o010600, 0))
            return (
                {
                    let file = try Descriptor(opening: "/tmp/opened", O_RDONLY)
                    // Until the writer has closed it.
                    try expect("data", try file.read(), is: [])
                    file.close()
                },
                { try Descriptor(opening: "/tmp/opened", O_WRONLY).close() }
            )
        },
        waiting("blocked-inotify", "a thread that reads an inotify") {
            try makeDirectory("/tmp/watched")
            let notes = try Descriptor("inotify_init1", call(__NR_inotify_init1, 0))
            try must("inotify_add_watch", call(__NR_inotify_add_watch, notes, "/tmp/watched", 0x100))
            return (
                {
                    let count = again { call(__NR_read, notes, Buffer(4096), 4096) }
                    try expect("bytes", try must("read", count), is: 32)
                },
                {
                    try makeFile("/tmp/watched/file", [])
                    try remove("/tmp/watched/file")
                }
            )
        },
        waiting("blocked-wait-for-child", "a thread in wait4") {
            let child = Counter()
            let start: @Sendable () throws -> Void = {
                child.value = try fork { while true { _ = call(__NR_pause) } }
            }
            try start()
            return (
                {
                    try expect("status", try waitFor(child.value), is: SIGKILL)
                    try start()
                },
                { try must("kill", call(__NR_kill, child.value, SIGKILL)) }
            )
        },
    ]

    private static func epollWait(
        milliseconds: Int
    ) throws -> (wait: @Sendable () throws -> Void, wake: @Sendable () throws -> Void) {
        let epoll = try Descriptor("epoll_create1", call(__NR_epoll_create1, O_CLOEXEC))
        let event = try Descriptor("eventfd", call(__NR_eventfd2, 0, 0))
        try must("epoll_ctl", call(__NR_epoll_ctl, epoll, 1, event, Buffer(words: [1 | 99 << 32, 0])))
        return (
            {
                let found = Buffer(48)
                let count = again { call(__NR_epoll_wait, epoll, found, 4, milliseconds) }
                try expect("ready", try must("epoll_wait", count), is: 1)
                try expect("its data", found.half(4), is: 99)
                _ = try event.word()
            },
            { try event.write(word: 1) }
        )
    }

    private static func signalWait(
        number: Int, limit: Buffer?
    ) throws -> (wait: @Sendable () throws -> Void, wake: @Sendable () throws -> Void) {
        let set = Buffer(words: [1 << UInt64(number - 1)])
        // Before the thread is made: threads take it over.
        try setSignalMask(set[0])
        return (
            {
                let found = again { call(__NR_rt_sigtimedwait, set, 0, limit ?? 0, 8) }
                try expect("signal", try must("rt_sigtimedwait", found), is: number)
            },
            { try must("kill", call(__NR_kill, call(__NR_getpid), number)) }
        )
    }
}

@safe private struct Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    init(_ region: Region) {
        unsafe semaphore = UnsafeMutablePointer(bitPattern: region.address)!
        unsafe sem_init(semaphore, 1, 0)
    }

    func wait() throws { try expect("sem_wait", unsafe sem_wait(semaphore), is: 0) }
    func post() { unsafe sem_post(semaphore) }
}
