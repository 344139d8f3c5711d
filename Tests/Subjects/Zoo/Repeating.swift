// Threads that wait for a short time, again and again, and measure it: a wait that a capture has interrupted ends neither
// early nor with an error.

internal import CZoo
import Glibc

extension Subject {
    static let repeating: [Subject] = [
        Subject("sleeping-again-and-again", "a thread that sleeps 300 ms at a time, and is never woken early") {
            try repeating("sleep", milliseconds: 300) {
                let left = Buffer(words: [0, 0])
                try must("nanosleep", call(__NR_nanosleep, timespecs(300 * millisecond), left))
            }
        },
        Subject("poll-again-and-again", "a thread that polls nothing for 300 ms at a time") {
            try repeating("poll", milliseconds: 300) {
                try expect("ready", try must("poll", call(__NR_poll, 0, 0, 300)), is: 0)
            }
        },
        Subject("futex-again-and-again", "a thread that waits 300 ms at a time on a futex that nobody wakes") {
            let word = Buffer(8)
            return try repeating("futex", milliseconds: 300) {
                let limit = timespecs(300 * millisecond)
                try mustFail("futex", ETIMEDOUT, call(__NR_futex, Int(word.location), 128, 0, limit))
            }
        },
        Subject("sleeping-until", "a thread that sleeps until a time of the monotonic clock, 300 ms at a time") {
            try repeating("clock_nanosleep", milliseconds: 300) {
                let until = timespecs(now() + 300 * millisecond)
                try must("clock_nanosleep", call(__NR_clock_nanosleep, CLOCK_MONOTONIC, 1, until, 0))
            }
        },
    ]

    /// A thread that waits for a time, again and again; each time is measured.
    private static func repeating(
        _ what: String, milliseconds: Int, _ wait: @escaping @Sendable () throws -> Void
    ) throws -> Check {
        let rounds = Counter()
        let worker = try Worker {
            while true {
                let start = now()
                try wait()
                let took = (now() - start) / millisecond
                try expect(took >= milliseconds, "\(what) took \(took) ms")
                rounds.add(1)
            }
        }
        return { _ in
            let before = rounds.value
            // The first may have been under way for as long as the program waited.
            try eventually("\(what) ends twice") {
                try worker.check()
                return rounds.value >= before + 2
            }
        }
    }
}
