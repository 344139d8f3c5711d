// The logs of functions on disk: a file each, and the one before it. Lines are gathered for a moment, so that a busy
// function costs a write for many of them; whoever follows a log gets them at once.

import Linux
import Reactor

package final class LogStore {
    /// Nothing: no log is kept.
    private let directory: String?
    private let loop: EventLoop
    private var logs: [String: FunctionLog] = [:]
    private var flushTimer: Timer?

    /// A file that has grown to this is put aside; the one that was aside before goes.
    static let mostBytes = 8 << 20
    private static let flushAfter: UInt64 = 50_000_000

    init(directory: String?, _ loop: EventLoop) {
        self.directory = directory
        self.loop = loop
    }

    /// The log of a function, for those that write to it often.
    func open(_ function: String) -> FunctionLog { log(of: function) }

    fileprivate func hasMore() {
        if flushTimer == nil {
            flushTimer = loop.after(Self.flushAfter) { [unowned self] in flush() }
        }
    }

    private func log(of function: String) -> FunctionLog {
        if let log = logs[function] { return log }
        let log = FunctionLog(path: directory.map { "\($0)/\(function).log" }, self)
        logs[function] = log
        return log
    }

    package func flush() {
        flushTimer?.cancel()
        flushTimer = nil
        for log in logs.values { log.flush() }
    }

    /// All that is kept of a function's log, the oldest first, at most `limit` bytes of its end.
    package func read(_ function: String, limit: Int) -> [UInt8] {
        let log = log(of: function)
        log.flush()
        let all = log.contents()
        guard all.count > limit else { return all }
        // From the beginning of a line.
        let end = all.suffix(limit)
        return Array(end.drop { $0 != 10 }.dropFirst())
    }

    package func follow(_ function: String, _ follower: LogFollower) { log(of: function).followers.append(follower) }

    package func unfollow(_ function: String, _ follower: LogFollower) {
        logs[function]?.followers.removeAll { $0 === follower }
    }

    package func remove(_ function: String) {
        log(of: function).remove()
        logs[function] = nil
    }
}

package final class LogFollower {
    let hear: (ArraySlice<UInt8>) -> Void
    package init(_ hear: @escaping (ArraySlice<UInt8>) -> Void) { self.hear = hear }
}

final class FunctionLog {
    private let path: String?
    private unowned let store: LogStore
    private var file = Descriptors(owning: [])
    private var size = 0
    private var waiting: [UInt8] = []
    fileprivate var followers: [LogFollower] = []

    fileprivate init(path: String?, _ store: LogStore) {
        self.path = path
        self.store = store
    }

    func append(_ lines: ArraySlice<UInt8>) {
        waiting.append(contentsOf: lines)
        for follower in followers { follower.hear(lines) }
        if waiting.count > 256 * 1024 { flush() }
        store.hasMore()
    }

    fileprivate func flush() {
        guard let path, !waiting.isEmpty else { return waiting.removeAll() }
        // A disk that is full costs the lines, and nothing else.
        try? write(to: path)
        waiting.removeAll(keepingCapacity: waiting.count < 64 * 1024)
    }

    private func write(to path: String) throws(SystemError) {
        if file.count == 0 {
            let opened = try Files.open(path, [.write, .create, .append, .noFollow], mode: 0o640)
            size = try Files.size(of: opened)
            file.add(opened)
        }
        try Files.write(waiting, to: file[0], named: path)
        size += waiting.count
        if size >= LogStore.mostBytes {
            try Files.rename(path, to: path + ".1")
            file = Descriptors(owning: [])
        }
    }

    fileprivate func contents() -> [UInt8] {
        guard let path else { return [] }
        let most = LogStore.mostBytes + (1 << 20)
        let old = (try? Files.read(path + ".1", limit: most)) ?? []
        return old + ((try? Files.read(path, limit: most)) ?? [])
    }

    fileprivate func remove() {
        file = Descriptors(owning: [])
        waiting = []
        guard let path else { return }
        try? Files.remove(path)
        try? Files.remove(path + ".1")
    }
}
