// Threads: that each is there, waits where it waited, and has its own of what threads have of their own.

internal import CZoo
import Glibc

extension Subject {
    static let threads: [Subject] = [
        Subject("thread-names", "four threads with names") {
            let names = ["zoo-first", "second one", "(third)", "15 characters.."]
            let threads = try names.map { name in
                try Worker {
                    try must("PR_SET_NAME", call(__NR_prctl, 15, name))
                    while true { _ = call(__NR_pause) }
                }
            }
            for thread in threads { try thread.isAsleep() }
            return { _ in
                for (thread, name) in zip(threads, names) {
                    try expect("comm", try text(of: "/proc/self/task/\(thread.id)/comm"), is: name + "\n")
                }
            }
        },
        Subject("thread-many", "64 threads, each asleep on a futex of its own") {
            let words = Buffer(64 * 8)
            let woken = Counter()
            let waiters = try (0..<64).map { number in
                try Waiter {
                    try waitOnFutex(words, number)
                    woken.add(1)
                }
            }
            return { _ in
                let before = woken.value
                for (number, waiter) in waiters.enumerated() { try waiter.check { try wakeFutex(words, number) } }
                try expect("threads that have come out", woken.value - before, is: 64)
            }
        },
        Subject("thread-pool", "eight threads that share the work of each event") {
            let (words, sums, done) = (Buffer(64), Counter(), Counter())
            let waiters = try (0..<8).map { number in
                try Waiter {
                    try waitOnFutex(words, number)
                    for part in stride(from: number, to: 8000, by: 8) { sums.add(part) }
                    done.add(1)
                }
            }
            return { _ in
                (sums.value, done.value) = (0, 0)
                for number in waiters.indices { try wakeFutex(words, number) }
                try eventually("all are done") { done.value == 8 }
                try expect("the sum", sums.value, is: 31_996_000)
                for waiter in waiters { try waiter.settle() }
            }
        },
        Subject("thread-local-storage", "eight threads, each with a variable of its own") {
            let pipes = try (0..<8).map { _ in try Pipe() }
            let waiters = try pipes.enumerated().map { number, pipe in
                let rounds = Counter()
                return try Waiter {
                    if rounds.value == 0 { zoo_set_own(Int64(number * 1000)) }
                    _ = try pipe.output.read(1)
                    try expect("the variable", zoo_own(), is: Int64(number * 1000 + rounds.value))
                    zoo_set_own(zoo_own() + 1)
                    rounds.add(1)
                }
            }
            return { _ in
                for (waiter, pipe) in zip(waiters, pipes) { try waiter.check { try pipe.input.write("x") } }
            }
        },
        Subject("thread-join", "a thread that ends after the capture, and is joined") {
            let pipe = try Pipe()
            let start: @Sendable () throws -> Worker = {
                let worker = try Worker { _ = try pipe.output.read(1) }
                try worker.isAsleep()
                return worker
            }
            let current = Box(try start())
            return { _ in
                try pipe.input.write("x")
                let ended = current.value
                try ended.join()
                try expect((try? text(of: "/proc/self/task/\(ended.id)/comm")) == nil, "it is still there")
                current.value = try start()
            }
        },
        Subject("thread-condition", "two threads that wait on a condition variable") {
            let lock = Lock()
            let turn = Counter()
            let waiters = try (0..<2).map { _ in
                let seen = Counter(turn.value)
                return try Waiter {
                    try lock.hold {
                        while turn.value == seen.value { try lock.wait() }
                        seen.value = turn.value
                    }
                }
            }
            return { _ in
                let before = waiters.map(\.rounds.value)
                for waiter in waiters { try waiter.checkWaits() }
                try lock.hold {
                    turn.add(1)
                    lock.wakeAll()
                }
                try eventually("both go on") { waiters.map(\.rounds.value) == before.map { $0 + 1 } }
                for waiter in waiters { try waiter.settle() }
            }
        },
        Subject("thread-read-write-lock", "a lock held by a reader, and a writer that waits for it") {
            let (lock, turns) = (ReadWriteLock(), Turns())
            try lock.read()
            let waiter = try Waiter {
                try lock.write()
                try lock.unlock()
                try turns.handOver()
            }
            return { _ in
                try waiter.check {
                    try lock.unlock()
                    try turns.takeOver { try lock.read() }
                }
            }
        },
        Subject("thread-robust-lock", "a lock whose owner ends without giving it back") {
            let room = Buffer(64)
            try must("pthread_mutex_init", unsafe zoo_robust_make(room.pointer))
            let pipe = try Pipe()
            let start: @Sendable () throws -> Worker = {
                let worker = try Worker {
                    try must("lock", unsafe zoo_robust_lock(room.pointer))
                    _ = try pipe.output.read(1)
                }
                try worker.isAsleep()
                return worker
            }
            let current = Box(try start())
            return { _ in
                try pipe.input.write("x")
                try current.value.join()
                try mustFail("taking it over", EOWNERDEAD, unsafe zoo_robust_lock(room.pointer))
                try must("repairing it", unsafe zoo_robust_repair(room.pointer))
                current.value = try start()
            }
        },
        Subject("thread-signal-masks", "four threads, each with another set of signals held off") {
            let pipes = try (0..<4).map { _ in try Pipe() }
            let waiters = try pipes.enumerated().map { number, pipe in
                let isSet = Counter()
                return try Waiter {
                    let mask: UInt64 = 0x100_0000_0200 << UInt64(number)
                    if isSet.value == 0 { try setSignalMask(mask) }
                    isSet.value = 1
                    _ = try pipe.output.read(1)
                    try expect("signals held off", try signalMask(), is: mask)
                }
            }
            return { _ in
                for (waiter, pipe) in zip(waiters, pipes) { try waiter.check { try pipe.input.write("x") } }
            }
        },
        Subject("thread-alternate-stacks", "three threads, each with a stack of its own for handlers") {
            let pipes = try (0..<3).map { _ in try Pipe() }
            try must("sigaction", zoo_handle(SIGUSR1, UInt32(SA_ONSTACK) | 0x1000_0000, 0))
            let waiters = try pipes.map { pipe in
                let stack = try Region(pages: 8)
                let isSet = Counter()
                return try Waiter {
                    if isSet.value == 0 { try setAlternateStack(stack) }
                    isSet.value = 1
                    _ = try pipe.output.read(1)
                    let before = zoo_notes(SIGUSR1).count
                    try must("tgkill", call(__NR_tgkill, call(__NR_getpid), call(__NR_gettid), SIGUSR1))
                    let notes = zoo_notes(SIGUSR1)
                    try expect("how often the handler ran", notes.count - before, is: 1)
                    let range = UInt64(stack.address)..<UInt64(stack.address + stack.size)
                    try expect(range.contains(notes.stack), "the handler ran on another stack")
                }
            }
            return { _ in
                for (waiter, pipe) in zip(waiters, pipes) { try waiter.check { try pipe.input.write("x") } }
            }
        },
        Subject("thread-computing", "a thread that computes, in user space, and goes on where it was") {
            let state = Buffer(24)
            state[1] = 1
            _ = try Worker { zoo_compute(state.location) }
            return { _ in
                let first = consistent(state)
                try expect(first.product == power(6_364_136_223_846_793_005, first.count), "it has computed wrong")
                try eventually("it goes on") { consistent(state).count > first.count &+ 1000 }
            }
        },
        Subject(
            "thread-noted-processor", "the restartable sequence of each thread: the kernel notes its processor there"
        ) {
            let pipe = try Pipe()
            let waiter = try Waiter {
                _ = try pipe.output.read(1)
                try expectNotedProcessor()
            }
            return { _ in
                try expectNotedProcessor()
                try waiter.check { try pipe.input.write("x") }
            }
        },
        Subject("thread-priorities", "three threads of one process with priorities of their own") {
            let threads = try (0..<3).map { number in
                try Worker {
                    try must("setpriority", call(__NR_setpriority, 0, 0, 3 + number))
                    while true { _ = call(__NR_pause) }
                }
            }
            for thread in threads { try thread.isAsleep() }
            return { _ in
                for (number, thread) in threads.enumerated() {
                    // The kernel answers 20 - nice.
                    try expect("nice", 20 - call(__NR_getpriority, 0, thread.id), is: 3 + number)
                }
                try expect("nice of the first thread", 20 - call(__NR_getpriority, 0, 0), is: 0)
            }
        },
        Subject("thread-first-has-ended", "the first thread has ended, and another goes on", refused: "has ended") {
            let check: Check = { _ in
                try expect(call(__NR_gettid) != call(__NR_getpid), "this is the first thread")
                try expect("state of the first", try String(field("State").prefix(1)), is: "Z")
            }
            _ = try Worker {
                try eventually("the first thread ends") { try field("State").hasPrefix("Z") }
                Runtime.serve(check)
            }
            zoo_leave()
        },
    ]

    private static func consistent(_ state: Buffer) -> (count: UInt64, product: UInt64) {
        while true {
            let before = zoo_word(state.location)
            let found = (count: zoo_word(state.location + 16), product: zoo_word(state.location + 8))
            if before % 2 == 0, zoo_word(state.location) == before { return found }
        }
    }

    private static func power(_ base: UInt64, _ exponent: UInt64) -> UInt64 {
        var (result, square, rest): (UInt64, UInt64, UInt64) = (1, base, exponent)
        while rest > 0 {
            if rest % 2 == 1 { result = result &* square }
            square = square &* square
            rest /= 2
        }
        return result
    }

    /// Moves the calling thread from processor to processor, and looks whether the kernel's note follows.
    private static func expectNotedProcessor() throws {
        let all = Buffer(128)
        try must("sched_getaffinity", call(__NR_sched_getaffinity, 0, 128, all))
        defer { _ = call(__NR_sched_setaffinity, 0, 128, all) }
        for number in 0..<64 where all[0] >> UInt64(number) & 1 == 1 {
            let only = Buffer(128)
            only[0] = 1 << UInt64(number)
            try must("sched_setaffinity", call(__NR_sched_setaffinity, 0, 128, only))
            try expect("the processor noted", zoo_noted_processor(), is: Int32(number))
        }
    }
}
