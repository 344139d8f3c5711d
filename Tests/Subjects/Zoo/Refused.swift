// What the engine declines to capture, each with a word that its reason must have. The environment lives on, and the
// function is served by cold starts.

internal import CZoo
import Glibc

extension Subject {
    static let refusals: [Subject] = [
        Subject("deep-directories", "directories in each other, deeper than any path leads", refused: "is longer than")
        {
            try must("chdir", call(__NR_chdir, "/tmp"))
            for _ in 0..<3000 {
                try makeDirectory("d")
                try must("chdir", call(__NR_chdir, "d"))
            }
            try must("chdir", call(__NR_chdir, "/tmp"))
            return { _ in _ = try names(in: "/tmp/d") }
        },
        Subject("shared-memory-attached", "a System V segment of shared memory, attached", refused: "shared memory") {
            let segment = try must("shmget", call(__NR_shmget, 0, 4 * page, 0o1600))
            let place = UnsafeWords(try must("shmat", call(__NR_shmat, segment, 0, 0)))
            place[5] = 55
            return { _ in try expect("its contents", place[5], is: 55) }
        },
        Subject("semaphores-of-system-v", "a System V set of semaphores", refused: "System V") {
            let set = try must("semget", call(__NR_semget, 4711, 2, 0o1600))
            try must("SETVAL", call(__NR_semctl, set, 0, 16, 3))
            return { _ in
                try expect("by its key", call(__NR_semget, 4711, 2, 0), is: set)
                try expect("its value", call(__NR_semctl, set, 0, 12), is: 3)
            }
        },
        Subject("queue-of-system-v", "a System V queue with a message in it", refused: "System V") {
            let queue = try must("msgget", call(__NR_msgget, 4712, 0o1600))
            let send: @Sendable () throws -> Void = {
                try must("msgsnd", call(__NR_msgsnd, queue, Buffer(words: [1, 77]), 8, 0))
            }
            try send()
            return { _ in
                let message = Buffer(16)
                let count = call(__NR_msgrcv, queue, message, 8, 0, 0o4000)
                try expect("bytes", try must("msgrcv", count), is: 8)
                try expect("its contents", message[1], is: 77)
                try send()
            }
        },
        Subject("queue-of-posix", "a POSIX message queue with a message in it", refused: "message queue") {
            let queue = try Descriptor("mq_open", call(__NR_mq_open, "zoo", O_RDWR | O_CREAT | O_NONBLOCK, 0o600, 0))
            let send: @Sendable () throws -> Void = {
                try must("mq_send", call(__NR_mq_timedsend, queue, "note", 4, 0, 0))
            }
            try send()
            return { _ in
                let message = Buffer(8192)
                let count = call(__NR_mq_timedreceive, queue, message, 8192, 0, 0)
                try expect("bytes", try must("mq_receive", count), is: 4)
                try send()
            }
        },
        Subject("pidfd", "a descriptor of a process", refused: "pidfd") {
            let process = try Descriptor("pidfd_open", call(__NR_pidfd_open, call(__NR_getpid), 0))
            return { _ in try must("pidfd_send_signal", call(__NR_pidfd_send_signal, process, 0, 0, 0)) }
        },
        Subject(
            "descriptor-unknown", "a descriptor of a kind that the engine does not know: rules of Landlock",
            refused: "landlock"
        ) {
            // LANDLOCK_ACCESS_FS_EXECUTE
            let made = call(__NR_landlock_create_ruleset, Buffer(words: [1]), 8, 0)
            if made == -Int(EOPNOTSUPP) || made == -Int(ENOSYS) { throw Lost("this kernel has no Landlock") }
            let rules = try Descriptor("landlock_create_ruleset", made)
            return { _ in try must("F_GETFD", rules.descriptorFlags) }
        },
        Subject(
            "descriptor-on-its-way", "a descriptor inside a pair of sockets, sent and not received",
            refused: "on its way"
        ) {
            let (left, right) = try pair { call(__NR_socketpair, AF_UNIX, 1, 0, $0) }
            let pipe = try Pipe()
            let send: @Sendable () throws -> Void = {
                let data = Buffer(words: [0])
                let places = Buffer(words: [data.location, 1])
                // cmsg_len, SOL_SOCKET and SCM_RIGHTS, the descriptor
                let control = Buffer(words: [20, 1 | 1 << 32, UInt64(pipe.input.number)])
                let message = Buffer(words: [0, 0, places.location, 1, control.location, 24, 0])
                try must("sendmsg", call(__NR_sendmsg, left, message, 0))
            }
            try send()
            return { _ in
                let (data, control) = (Buffer(8), Buffer(24))
                let places = Buffer(words: [data.location, 1])
                let message = Buffer(words: [0, 0, places.location, 1, control.location, 24, 0])
                try must("recvmsg", call(__NR_recvmsg, right, message, 0))
                let received = Descriptor(Int(control.half(16)))
                try received.write("through it")
                try expect("through it", try pipe.output.text(), is: "through it")
                received.close()
                try send()
            }
        },
        Subject(
            "lease", "a lease on a file of its own, with the descriptor that it was taken by", refused: "a lease on a"
        ) {
            let file = try leased()
            // F_GETLEASE
            return { _ in try expect("its kind", call(__NR_fcntl, file, 1025, 0), is: 1) }
        },
        Subject(
            "lease-without-descriptor", "a lease on a file that is mapped and not open any more", refused: "a lease on "
        ) {
            // SIGIO, which the kernel sends to whoever has it, when somebody opens the file.
            try must("SIG_IGN", call(__NR_rt_sigaction, 29, Buffer(words: [1, 0, 0, 0]), 0, 8))
            let file = try leased()
            try must("mmap", call(__NR_mmap, 0, page, 1, 1, file, 0))
            file.close()
            return { _ in }
        },
        Subject("waits-for-sharer", "a thread that waits for a child with its memory (vfork)", refused: "do not stop") {
            let worker = try Worker { zoo_wait_for_sharer() }
            try eventually("a child is there") {
                try text(of: "/proc/self/task/\(worker.id)/children").isEmpty == false
            }
            return { _ in try worker.check() }
        },
    ]

    private static func leased() throws -> Descriptor {
        let file = try Descriptor(opening: "/tmp/leased", O_RDWR | O_CREAT)
        try file.write(String(repeating: "x", count: page))
        // F_SETLEASE, F_WRLCK
        try must("F_SETLEASE", call(__NR_fcntl, file, 1024, 1))
        return file
    }
}
