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
    private var isWaitingToRead = false

    static let longestLine = 256 * 1024
    /// Bytes that may come at once, and bytes that may come in a second.
    private static let burst = 4 << 20
    private static let bytesPerSecond = 1 << 20
    /// Read in one go before others have their turn.
    private static let mostInATurn = 8

    init(_ loop: EventLoop, _ receiver: any LineReceiver) throws(SystemError) {
        let ends = try Streams.pipe()
        end = FileDescriptor(owning: ends.read)
        writeEnd = FileDescriptor(owning: ends.write)
        self.loop = loop
        self.receiver = receiver
        allowance = Self.burst
        refilledAt = loop.now
        registration = try loop.watch(end.raw, self)
    }

    func close() {
        if let registration { loop.forget(registration) }
        registration = nil
    }

    func isReady(toRead: Bool, toWrite: Bool) { read() }

    private func read() {
        guard registration != nil, !isWaitingToRead else { return }
        for _ in 0..<Self.mostInATurn {
            guard case .count(let count) = Streams.read(end.raw, into: &loop.scratch) else { return }
            take(count)
            if count < loop.scratch.count / 16 { return }
        }
        // There may be more: a while later, when others have been seen to.
        isWaitingToRead = true
        loop.afterThisTurn { [weak self] in
            self?.isWaitingToRead = false
            self?.read()
        }
    }

    /// Everything that was written before now.
    func drain() {
        for _ in 0..<64 {
            guard registration != nil, case .count(let count) = Streams.read(end.raw, into: &loop.scratch) else {
                break
            }
            take(count)
        }
        finishLine()
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
            if rest.count > Self.longestLine { finishLine() }
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
            receiver.logLines(line[...])
        }
        if dropped > 0, allowance > 0 { reportDropped() }
    }
}
