// What threads wait for each other with: futexes, locks, conditions.

internal import CZoo
import Glibc
internal import SubjectCalls

/// Something that may be replaced, by one thread alone.
final class Box<Value>: @unchecked Sendable {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// Waits until the word is not 0, and sets it to 0 again.
func waitOnFutex(_ words: Buffer, _ index: Int, milliseconds: Int? = nil) throws {
    let place = Int(words.location) + 8 * index
    while zoo_take_word(UInt64(place)) == 0 {
        let limit: any Argument = milliseconds.map { timespecs($0 * millisecond) } ?? 0
        let result = call(__NR_futex, place, 128, 0, limit)
        if result != -Int(EAGAIN) { try must("futex", result) }
    }
}

/// One that was frozen may just be on its way back into its wait, and then finds the word.
func wakeFutex(_ words: Buffer, _ index: Int) throws {
    words[index] = 1
    try must("futex", call(__NR_futex, Int(words.location) + 8 * index, 129, 1))
}

/// Two threads that pass something to each other, of which only one may have it.
struct Turns: Sendable {
    private let given = Buffer(8)
    private let taken = Buffer(8)

    /// Of the thread that had it: waits until the other has it again.
    func handOver() throws {
        tell(given)
        try waitOnFutex(taken, 0)
    }

    /// Of the other: waits for it, and takes it.
    func takeOver(_ take: () throws -> Void) throws {
        try waitOnFutex(given, 0)
        try take()
        tell(taken)
    }

    private func tell(_ word: Buffer) {
        word[0] = 1
        _ = call(__NR_futex, Int(word.location), 129, 1)
    }
}

/// A mutex with a condition.
@safe final class Lock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    func hold(_ body: () throws -> Void) throws {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        try body()
    }

    func wait() throws { try must("pthread_cond_wait", -Int(unsafe pthread_cond_wait(condition, mutex))) }
    func wakeAll() { unsafe pthread_cond_broadcast(condition) }
}

/// A lock for one writer or many readers.
@safe final class ReadWriteLock: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

    init() { unsafe pthread_rwlock_init(lock, nil) }

    func read() throws { try must("rdlock", -Int(unsafe pthread_rwlock_rdlock(lock))) }
    func write() throws { try must("wrlock", -Int(unsafe pthread_rwlock_wrlock(lock))) }
    func unlock() throws { try must("unlock", -Int(unsafe pthread_rwlock_unlock(lock))) }
}
