// A second thread for what would make the loop wait: unpacking code, removing trees. It does one thing after another, and
// the loop is told when each is done.

import Glibc
package import Linux
import Synchronization

package final class Worker: Watched {
    private let shared: Shared
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    /// What to call with each result, in the order in which the work was given.
    private var waiting: [(any Sendable) -> Void] = []

    private final class Shared: Sendable {
        struct State {
            var work: [@Sendable () -> any Sendable] = []
            var results: [any Sendable] = []
        }
        let state = Mutex(State())
        /// Counts work for the thread, and results for the loop.
        let work, results: FileDescriptor

        init() throws(SystemError) {
            work = try EventCounter.make(blocking: true)
            results = try EventCounter.make()
        }
    }

    package init(_ loop: EventLoop) throws(SystemError) {
        self.loop = loop
        let shared = try Shared()
        self.shared = shared
        registration = try loop.watch(shared.results.raw, self, chargedTo: .engine)
        try Threads.start { Self.serve(shared) }
    }

    /// Does `work` on the thread, then `done` with what came of it on the loop.
    package func perform<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then done: @escaping (Result) -> Void
    ) {
        waiting.append { result in
            // Results come in the order of the work, so this is what `work` gave.
            if let result = result as? Result { done(result) }
        }
        shared.state.withLock { $0.work.append(work) }
        EventCounter.add(to: shared.work)
    }

    package func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        EventCounter.take(from: shared.results)
        let results = shared.state.withLock { state in
            defer { state.results = [] }
            return state.results
        }
        for result in results { waiting.removeFirst()(result) }
    }

    private static func serve(_ shared: Shared) -> Never {
        while true {
            EventCounter.take(from: shared.work)
            while let work = shared.state.withLock({ $0.work.isEmpty ? nil : $0.work.removeFirst() }) {
                let result = work()
                shared.state.withLock { $0.results.append(result) }
                EventCounter.add(to: shared.results)
            }
        }
    }
}
