// The group that sandboxes are made below, checked once at the start of a keeper: which limits can be enforced here, and
// through which tree. A limit that cannot be enforced is refused now, in words, not found out later.

import Glibc
import Linux
package import Wire

package final class EngineGroup {
    let unified: String?
    /// Limits that go through cgroup v1, and where.
    let legacy: PerLimit
    /// Limits that go through cgroup2.
    let unifiedLimits: [Limit]
    /// Why a limit cannot be enforced.
    package let missing: PerLimit

    package init(_ hierarchies: Hierarchies) {
        var unified = hierarchies.unified
        var legacy = [:] as PerLimit
        var unifiedLimits: [Limit] = []
        var missing = [:] as PerLimit
        for limit in Limit.allCases {
            switch hierarchies.place(of: limit) {
            case .unified: unifiedLimits.append(limit)
            case .legacy(let parent): legacy[limit] = parent
            case .nowhere: missing[limit] = "this host offers no \(limit) controller, neither in cgroup v2 nor in v1"
            }
        }
        if let parent = hierarchies.unified, !unifiedLimits.isEmpty,
            let reason = Self.enable(unifiedLimits, at: parent)
        {
            for limit in unifiedLimits { missing[limit] = reason }
            unifiedLimits = []
        }
        if let reason = Self.enterCeiling(&unified, &legacy, unifiedLimits) { missing[.pids] = reason }
        self.unified = unified
        self.legacy = legacy
        self.unifiedLimits = unifiedLimits
        self.missing = missing
    }

    /// Moves the place of sandboxes into the group that bounds their processes together; nil when that is so, or why not.
    private static func enterCeiling(
        _ unified: inout String?, _ legacy: inout PerLimit, _ unifiedLimits: [Limit]
    ) -> String? {
        do throws(SystemError) {
            if unifiedLimits.contains(.pids), let parent = unified {
                let group = try ProcessCeiling.group(below: parent)
                if let reason = enable(unifiedLimits, at: group) { return reason }
                try ProcessCeiling.set(in: group)
                unified = group
            } else if let parent = legacy[.pids] {
                let group = try ProcessCeiling.group(below: parent)
                try ProcessCeiling.set(in: group)
                // Controllers that are mounted together share one tree.
                for limit in Limit.allCases where legacy[limit] == parent { legacy[limit] = group }
            }
            return nil
        } catch {
            return "the group of all sandboxes cannot be made: \(error)"
        }
    }

    /// Gives the controllers to the groups below `parent`; nil when that is so, or why not.
    private static func enable(_ limits: [Limit], at parent: String) -> String? {
        let file = "\(parent)/cgroup.subtree_control"
        do throws(SystemError) {
            let enabled = KernelText.words(try Files.read(file, limit: 4096))
            let wanted = limits.map(\.rawValue).filter { !enabled.contains($0) }.sorted()
            if !wanted.isEmpty { try Files.control(file, wanted.map { "+" + $0 }.joined(separator: " ")) }
            return nil
        } catch {
            if error.code == EBUSY {
                return """
                    the group \(parent) has processes of its own, and cgroup v2 gives controllers only to the children \
                    of a group without; name a group that is empty with --cgroup PATH
                    """
            }
            return "\(error)"
        }
    }

    /// Refuses a start whose limits cannot be held.
    package func check(waived: [Limit]) throws(Refusal) {
        for limit in Limit.allCases where !waived.contains(limit) {
            if let reason = missing[limit] {
                throw Refusal(
                    .limit,
                    "the \(limit) limit cannot be enforced: \(reason); to go on without it, say --waive \(limit)")
            }
        }
    }

    /// Every parent directory that groups of sandboxes may stand below.
    var parents: [String] {
        var all: [String] = []
        for parent in [unified].compactMap({ $0 }) + legacy.distinct where !all.contains(parent) { all.append(parent) }
        return all
    }
}
