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
        var swept: UInt32 = 0
        for parent in engine.parents {
            for name in (try? Files.names(in: parent)) ?? [] {
                guard let leftover = UserBlock(groupName: name), let block = blocks.take(leftover.index) else {
                    continue
                }
                defer { blocks.release(block) }
                // The same name stands in every tree; another parent's turn finds nothing left of it.
                var found = false
                for parent in engine.parents where Files.exists("\(parent)/\(name)") {
                    try? SandboxGroup.clear("\(parent)/\(name)")
                    found = true
                }
                if found { swept += 1 }
            }
        }
        return swept
    }
}
