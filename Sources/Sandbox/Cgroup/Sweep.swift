// Clears away what dead keepers left: their groups, and whatever still runs in them. Mounts and network namespaces went
// with their processes. A group is swept only while its block's lock is in our hands, so a living one is never touched.

import Linux
import Wire

package struct Sweep {
    private let engine: EngineGroup
    private let blocks: UserBlocks
    private let removals: Removals

    package init(_ foundations: Foundations) {
        engine = foundations.engine
        blocks = foundations.blocks
        removals = foundations.removals
    }

    /// How many sandboxes are cleared away. Their processes may take a moment to die: what that holds up is in the
    /// foundations' removals.
    package func run() -> UInt32 {
        var swept: UInt32 = 0
        // The groups of one sandbox have one name in every tree: whose lock is held is asked once.
        var isLiving = [Bool](repeating: false, count: Int(UserBlock.count))
        for parent in engine.parents {
            for name in (try? Files.names(in: parent, prefix: UserBlock.groupPrefix)) ?? [] {
                guard let leftover = UserBlock(groupName: name), !isLiving[Int(leftover.index)] else { continue }
                guard let block = blocks.take(leftover.index) else {
                    isLiving[Int(leftover.index)] = true
                    continue
                }
                // The same name stands in every tree; another parent's turn finds nothing left of it.
                let paths = engine.parents.map { "\($0)/\(name)" }.filter { Files.exists($0) }
                for path in paths { SandboxGroup.killAll(in: path) }
                removals.remove(paths, of: block)
                if !paths.isEmpty { swept += 1 }
            }
        }
        return swept
    }
}
