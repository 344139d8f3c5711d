// The cgroup of a process of the engine's own that works with what a function has made: without one, a hostile function
// could have root use the host's memory in its stead. It stands beside the groups of sandboxes, holds a block of uids as
// they do, and is swept as they are. Its name says what it is for: `martlet-capture-17`.

import Glibc
import Linux
import Wire

final class WorkGroup {
    enum Kind: String, CaseIterable, Sendable {
        case capture, learning, description, template, supervisor
    }

    let kind: Kind
    private(set) var memoryBytes: UInt64
    private let group: SandboxGroup
    private let block: UserBlock
    private let removals: Removals

    /// Made before the process that is to be in it. Where the host cannot enforce a limit there is none: sandboxes are
    /// then refused, or the operator has waived it for them too.
    init(
        _ kind: Kind, memoryBytes: UInt64, pids: UInt64 = 1, waived: [Limit] = [], _ foundations: Foundations
    ) throws(SystemError) {
        let engine = foundations.engine
        guard let block = try? foundations.blocks.takeHighest() else {
            throw SystemError(call: "take", subject: "a block of uids", code: EAGAIN)
        }
        do throws(SystemError) {
            group = try SandboxGroup(block.groupName(of: kind), in: engine)
        } catch {
            foundations.blocks.release(block)
            throw error
        }
        do throws(SystemError) {
            let missing = Limit.allCases.filter { engine.missing[$0] != nil }
            try group.apply(
                GroupLimits(memoryBytes: memoryBytes, pids: pids), boost: false, waived: [.cpu] + waived + missing,
                in: engine)
        } catch {
            foundations.removals.remove(group.paths, of: block)
            throw error
        }
        (self.kind, self.memoryBytes, self.block, removals) = (kind, memoryBytes, block, foundations.removals)
    }

    /// Whoever was in it has been waited for.
    deinit { removals.remove(group.paths, of: block) }

    // MARK: members

    /// Forks a process that is in the group before it does anything.
    func fork() throws(SystemError) -> Processes.Fork {
        let place = try group.open()
        let joins = Descriptors(owning: try group.joinFiles())
        let parent = getpid()
        switch try Processes.fork(into: [], cgroup: place) {
        case .child:
            do throws(SystemError) {
                try joins.forEach { (_, tasks) throws(SystemError) in
                    try Files.write(Array("0".utf8), to: tasks.raw, named: "tasks")
                }
                try Processes.dieWithParent()
                // One that has died before is not heard of.
                if getppid() != parent { _exit(1) }
                // The warden may be one that the kernel spares; whoever has used up a limit is not.
                try Files.control("/proc/self/oom_score_adj", "0")
            } catch {
                _exit(1)
            }
            return .child
        case .parent(let pid, let handle):
            return .parent(pid: pid, handle: handle)
        }
    }

    func take(_ pid: Int32) throws(SystemError) { try group.take(pid) }

    func widen(to bytes: UInt64) throws(SystemError) {
        try group.setMemory(bytes)
        memoryBytes = bytes
    }

    /// Why its process has ended, if it was for lack of memory.
    var shortage: String? {
        group.outOfMemoryKills() > 0 ? "it needed more than the \(memoryBytes >> 20) MB that the \(kind) may use" : nil
    }
}

/// How much memory the engine's own processes may use: as much as their work can take, and a little more.
enum WorkMemory {
    /// For what a process needs beside the memory that it copies: the plan of the function, its steps.
    private static let slack: UInt64 = 64 << 20
    /// A decoded plan is a few times as large as its bytes.
    private static let planFactor: UInt64 = 8

    /// To copy a function's memory, or to hold it.
    static func copying(_ request: SandboxRequest) -> UInt64 { UInt64(request.memoryMB) << 20 + slack }

    /// To read a plan of so many bytes.
    static func reading(_ planBytes: UInt64) -> UInt64 { slack / 2 + planBytes * planFactor }

    /// The kernel charges a template for what each sandbox that is forked from it needs of the kernel's: tables of pages,
    /// and until it joins its own group its network.
    static func making(_ sandboxes: UInt64, tables: UInt64) -> UInt64 { sandboxes * (2 * tables + 1 << 20) }
}
