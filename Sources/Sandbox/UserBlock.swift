// Every sandbox has its own block of host uids and gids, so that what escapes one is nobody in another. A block is a
// number; the same number names the sandbox's cgroup. It is taken by a lock that the kernel drops when its keeper is
// gone, however it went, so a number is never used twice at once and never lost.

import Linux
package import Wire

package struct UserBlock: Equatable, Sendable {
    package let index: UInt32

    /// The range between the uids of systemd-nspawn's containers and the "foreign" ones, which no distribution hands out.
    package static let firstID: UInt32 = 0x7000_0000
    package static let size: UInt32 = 65_536
    package static let count: UInt32 = (0x7ffe_0000 - firstID) / size

    package var base: UInt32 { Self.firstID + index * Self.size }
    /// The line for uid_map and gid_map: everything inside is the block outside.
    var map: String { "0 \(base) \(Self.size)\n" }
    var groupName: String { Self.groupPrefix + String(index) }

    static let groupPrefix = "martlet-"

    /// The group of a process of the engine's own that holds this block: `martlet-capture-17`.
    func groupName(of kind: WorkGroup.Kind) -> String { Self.groupPrefix + kind.rawValue + "-" + String(index) }

    init(index: UInt32) { self.index = index }

    init?(groupName: String) {
        guard groupName.hasPrefix(Self.groupPrefix) else { return nil }
        var rest = groupName.dropFirst(Self.groupPrefix.count)
        for kind in WorkGroup.Kind.allCases where rest.hasPrefix(kind.rawValue + "-") {
            rest = rest.dropFirst(kind.rawValue.count + 1)
            break
        }
        let digits = Array(rest.utf8)
        guard let index = KernelText.number(digits[...]), index < Self.count else { return nil }
        self.index = UInt32(index)
    }
}

/// Hands out blocks.
package final class UserBlocks {
    private let locks: RecordLock
    /// A bit for each block that is ours.
    private var taken = [UInt64](repeating: 0, count: Int(UserBlock.count) / 64 + 1)
    private var next: UInt32 = 0

    package init() throws(Refusal) {
        do throws(SystemError) {
            locks = try RecordLock(path: Workplace.locks)
        } catch {
            throw Refusal(.state, "cannot lock blocks of uids: \(error)")
        }
    }

    func take() throws(Refusal) -> UserBlock {
        for _ in 0..<UserBlock.count {
            let index = next
            next = (next + 1) % UserBlock.count
            if let block = take(index) { return block }
        }
        throw Refusal(.step, "all \(UserBlock.count) blocks of uids are taken: too many sandboxes at once")
    }

    /// The highest that is free, for a group of the engine's own. A sandbox never has such a number, so what an engine that
    /// was killed has left under it is swept also by who takes a block for a sandbox first, and sweeps then.
    func takeHighest() throws(Refusal) -> UserBlock {
        for index in (0..<UserBlock.count).reversed() {
            if let block = take(index) { return block }
        }
        throw Refusal(.step, "all \(UserBlock.count) blocks of uids are taken: too many sandboxes at once")
    }

    /// This very block, or nil when somebody has it.
    func take(_ index: UInt32) -> UserBlock? {
        let (word, bit) = (Int(index / 64), UInt64(1) << (index % 64))
        guard taken[word] & bit == 0, (try? locks.take(UInt64(index))) == true else { return nil }
        taken[word] |= bit
        return UserBlock(index: index)
    }

    func release(_ block: UserBlock) {
        taken[Int(block.index / 64)] &= ~(1 << (block.index % 64))
        locks.release(UInt64(block.index))
        // The lowest free number again: names stay short, and caches that are keyed by uid stay warm.
        next = min(next, block.index)
    }
}
