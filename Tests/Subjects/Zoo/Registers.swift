// What a processor holds of a thread: registers of every kind, in a thread that is captured inside a system call and in
// one that is captured in user space.

internal import CZoo
import Glibc

extension Subject {
    static let registers: [Subject] = [
        holding("registers-in-call", "general registers of a thread in a system call", size: 72) {
            unsafe zoo_hold_general($0, $1.pointer, $2.pointer)
        },
        holding("registers-sse", "the SSE registers of a thread in a system call", size: 256) {
            unsafe zoo_hold_sse($0, $1.pointer, $2.pointer)
        },
        holding("registers-avx", "the AVX registers of a thread in a system call", size: 512, width: 256) {
            unsafe zoo_hold_avx($0, $1.pointer, $2.pointer)
        },
        holding(
            "registers-avx512", "the AVX-512 registers and masks of a thread in a system call", size: 2104, width: 512
        ) { unsafe zoo_hold_avx512($0, $1.pointer, $2.pointer) },
        spinning("registers-computing", "general registers and the direction flag of a thread in user space", size: 112)
        {
            flag, given, found in
            let result = unsafe zoo_spin_general(flag.pointer, given.pointer, found.pointer)
            try expect(found[14] & 0x400 != 0, "the direction flag is not set")
            return result
        },
        spinning("registers-sse-computing", "the SSE registers of a thread in user space", size: 256) {
            unsafe zoo_spin_sse($0.pointer, $1.pointer, $2.pointer)
        },
        Subject("registers-x87", "numbers on the stack of the x87, and its control word") {
            let pipe = try Pipe()
            let wanted = Counter()
            let waiter = try Waiter {
                let found = Buffer(32)
                try must("read", unsafe zoo_hold_x87(Int32(pipe.output.number), found.pointer))
                let bytes = found.bytes(32)
                try expect("control word", bytes[30...].map(\.self), is: [0x7f, 0x06])
                // ln 2, log2 e and pi in extended precision: sign and exponent, and the first byte.
                for (at, exponent, first) in [(0, 0x3ffe, 0xb1), (10, 0x3fff, 0xb8), (20, 0x4000, 0xc9)] {
                    let there = Int(bytes[at + 8]) | Int(bytes[at + 9]) << 8
                    try expect("exponent and first byte", [there, Int(bytes[at + 7])], is: [exponent, first])
                }
                wanted.add(1)
            }
            return { _ in try waiter.check { try pipe.input.write("x") } }
        },
        Subject(
            "registers-rounding", "threads whose floating-point arithmetic rounds in four ways, and flushes to zero"
        ) {
            let pipes = try (0..<4).map { _ in try Pipe() }
            let waiters = try pipes.enumerated().map { mode, pipe in
                try Waiter {
                    let word: UInt32 = 0x1f80 | UInt32(mode) << 13 | 0x8000
                    if zoo_sse_control() & ~0x3f != word { zoo_set_sse_control(word) }
                    let third = zoo_third()
                    _ = try pipe.output.read(1)
                    try expect("control word", zoo_sse_control() & ~0x3f, is: word)
                    try expect("one third", zoo_third().bitPattern, is: third.bitPattern)
                    try expect("rounded up", mode == 2, is: third * 3 > 1 || third > 1.0 / 3.0.nextDown)
                }
            }
            return { _ in
                for (waiter, pipe) in zip(waiters, pipes) { try waiter.check { try pipe.input.write("x") } }
            }
        },
        Subject("registers-segments", "the base of the gs segment, of the first thread and of another") {
            let (first, other) = (Buffer(words: [111]), Buffer(words: [222]))
            let pipe = try Pipe()
            try must("ARCH_SET_GS", call(__NR_arch_prctl, 0x1001, Int(first.location)))
            let base = try segmentBase(0x1003)
            let isSet = Counter()
            let waiter = try Waiter {
                if isSet.value == 0 { try must("ARCH_SET_GS", call(__NR_arch_prctl, 0x1001, Int(other.location))) }
                isSet.value = 1
                _ = try pipe.output.read(1)
                try expect("the word at gs", zoo_word_at_gs(), is: 222)
            }
            return { _ in
                try expect("the word at gs", zoo_word_at_gs(), is: 111)
                try expect("fs", try segmentBase(0x1003), is: base)
                try waiter.check { try pipe.input.write("x") }
            }
        },
    ]

    private static func segmentBase(_ code: Int) throws -> UInt64 {
        let word = Buffer(8)
        try must("arch_prctl", call(__NR_arch_prctl, code, word))
        return word[0]
    }

    private static func pattern(_ size: Int) -> Buffer {
        Buffer(words: (0..<size / 8).map { UInt64($0 + 1) &* 0x9e37_79b9_7f4a_7c15 })
    }

    private static func holding(
        _ name: String, _ state: String, size: Int, width: Int32 = 0,
        _ hold: @escaping @Sendable (Int32, Buffer, Buffer) -> Int
    ) -> Subject {
        waiting(name, state) {
            let pipe = try Pipe()
            // A processor without them has nothing to lose; the thread waits all the same.
            let isThere = zoo_vector_width() >= width
            let (given, found) = (pattern(size), Buffer(size))
            return (
                wait: {
                    guard isThere else { return _ = try pipe.output.read(1) }
                    try must("read", hold(Int32(pipe.output.number), given, found))
                    for index in 0..<size / 8 { try expect("word \(index)", found[index], is: given[index]) }
                },
                wake: { try pipe.input.write("x") }
            )
        }
    }

    private static func spinning(
        _ name: String, _ state: String, size: Int,
        _ spin: @escaping @Sendable (_ flag: Buffer, _ given: Buffer, _ found: Buffer) throws -> Int
    ) -> Subject {
        Subject(name, state) {
            let (flag, given, found) = (Buffer(8), pattern(size), Buffer(size + 8))
            let start: @Sendable () throws -> Worker = {
                flag[0] = 0
                return try Worker {
                    _ = try spin(flag, given, found)
                    for index in 0..<size / 8 { try expect("word \(index)", found[index], is: given[index]) }
                }
            }
            let current = Box(try start())
            return { _ in
                flag[0] = 1
                try current.value.join()
                current.value = try start()
            }
        }
    }
}
