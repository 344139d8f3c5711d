// Lines on their way to subscribers. To make an event of a line takes as long as a thousand bytes take to be read, so a
// flood of short ones is made into events in turns of its own, and what happens meanwhile stays behind the lines that were
// there before.

import Reactor

extension Telemetry: Watched {
    enum Queued {
        /// - Parameter next: where the first line begins that is no event yet
        case lines(TelemetryOptions.EventType, String, [UInt8], next: Int)
        case event(TelemetryOptions.EventType, [UInt8])

        var count: Int {
            switch self {
            case .lines(_, _, let bytes, _): bytes.count + Self.overhead
            case .event(_, let bytes): bytes.count + Self.overhead
            }
        }

        private static let overhead = 96
    }

    private static let mostQueued = 1 << 20
    /// In units of a turn: to write down a line as JSON, and to give it to each subscriber.
    private static let workOfLine = 8

    func enqueue(_ queued: Queued) {
        let payer = payer
        guard queuedBytes + queued.count <= Self.mostQueued, payer.holdings.hasRoom(forBytes: queued.count) else {
            return drop(queued.count)
        }
        queue.append(queued)
        queuedBytes += queued.count
        payer.holdings.add(bytes: queued.count)
        guard queue.count - done == 1 else { return }
        // Most are a line or two: at once.
        var turn = Turn()
        work(&turn)
        guard turn.isUnfinished else { return }
        let registration = registration ?? payer.loop.watch(self, chargedTo: .share(payer.share))
        self.registration = registration
        payer.loop.wake(registration)
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) { work(&turn) }

    private func work(_ turn: inout Turn) {
        while done < queue.count, turn.canGoOn() {
            let first = queue[done]
            turn.charge(Self.workOfLine)
            guard case .lines(let type, let name, let bytes, let next) = first else {
                if case .event(let type, let bytes) = first { give(type, bytes) }
                removeFirst()
                continue
            }
            let end = bytes[next...].firstIndex(of: 10) ?? bytes.endIndex
            turn.charge((end - next) / 256)
            if end > next { tellLine(bytes[next..<end], type, name) }
            if end + 1 >= bytes.count { removeFirst() } else { queue[done] = .lines(type, name, bytes, next: end + 1) }
        }
    }

    private func removeFirst() {
        let count = queue[done].count
        queue[done] = .event(.platform, [])
        done += 1
        queuedBytes -= count
        if done == queue.count {
            (queue, done) = ([], 0)
        } else if done > 1000, done > queue.count / 2 {
            queue.removeFirst(done)
            done = 0
        }
        payer.holdings.add(bytes: -count)
    }

    func forgetQueue() {
        if let registration { payer.loop.forget(registration) }
        registration = nil
        payer.holdings.add(bytes: -queuedBytes)
        (queue, done, queuedBytes) = ([], 0, 0)
    }
}
