// Closes what others have made, where that can keep nobody waiting: the last descriptor of a socket with SO_LINGER may take
// as long to close as whoever made it likes. Only for sockets through which descriptors can come, on a kernel that cannot
// refuse them (before Linux 6.16).

import Linux
import Synchronization

final class ClosingThread: Sendable {
    private struct State {
        var descriptors: [Int32] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let work: FileDescriptor

    /// As many may wait to be closed; beyond that whoever sends them is not listened to.
    static let most = 1024

    init() throws(SystemError) { work = try EventCounter.make(blocking: true) }

    var isFull: Bool { state.withLock { $0.descriptors.count >= Self.most } }

    func close(_ descriptors: consuming Descriptors) {
        var raws: [Int32] = []
        while let descriptor = descriptors.next() { raws.append(descriptor.release()) }
        guard !raws.isEmpty else { return }
        // Where they are sockets. Their maker may ask for it again, so this thread is needed all the same.
        for raw in raws { FileDescriptor.forbidLinger(raw) }
        let isFirst = state.withLock { state in
            state.descriptors += raws
            defer { state.isRunning = true }
            return !state.isRunning
        }
        // Without a thread they stay open: that is better than to wait.
        if isFirst { try? Threads.start { self.run() } }
        EventCounter.add(to: work)
    }

    private func run() -> Never {
        while true {
            EventCounter.take(from: work)
            while let raw = state.withLock({ $0.descriptors.popLast() }) { _ = FileDescriptor(owning: raw) }
        }
    }
}
