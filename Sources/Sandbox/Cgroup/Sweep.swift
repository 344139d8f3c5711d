// Clears away what dead keepers left: their groups, and whatever still runs in them. Mounts and network namespaces went
// with their processes. A group is swept only while its block's lock is in our hands, so a living one is never touched.

import Linux
import Wire

package struct Sweep {
    let engine: EngineGroup
    let blocks: UserBlocks

    package init(_ engine: EngineGroup, _ blocks: UserBlocks) {
        self.engine = engine
        self.blocks = blocks
    }

    /// How many sandboxes were cleared away.
    package func run() -> UInt32 {
        var leftovers: [UInt32: [String]] = [:]
        for parent in engine.parents {
            for name in (try? Files.names(in: parent)) ?? [] {
                if let block = UserBlock(groupName: name) {
                    leftovers[block.index, default: []].append("\(parent)/\(name)")
                }
            }
        }
        var swept: UInt32 = 0
        for (index, paths) in leftovers {
            guard let block = blocks.take(index) else { continue }
            defer { blocks.release(block) }
            for path in paths { try? SandboxGroup.clear(path) }
            swept += 1
        }
        return swept
    }
}
