// Signals: who handles them and how, which are held off, and which are waiting.

internal import CZoo
import Glibc

/// SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_NOCLDSTOP as the kernel numbers them.
private let restart: UInt32 = 0x1000_0000
private let noDefer: UInt32 = 0x4000_0000

extension Subject {
    static let signals: [Subject] = [
        Subject("signal-handlers", "handlers with all kinds of flags and masks") {
            for (number, flags) in [
                (SIGUSR1, restart), (SIGUSR2, noDefer), (SIGHUP, restart | noDefer), (SIGTERM, 0), (SIGWINCH, 1),
            ] { try must("sigaction", zoo_handle(number, flags, SIGALRM)) }
            let before = try (1...64).map(action)
            return { _ in
                for number in 1...64 { try expect("signal \(number)", try action(number), is: before[number - 1]) }
                for number in [SIGUSR1, SIGUSR2, SIGHUP] {
                    let count = zoo_notes(number).count
                    try signalSelf(number)
                    let notes = zoo_notes(number)
                    try expect("how often the handler of \(number) ran", notes.count - count, is: 1)
                    let own: UInt64 = number == SIGUSR1 ? 1 << UInt64(SIGUSR1 - 1) : 0
                    try expect("held off meanwhile", notes.mask, is: 1 << UInt64(SIGALRM - 1) | own)
                }
            }
        },
        Subject("signal-handled-once", "SA_RESETHAND: a handler that goes away with its first signal") {
            try must("sigaction", zoo_handle(SIGWINCH, 0x8000_0000, 0))
            return { _ in
                let count = zoo_notes(SIGWINCH).count
                try signalSelf(SIGWINCH)
                try signalSelf(SIGWINCH)
                try expect("how often it ran", zoo_notes(SIGWINCH).count - count, is: 1)
                try must("sigaction", zoo_handle(SIGWINCH, 0x8000_0000, 0))
            }
        },
        Subject("signal-ignored", "SIGPIPE, SIGUSR1 and a real-time signal are ignored") {
            for number in [SIGPIPE, SIGUSR1, 40] { try must("sigaction", ignore(number)) }
            let pipe = try Pipe()
            pipe.output.close()
            return { _ in
                for number in [SIGPIPE, SIGUSR1, 40] { try signalSelf(number) }
                try mustFail("writing to a broken pipe", EPIPE, call(__NR_write, pipe.input, "x", 1))
            }
        },
        Subject("signal-pending", "a signal that is held off waits, and is delivered when it no longer is") {
            try must("sigaction", zoo_handle(SIGUSR1, 0, 0))
            let bit: UInt64 = 1 << UInt64(SIGUSR1 - 1)
            try setSignalMask(bit)
            try signalProcess(SIGUSR1)
            return { _ in
                let count = zoo_notes(SIGUSR1).count
                try expect("pending", try pending(), is: bit)
                try setSignalMask(0)
                let notes = zoo_notes(SIGUSR1)
                try expect("how often the handler ran", notes.count - count, is: 1)
                try expect("the sender", Int(notes.sender), is: call(__NR_getpid))
                try setSignalMask(bit)
                try signalProcess(SIGUSR1)
            }
        },
        Subject("signal-queue", "real-time signals that wait in order, with values") {
            let number: Int32 = 36
            try setSignalMask(1 << UInt64(number - 1))
            for value in 1...5 { try queue(number, value: value * 11) }
            return { _ in
                for value in 1...5 {
                    let info = Buffer(128)
                    let set = Buffer(words: [1 << UInt64(number - 1)])
                    let found = call(__NR_rt_sigtimedwait, set, info, timespecs(0), 8)
                    try expect("signal", try must("signal \(value)", found), is: Int(number))
                    try expect("its value", info[3], is: UInt64(value * 11))
                    try expect("its code", Int32(bitPattern: info.half(8)), is: -1)
                }
                try expect("pending", try pending(), is: 0)
                for value in 1...5 { try queue(number, value: value * 11) }
            }
        },
        Subject("signal-pending-for-thread", "a signal that waits for one thread, and not for the others") {
            let (number, pipe): (Int32, Pipe) = (SIGUSR2, try Pipe())
            let mask = UInt64(1) << UInt64(number - 1)
            try setSignalMask(mask)
            let waiter = try Waiter {
                _ = try pipe.output.read(1)
                try expect("pending", try pending(), is: mask)
                let found = call(__NR_rt_sigtimedwait, Buffer(words: [mask]), 0, timespecs(0), 8)
                try expect("signal", found, is: Int(number))
            }
            try waiter.worker.signal(number)
            return { _ in
                try expect("pending for the first thread", try pending(), is: 0)
                try waiter.check { try pipe.input.write("x") }
                try waiter.worker.signal(number)
            }
        },
        Subject("signal-pending-many", "48 signals wait, more than the kernel tells of at once") {
            try must("sigaction", zoo_handle(50, restart, 0))
            let bit: UInt64 = 1 << 49
            try setSignalMask(bit)
            for _ in 0..<48 { try signalProcess(50) }
            return { _ in
                let count = zoo_notes(50).count
                try setSignalMask(0)
                try expect("how often the handler ran", zoo_notes(50).count - count, is: 48)
                try setSignalMask(bit)
                for _ in 0..<48 { try signalProcess(50) }
            }
        },
        Subject("signal-pending-too-many", "100 signals wait", refused: "signals wait for it") {
            try must("sigaction", zoo_handle(50, restart, 0))
            try setSignalMask(1 << 49)
            for _ in 0..<100 { try signalProcess(50) }
            return { _ in }
        },
        Subject("signal-storm", "signals come every millisecond, also while it is captured") {
            let stack = try Region(pages: 16)
            try setAlternateStack(stack)
            try must("sigaction", zoo_handle(SIGALRM, UInt32(SA_ONSTACK) | restart, SIGUSR2))
            let handler = try action(Int(SIGALRM))
            try must("setitimer", call(__NR_setitimer, 0, Buffer(words: [0, 1000, 0, 1000]), 0))
            return { _ in
                let old = Buffer(24)
                try must("sigaltstack", call(__NR_sigaltstack, 0, old))
                try expect("the stack", old.words, is: [UInt64(stack.address), 0, UInt64(stack.size)])
                try expect("the handler", try action(Int(SIGALRM)), is: handler)
                let count = zoo_notes(SIGALRM).count
                try eventually("they come") { zoo_notes(SIGALRM).count >= count + 3 }
            }
        },
        Subject("signal-alternate-stack", "a handler on a stack of its own") {
            let stack = try Region(pages: 16)
            try setAlternateStack(stack)
            try must("sigaction", zoo_handle(SIGUSR1, UInt32(SA_ONSTACK), 0))
            return { _ in
                let old = Buffer(24)
                try must("sigaltstack", call(__NR_sigaltstack, 0, old))
                try expect("the stack", old.words, is: [UInt64(stack.address), 0, UInt64(stack.size)])
                try signalSelf(SIGUSR1)
                let place = Int(zoo_notes(SIGUSR1).stack)
                try expect((stack.address..<stack.address + stack.size).contains(place), "it ran on another stack")
            }
        },
        Subject("signal-in-handler", "a thread captured inside a handler, on the alternate stack, returns from it") {
            let pipe = try Pipe()
            let stack = try Region(pages: 16)
            try must(
                "sigaction", zoo_handle_by_reading(SIGUSR1, UInt32(SA_ONSTACK), Int32(pipe.output.number)))
            let isSet = Counter()
            let waiter = try Waiter {
                if isSet.value == 0 { try setAlternateStack(stack) }
                isSet.value = 1
                let own = isSet.value + 41
                try signalSelf(SIGUSR1)
                try expect("a variable", own, is: 42)
                try expect("signals held off", try signalMask(), is: 0)
                let place = Int(zoo_notes(SIGUSR1).stack)
                try expect((stack.address..<stack.address + stack.size).contains(place), "it ran on another stack")
            }
            return { _ in try waiter.check { try pipe.input.write("x") } }
        },
        Subject("signal-mask", "the signals that the first thread holds off") {
            let mask: UInt64 = 0x4000_0001_0001_2205
            try setSignalMask(mask)
            return { _ in
                try expect("signals held off", try signalMask(), is: mask)
                try expect("SigBlk", try field("SigBlk").hasSuffix(hexadecimal(Int(mask))), is: true)
            }
        },
        Subject("signal-descriptor", "a signalfd, with a signal that waits") {
            let number: Int32 = 37
            let mask = Buffer(words: [1 << UInt64(number - 1)])
            try setSignalMask(mask[0])
            let file = try Descriptor("signalfd", call(__NR_signalfd4, -1, mask, 8, O_NONBLOCK))
            try queue(number, value: 55)
            return { _ in
                let first = try file.read(128)
                try expect("the signal", first.first, is: UInt8(number))
                try expect("its value", Buffer(first).half(44), is: 55)
                try mustFail("a second one", EAGAIN, call(__NR_read, file, Buffer(128), 128))
                try queue(number, value: 55)
                try expect("poll", try file.poll(), is: 1)
            }
        },
        Subject("signal-descriptor-changed", "a signalfd whose set was changed; other signals do not make it ready") {
            let wide = Buffer(words: [0xff_0000_0000])
            try setSignalMask(wide[0])
            let file = try Descriptor("signalfd", call(__NR_signalfd4, -1, wide, 8, O_NONBLOCK))
            try must("signalfd", call(__NR_signalfd4, file, Buffer(words: [1 << 36]), 8, 0))
            return { _ in
                try queue(36, value: 1)
                try expect("poll", try file.poll(), is: 0)
                try must("sigtimedwait", call(__NR_rt_sigtimedwait, Buffer(words: [1 << 35]), 0, timespecs(0), 8))
                try queue(37, value: 1)
                try expect("poll", try file.poll(), is: 1)
                _ = try file.read(128)
            }
        },
        Subject(
            "signal-on-data", "O_ASYNC: a pipe that sends a real-time signal when there is something to read",
            refused: "O_ASYNC"
        ) {
            let (number, pipe): (Int32, Pipe) = (38, try Pipe())
            try setSignalMask(1 << UInt64(number - 1))
            try must("F_SETOWN", call(__NR_fcntl, pipe.output, 8, call(__NR_getpid)))
            try must("F_SETSIG", call(__NR_fcntl, pipe.output, 10, number))
            try must("O_ASYNC", call(__NR_fcntl, pipe.output, F_SETFL, 0o20000))
            return { _ in
                try pipe.input.write("x")
                let info = Buffer(128)
                let set = Buffer(words: [1 << UInt64(number - 1)])
                let found = call(__NR_rt_sigtimedwait, set, info, timespecs(second), 8)
                try expect("signal", try must("no signal", found), is: Int(number))
                try expect("its descriptor", Int(info.half(24)), is: pipe.output.number)
                _ = try pipe.output.read(1)
            }
        },
    ]

    /// What the kernel would do: handler, flags, restorer, mask.
    private static func action(_ number: Int) throws -> [UInt64] {
        let old = Buffer(32)
        try must("rt_sigaction", call(__NR_rt_sigaction, number, 0, old, 8))
        return old.words
    }

    private static func ignore(_ number: Int32) -> Int {
        call(__NR_rt_sigaction, number, Buffer(words: [1, 0, 0, 0]), 0, 8)
    }

    private static func pending() throws -> UInt64 {
        let set = Buffer(8)
        try must("rt_sigpending", call(__NR_rt_sigpending, set, 8))
        return set[0]
    }

    private static func signalSelf(_ number: Int32) throws {
        try must("tgkill", call(__NR_tgkill, call(__NR_getpid), call(__NR_gettid), number))
    }

    private static func signalProcess(_ number: Int32) throws {
        try must("kill", call(__NR_kill, call(__NR_getpid), number))
    }

    private static func queue(_ number: Int32, value: Int) throws {
        let pid = UInt64(call(__NR_getpid))
        // si_signo and si_errno, si_code (SI_QUEUE), si_pid and si_uid, si_value
        let info = Buffer(128)
        info[0] = UInt64(number)
        info[1] = 0xffff_ffff
        info[2] = pid | UInt64(call(__NR_getuid)) << 32
        info[3] = UInt64(value)
        try must("rt_sigqueueinfo", call(__NR_rt_sigqueueinfo, Int(pid), number, info))
    }
}

func setSignalMask(_ mask: UInt64) throws {
    try must("rt_sigprocmask", call(__NR_rt_sigprocmask, SIG_SETMASK, Buffer(words: [mask]), 0, 8))
}

func signalMask() throws -> UInt64 {
    let mask = Buffer(8)
    try must("rt_sigprocmask", call(__NR_rt_sigprocmask, SIG_SETMASK, 0, mask, 8))
    return mask[0]
}

func setAlternateStack(_ stack: Region) throws {
    let words = Buffer(words: [UInt64(stack.address), 0, UInt64(stack.size)])
    try must("sigaltstack", call(__NR_sigaltstack, words, 0))
}
