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
        for (index, names) in leftovers() {
            // The lock is held as long as the keeper lives that has taken this block.
            guard let block = blocks.take(index) else { continue }
            let paths = engine.parents.flatMap { parent in names.sorted().map { "\(parent)/\($0)" } }
                .filter { Files.exists($0) }
            for path in paths { SandboxGroup.killAll(in: path) }
            removals.remove(paths, of: block)
            if names.contains(block.groupName), !paths.isEmpty { swept += 1 }
        }
        return swept
    }

    /// The groups of one block have one name in every tree.
    private func leftovers() -> [UInt32: Set<String>] {
        var found: [UInt32: Set<String>] = [:]
        for parent in engine.parents {
            for name in (try? Files.names(in: parent, prefix: UserBlock.groupPrefix)) ?? [] {
                if let block = UserBlock(groupName: name) { found[block.index, default: []].insert(name) }
            }
        }
        return found
    }
}
