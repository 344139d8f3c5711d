// Groups on their way out. The kernel may take a moment to see that the last process of a group is dead, and until then
// refuses to remove it. Nobody waits for that: it is tried again from the keeper's event loop, ever more seldom, and the
// block of uids stays taken until nothing is left that bears its number.

import Linux

package final class Removals {
    private let blocks: UserBlocks
    private var pending: [Pending] = []

    private struct Pending {
        let paths: [String]
        let block: UserBlock
        var next: UInt64
        var pause: UInt64
    }

    private static let shortestPause: UInt64 = 1_000_000
    private static let longestPause: UInt64 = 1_000_000_000

    init(_ blocks: UserBlocks) { self.blocks = blocks }

    /// Removes the directories of dead processes, now or as soon as possible, and then gives the block back.
    func remove(_ paths: [String], of block: UserBlock) {
        let pause = Self.shortestPause
        let left = Self.attempt(paths)
        if left.isEmpty { return blocks.release(block) }
        pending.append(Pending(paths: left, block: block, next: Clock.now + pause, pause: pause))
    }

    /// Those that are still there.
    private static func attempt(_ paths: [String]) -> [String] { paths.filter { !SandboxGroup.removeEmpty($0) } }

    package var isEmpty: Bool { pending.isEmpty }

    /// When to call `retry`, on the monotonic clock.
    package var nextAttempt: UInt64? { pending.lazy.map(\.next).min() }

    package func retry() {
        if pending.isEmpty { return }
        let now = Clock.now
        pending = pending.compactMap { one in
            guard one.next <= now else { return one }
            let left = Self.attempt(one.paths)
            if left.isEmpty {
                blocks.release(one.block)
                return nil
            }
            let pause = min(one.pause * 2, Self.longestPause)
            return Pending(paths: left, block: one.block, next: now + pause, pause: pause)
        }
    }

    /// For a keeper that has nothing else to do: waits until all are gone, but not for ever. What is left then is swept by
    /// a later keeper.
    package func finish(withinMS limit: UInt64) {
        let latest = Clock.now + limit * 1_000_000
        while !pending.isEmpty, Clock.now < latest {
            Clock.sleep(microseconds: 100)
            retry()
        }
    }
}
