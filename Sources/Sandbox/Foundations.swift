// What all sandboxes of a keeper share.

import Linux
package import Wire

package final class Foundations {
    package let workplace: Workplace
    package let engine: EngineGroup
    package let blocks: UserBlocks
    package let removals: Removals
    let confinement: Confinement?
    let filter: [UInt8]

    /// - Parameter state: the directory that those of a request must lie below; none for a caller who is root already
    package init(run: String, cgroup: String?, state: String? = nil, _ log: inout StepLog) throws(Refusal) {
        // The user of a process decides nothing about its capabilities: see where a sandbox is forked.
        do throws(SystemError) {
            try Capabilities.keepAcrossUsers()
        } catch {
            throw Refusal(.step, "keep capabilities: \(error)")
        }
        let start = Clock.now
        workplace = try Workplace(path: run)
        if let state { confinement = try Confinement(to: state) } else { confinement = nil }
        let blocks = try UserBlocks()
        self.blocks = blocks
        removals = Removals(blocks)
        try workplace.enter()
        log.add("open the run directory", from: start)
        engine = try log.step("find the cgroups") { () throws(SystemError) in
            EngineGroup(try Hierarchies.find(named: cgroup))
        }
        let compiling = Clock.now
        do {
            filter = try FilterStore(directory: run).filter()
        } catch {
            throw Refusal(.step, "compile the filter: \(error)")
        }
        log.add("load the filter", from: compiling)
    }
}
