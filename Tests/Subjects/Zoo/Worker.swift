// Threads, and what they share.

internal import CZoo
import Glibc
import Synchronization

final class Counter: Sendable {
    private let atomic: Atomic<Int>

    init(_ value: Int = 0) { atomic = Atomic(value) }

    var value: Int {
        get { atomic.load(ordering: .sequentiallyConsistent) }
        set { atomic.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// The new value.
    @discardableResult
    func add(_ number: Int) -> Int { atomic.add(number, ordering: .sequentiallyConsistent).newValue }
}

/// A thread that runs `body` once.
final class Worker: @unchecked Sendable {
    private var thread = pthread_t()
    private let identity = Counter()
    private let failure = Mutex("")
    private let body: @Sendable () throws -> Void

    init(_ body: @escaping @Sendable () throws -> Void) throws {
        self.body = body
        let box = unsafe Unmanaged.passRetained(self).toOpaque()
        let failed = unsafe pthread_create(
            &thread, nil,
            { pointer in
                let worker = unsafe Unmanaged<Worker>.fromOpaque(pointer!).takeRetainedValue()
                worker.identity.value = call(__NR_gettid)
                do { try worker.body() } catch { worker.failure.withLock { $0 = "\(error)" } }
                return nil
            }, box)
        try must("pthread_create", -Int(failed))
        try eventually("a thread starts") { identity.value != 0 }
    }

    var id: Int { identity.value }

    /// Throws what it threw.
    func check() throws {
        let reason = failure.withLock { $0 }
        if !reason.isEmpty { throw Lost("a thread: \(reason)") }
    }

    func join() throws {
        try must("pthread_join", -Int(pthread_join(thread, nil)))
        try check()
    }

    /// Waits until it waits.
    func isAsleep() throws {
        try eventually("thread \(id) waits") {
            try check()
            let stat = try text(of: "/proc/self/task/\(id)/stat")
            return stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].dropFirst(2).first == "S"
        }
    }

    func signal(_ number: Int32) throws { try must("tgkill", call(__NR_tgkill, call(__NR_getpid), id, number)) }
}

/// A thread that waits in `body` again and again.
final class Waiter: Sendable {
    let rounds = Counter()
    private let seen = Counter()
    private let started = Counter()
    private let holder = Mutex<Worker?>(nil)

    var worker: Worker { holder.withLock { $0! } }

    init(_ body: @escaping @Sendable () throws -> Void) throws {
        let (rounds, started) = (rounds, started)
        let worker = try Worker {
            while true {
                started.add(1)
                try body()
                rounds.add(1)
            }
        }
        holder.withLock { $0 = worker }
        try waits()
    }

    /// Returns when it is inside its wait.
    private func waits() throws {
        try eventually("a thread goes on") {
            try worker.check()
            return started.value > rounds.value
        }
        try worker.isAsleep()
    }

    /// It has waited ever since the last time, comes out of it when it is woken, and waits again.
    func check(_ wake: () throws -> Void) throws {
        try worker.check()
        try expect("how often the wait had ended", rounds.value, is: seen.value)
        try worker.isAsleep()
        try wake()
        try eventually("a thread comes out of its wait") {
            try worker.check()
            return rounds.value > seen.value
        }
        try expect("how often the wait has ended", rounds.value, is: seen.add(1))
        try waits()
    }

    /// It was woken by other means than `check`, once, and waits again.
    func settle() throws {
        let next = seen.add(1)
        try eventually("a thread comes out of its wait") { rounds.value >= next }
        try expect("how often the wait has ended", rounds.value, is: next)
        try waits()
    }

    /// It still waits, and never came out of it.
    func checkWaits() throws {
        try worker.check()
        try expect("how often the wait had ended", rounds.value, is: seen.value)
        try worker.isAsleep()
    }
}

extension Subject {
    /// A subject that is a thread in one system call; `make` gives the call and what ends it.
    static func waiting(
        _ name: String, _ state: String, refused: String? = nil,
        _ make: @escaping @Sendable () throws -> (wait: @Sendable () throws -> Void, wake: @Sendable () throws -> Void)
    ) -> Subject {
        Subject(name, state, refused: refused) {
            let (wait, wake) = try make()
            let waiter = try Waiter(wait)
            return { _ in try waiter.check(wake) }
        }
    }
}
