// What a process in a sandbox prints: read as it comes, so that nothing inside ever waits for us, cut into lines, and
// beyond a rate thrown away and counted: a flood fills nothing.

import Linux
import Reactor

/// Where lines go.
protocol LineReceiver: AnyObject {
    /// Whole lines, each with its end.
    func logLines(_ lines: ArraySlice<UInt8>)
}

final class LogPipe: Watched {
    private let loop: EventLoop
    private let end: FileDescriptor
    /// Lent to each process that is started; ours stays open, because another may be started later.
    let writeEnd: FileDescriptor
    private var registration: EventLoop.Registration?
    /// Owns this pipe, and closes it before it goes.
    private unowned let receiver: any LineReceiver
    /// The beginning of a line whose end has not come.
    private var rest: [UInt8] = []
    private var allowance: Int
    private var refilledAt: UInt64
    private var dropped = 0
    /// What the environment holds, with the beginning of a line.
    private let holdings: Holdings
    private var accounted = 0

    static let longestLine = 256 * 1024
    /// Bytes that may come at once, and bytes that may come in a second.
    private static let burst = 4 << 20
    private static let bytesPerSecond = 1 << 20

    init(
        _ loop: EventLoop, _ receiver: any LineReceiver, chargedTo payer: Payer, holdings: Holdings
    ) throws(SystemError) {
        let ends = try Streams.pipe()
        end = FileDescriptor(owning: ends.read)
        writeEnd = FileDescriptor(owning: ends.write)
        self.loop = loop
        self.receiver = receiver
        allowance = Self.burst
        refilledAt = loop.now
        self.holdings = holdings
        registration = try loop.watch(end.raw, self, chargedTo: payer)
    }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
        rest = []
        account()
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) { read(&turn) }

    private func read(_ turn: inout Turn) {
        while registration != nil, case .count(let count) = turn.read(end.raw, into: &loop.scratch) {
            take(count)
            if count < loop.scratch.count / 16 { return }
        }
    }

    /// What was written before now: all of it, as long as nobody inside has made the pipe larger than pipes are. What is
    /// left then is read in turns of its own.
    func drain() {
        var turn = Turn()
        while registration != nil, case .count(let count) = turn.read(end.raw, into: &loop.scratch) { take(count) }
        if turn.isUnfinished, let registration { loop.wake(registration) }
        finishLine()
    }

    /// All that there is, up to a pipe at its largest: nobody writes any more.
    func drainAtTheEnd() {
        for _ in 0..<Self.largestPipe / Turn.mostBytes { drain() }
    }

    private static let largestPipe = 1 << 20

    private func account() {
        holdings.add(bytes: rest.count - accounted)
        accounted = rest.count
    }

    private func take(_ count: Int) {
        refill()
        guard count <= allowance else {
            dropped += count
            return
        }
        allowance -= count
        if dropped > 0 { reportDropped() }
        let bytes = loop.scratch[..<count]
        guard let newline = bytes.lastIndex(of: 10) else {
            rest.append(contentsOf: bytes)
            account()
            if rest.count > Self.longestLine || holdings.isOverdrawn { finishLine() }
            return
        }
        if rest.isEmpty {
            receiver.logLines(bytes[...newline])
        } else {
            rest.append(contentsOf: bytes[...newline])
            receiver.logLines(rest[...])
            rest.removeAll(keepingCapacity: rest.count < 4096)
        }
        rest.append(contentsOf: bytes[(newline + 1)...])
        if rest.count != accounted { account() }
    }

    private func refill() {
        let elapsed = loop.now - min(loop.now, refilledAt)
        if elapsed > 10_000_000 {
            allowance = min(Self.burst, allowance + Int(elapsed / 1000) * (Self.bytesPerSecond / 1000) / 1000)
            refilledAt = loop.now
        }
    }

    private func reportDropped() {
        let note = "[martlet: \(dropped) bytes of log were dropped: more than \(Self.bytesPerSecond) a second]\n"
        dropped = 0
        finishLine()
        receiver.logLines(Array(note.utf8)[...])
    }

    /// Whoever printed it will not end it now.
    private func finishLine() {
        if !rest.isEmpty {
            rest.append(10)
            let line = rest
            rest = []
            account()
            receiver.logLines(line[...])
        }
        if dropped > 0, allowance > 0 { reportDropped() }
    }
}
