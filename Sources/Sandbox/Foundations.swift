// What all sandboxes of a keeper share.

import Linux
import Snapshot
package import Wire

package final class Foundations {
    package let workplace: Workplace
    package let engine: EngineGroup
    package let blocks: UserBlocks
    package let removals: Removals
    package let endedHelpers = EndedHelpers()
    let confinement: Confinement?
    let filter: [UInt8]
    /// Of a sandbox that is to be restored, until it is.
    var openingFilter: [UInt8] { RestoreFilter.opening(filter) }
    /// A step of every restore that shall fail: for tests.
    package var failingStep: Int?
    /// The same of every capture.
    package var failingCapture: Int?
    /// In place of what a capture may use otherwise, in bytes: for tests.
    package var captureMemory: UInt64?
    /// Where snapshots are kept; none without a state directory.
    package let snapshots: String?

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
        snapshots = state.map { "\($0)/snapshots" }
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

    // MARK: snapshots

    func openSnapshots() throws(Refusal) -> ImageStore {
        guard let snapshots else { throw Refusal(.state, "there is no directory for snapshots") }
        return try ImageStore(path: snapshots)
    }

    /// Removes what is left of captures that nobody makes any more. False when somebody is still at work on one: another
    /// engine of this state directory, or a process that was killed and is not gone yet.
    @discardableResult
    package func clearDrafts() throws(Refusal) -> Bool { try openSnapshots().clearDrafts() }

    /// Whether it is known already what a first event writes to.
    package func hasLearned(_ name: String) -> Bool { (try? openSnapshots())?.touched(name) != nil }

    package func removeSnapshot(_ name: String) {
        if let store = try? openSnapshots() { store.remove(name) }
    }

    package var snapshotNames: [String] { get throws(Refusal) { try openSnapshots().names } }

    package func hasSnapshot(_ name: String) -> Bool {
        SnapshotName.problem(name) == nil && (try? openSnapshots())?.has(name) ?? false
    }
}
