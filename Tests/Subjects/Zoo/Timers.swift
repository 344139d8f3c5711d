// Timers and clocks: what was set goes off when it would have, neither at once nor never; the wall clock is true, and the
// others go on from where they stood.

internal import CZoo
import Glibc

extension Subject {
    /// How long the timers run that are not to go off.
    private static let long = 5000
    /// What a check allows for, in milliseconds; a clone that was restored late has lived no longer than others.
    private static let slack = 2500

    static let timers: [Subject] = [
        Subject("timer-real", "an interval timer of the real clock, far from its end", needsPause: true) {
            try farTimer(which: 0, signal: SIGALRM)
        },
        Subject("timer-virtual", "an interval timer of the time in user space") {
            try farTimer(which: 1, signal: SIGVTALRM)
        },
        Subject("timer-profile", "an interval timer of the processor's time") {
            try farTimer(which: 2, signal: SIGPROF)
        },
        Subject("timer-real-fires", "an interval timer that goes off every 30 ms, its remaining time under way") {
            try must("sigaction", zoo_handle(SIGALRM, 0x1000_0000, 0))
            try setInterval(0, value: 700, interval: 30)
            return { _ in
                let count = zoo_notes(SIGALRM).count
                try eventually("it goes off, five times") { zoo_notes(SIGALRM).count >= count + 5 }
                let old = Buffer(32)
                try must("getitimer", call(__NR_getitimer, 0, old))
                try expect("its interval", [old[0], old[1]], is: [0, 30_000])
                try setInterval(0, value: 700, interval: 30)
            }
        },
        Subject("timer-posix", "POSIX timers far from their end; one before them was deleted", needsPause: true) {
            let first = try makeTimer(signal: 41, value: 1)
            let timers = try (2...4).map { try makeTimer(signal: 41, value: $0) }
            try must("timer_delete", call(__NR_timer_delete, first))
            try must("sigaction", zoo_handle(41, 0, 0))
            let start = now()
            for timer in timers { try setTimer(timer, milliseconds: long * 1000) }
            return { _ in
                for timer in timers {
                    let left = Buffer(32)
                    try must("timer_gettime", call(__NR_timer_gettime, timer, left))
                    try expectLeft(Int(left[2]) * 1000 + Int(left[3]) / millisecond, of: long * 1000, since: start)
                }
                try expect("how often they went off", zoo_notes(41).count, is: 0)
                // What they carry, and where to.
                try setTimer(timers[1], milliseconds: 20)
                try eventually("one goes off") { zoo_notes(41).count == 1 }
                let notes = zoo_notes(41)
                try expect("its value and code", [notes.value, Int64(notes.code)], is: [3, -2])
                zoo_forget(41)
                try setTimer(timers[1], milliseconds: long * 1000 - (now() - start) / millisecond)
            }
        },
        Subject("timer-posix-periodic", "a POSIX timer that goes off every 20 ms in one thread") {
            let pipe = try Pipe()
            try must("sigaction", zoo_handle(42, 0x1000_0000, 0))
            let worker = try Worker { while true { _ = try pipe.output.read(1) } }
            let timer = try makeTimer(signal: 42, value: 9, thread: worker.id)
            try must(
                "timer_settime", call(__NR_timer_settime, timer, 0, timespecs(20 * millisecond, 20 * millisecond), 0))
            return { _ in
                let count = zoo_notes(42).count
                try eventually("it goes off, five times") { zoo_notes(42).count >= count + 5 }
                let left = Buffer(32)
                try must("timer_gettime", call(__NR_timer_gettime, timer, left))
                try expect("its interval", left[1], is: UInt64(20 * millisecond))
            }
        },
        Subject("timerfd-once", "a timerfd far from its end", needsPause: true) {
            let timer = try Descriptor("timerfd_create", call(__NR_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK))
            let start = now()
            try must("timerfd_settime", call(__NR_timerfd_settime, timer, 0, timespecs(0, long * second), 0))
            return { _ in
                let left = Buffer(32)
                try must("timerfd_gettime", call(__NR_timerfd_gettime, timer, left))
                try expectLeft(Int(left[2]) * 1000 + Int(left[3]) / millisecond, of: long * 1000, since: start)
                try mustFail("reading it", EAGAIN, call(__NR_read, timer, Buffer(8), 8))
            }
        },
        Subject("timerfd-soon", "a timerfd that ends 600 ms after the program asks for an event") {
            let timer = try Descriptor("timerfd_create", call(__NR_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK))
            let start = Counter()
            let set: @Sendable () throws -> Void = {
                start.value = now()
                try must("timerfd_settime", call(__NR_timerfd_settime, timer, 0, timespecs(0, 600 * millisecond), 0))
            }
            try set()
            return { _ in
                let early = try timer.poll() == 0
                let lived = (now() - start.value) / millisecond
                try expect(lived >= 600 || early, "it has ended after \(lived) ms")
                try expect(try timer.poll(milliseconds: 2000) == 1, "it does not end")
                let late = (now() - start.value) / millisecond
                try expect(late >= 590, "it has ended after \(late) ms")
                try expect("how often it has ended", try timer.word(), is: 1)
                try set()
            }
        },
        Subject("timerfd-periodic", "a timerfd that ends every 25 ms") {
            let timer = try Descriptor("timerfd_create", call(__NR_timerfd_create, CLOCK_BOOTTIME, 0))
            let each = timespecs(25 * millisecond, 25 * millisecond)
            try must("timerfd_settime", call(__NR_timerfd_settime, timer, 0, each, 0))
            return { _ in
                _ = try timer.word()
                let start = now()
                for _ in 0..<4 { _ = try timer.word() }
                let took = (now() - start) / millisecond
                try expect((60...1000).contains(took), "four times 25 ms took \(took) ms")
                let left = Buffer(32)
                try must("timerfd_gettime", call(__NR_timerfd_gettime, timer, left))
                try expect("its interval", left[1], is: UInt64(25 * millisecond))
            }
        },
        Subject("timerfd-ended", "a timerfd that has ended, and was not read") {
            let timer = try Descriptor("timerfd_create", call(__NR_timerfd_create, CLOCK_MONOTONIC, O_NONBLOCK))
            let set: @Sendable () throws -> Void = {
                try must("timerfd_settime", call(__NR_timerfd_settime, timer, 0, timespecs(0, millisecond), 0))
                try expect(try timer.poll(milliseconds: 1000) == 1, "it does not end")
            }
            try set()
            return { _ in
                try expect("poll", try timer.poll(), is: 1)
                try expect("how often it has ended", try timer.word(), is: 1)
                try set()
            }
        },
        Subject("timerfd-absolute", "timerfds set to a time of the monotonic and of the wall clock", needsPause: true) {
            let clocks = [CLOCK_MONOTONIC, CLOCK_REALTIME]
            let timers = try clocks.map { clock in
                let timer = try Descriptor("timerfd_create", call(__NR_timerfd_create, clock, O_NONBLOCK))
                let end = timespecs(0, now(clock) + long * second)
                try must("timerfd_settime", call(__NR_timerfd_settime, timer, 1, end, 0))
                return (timer: timer, clock: clock, end: now(clock) + long * second)
            }
            return { _ in
                for (timer, clock, end) in timers {
                    let left = Buffer(32)
                    try must("timerfd_gettime", call(__NR_timerfd_gettime, timer, left))
                    let wrong = Int(left[2]) * second + Int(left[3]) - (end - now(clock))
                    try expect(abs(wrong) < second, "clock \(clock): it ends \(wrong / millisecond) ms too late")
                }
            }
        },
        continuous("clock-monotonic", "the monotonic clock goes on from where it stood", CLOCK_MONOTONIC),
        continuous("clock-boot", "the clock of time since boot goes on from where it stood", CLOCK_BOOTTIME),
        Subject("clock-real", "the wall clock is true, when the program is restored much later too", needsPause: true) {
            let start = now(CLOCK_REALTIME)
            return { event in
                let time = now(CLOCK_REALTIME)
                try expect(time >= start, "it has gone back")
                // The engine's clock, and the longest that a function of the tests may take.
                let left = event.deadline - time / millisecond
                try expect((0...60_000).contains(left), "the deadline is in \(left) ms")
            }
        },
        Subject("sleep-long", "threads asleep for 5,000 s, relative and to a time of the clock", needsPause: true) {
            let until = now() + long * second
            let waiters = try [
                Waiter { try must("nanosleep", call(__NR_nanosleep, timespecs(long * second), 0)) },
                Waiter {
                    try must("clock_nanosleep", call(__NR_clock_nanosleep, CLOCK_MONOTONIC, 1, timespecs(until), 0))
                },
            ]
            return { _ in
                for waiter in waiters { try waiter.checkWaits() }
                pause(milliseconds: 50)
                for waiter in waiters { try waiter.checkWaits() }
            }
        },
    ]

    /// Beside a process's own clock: how far its clocks may have gone while it was not there.
    private static func continuous(_ name: String, _ state: String, _ clock: Int32) -> Subject {
        Subject(name, state, needsPause: true) {
            let (last, wall) = (Counter(now(clock)), Counter(now(CLOCK_REALTIME)))
            return { event in
                let (time, real) = (now(clock), now(CLOCK_REALTIME))
                let lived = (time - last.value) / millisecond
                try expect(lived >= 0, "it has gone back by \(-lived) ms")
                if event.isFirstOfClone {
                    let passed = (real - wall.value) / millisecond
                    try expect(passed > slack, "no time has passed since the capture: \(passed) ms")
                    try expect(lived < slack, "it has gone on for \(lived) ms")
                }
                (last.value, wall.value) = (now(clock), now(CLOCK_REALTIME))
            }
        }
    }

    private static func expectLeft(_ left: Int, of whole: Int, since start: Int) throws {
        let lived = (now() - start) / millisecond
        try expect(abs(left - (whole - lived)) < 1000, "\(left) ms are left of \(whole), after \(lived)")
    }

    private static func setInterval(_ which: Int, value: Int, interval: Int) throws {
        let words = [interval, value].flatMap { [UInt64($0 / 1000), UInt64($0 % 1000 * 1000)] }
        try must("setitimer", call(__NR_setitimer, which, Buffer(words: words), 0))
    }

    private static func farTimer(which: Int, signal: Int32) throws -> Check {
        try must("sigaction", zoo_handle(signal, 0x1000_0000, 0))
        let start = now()
        try setInterval(which, value: long * 1000, interval: 3000)
        return { _ in
            let old = Buffer(32)
            try must("getitimer", call(__NR_getitimer, which, old))
            try expect("its interval", [old[0], old[1]], is: [3, 0])
            let left = Int(old[2]) * 1000 + Int(old[3]) / 1000
            // Only the real clock runs while the program waits.
            if which == 0 { try expectLeft(left, of: long * 1000, since: start) }
            try expect((long * 900...long * 1000 + 10).contains(left), "\(left) ms are left")
            try expect("how often it went off", zoo_notes(signal).count, is: 0)
        }
    }

    private static func makeTimer(signal: Int, value: Int, thread: Int? = nil) throws -> Int {
        // sigev_value, sigev_signo and sigev_notify (SIGEV_SIGNAL, or SIGEV_THREAD_ID), the thread
        let event = Buffer(64)
        event[0] = UInt64(value)
        event[1] = UInt64(signal) | (thread == nil ? 0 : 4 << 32)
        event[2] = UInt64(thread ?? 0)
        let id = Buffer(8)
        try must("timer_create", call(__NR_timer_create, CLOCK_MONOTONIC, event, id))
        return Int(id.half(0))
    }

    private static func setTimer(_ timer: Int, milliseconds: Int) throws {
        try must("timer_settime", call(__NR_timer_settime, timer, 0, timespecs(0, milliseconds * millisecond), 0))
    }
}
