// A process of the keeper's for one piece of work that may take its time, forked for it: the keeper goes on with its
// sandboxes meanwhile. It is in a group of its own before it looks at anything, holds none of the keeper's descriptors but
// those that it is given, and is given up when it takes too long.

import Glibc
import Linux

final class Helper {
    private let group: WorkGroup
    private let pid: Int32
    let process: FileDescriptor
    /// On the monotonic clock: who is still at work then is given up.
    let latest: UInt64
    private let ended: EndedHelpers
    private var isOver = false

    /// - Parameter keeping: what is open in it, beside the standard streams
    /// - Parameter ended: takes care of it when it was told to end
    /// - Parameter work: runs in the child, in plain Swift; its end is the child's
    init(
        in group: WorkGroup, seconds: UInt64, keeping: [Int32], _ ended: EndedHelpers, _ work: () -> Void
    ) throws(SystemError) {
        (self.group, self.ended) = (group, ended)
        latest = Clock.now + seconds * 1_000_000_000
        switch try group.fork() {
        case .child:
            FileDescriptor.closeAll(but: keeping)
            work()
            _exit(0)
        case .parent(let pid, let handle):
            self.pid = pid
            process = handle
        }
    }

    deinit { end() }

    /// Ends it now, if it has not ended. It is not waited for: one that hangs in the kernel would hold up its keeper.
    /// - Parameter cleanUp: called with the number that it had, when it is gone
    func end(then cleanUp: @escaping (Int32) -> Void = { _ in }) {
        if isOver { return cleanUp(pid) }
        isOver = true
        try? Processes.signal(SIGKILL, to: process)
        // Its group is removed when it is gone.
        ended.take(pid) { [group] pid in withExtendedLifetime(group) { cleanUp(pid) } }
    }

    /// How it has ended; nil as long as it has not.
    func ending() -> Processes.Ending? {
        guard !isOver, let found = try? Processes.wait(for: pid, block: false) else { return nil }
        isOver = true
        return found.ending
    }

    /// Why it has ended, when the kernel has ended it for lack of memory.
    var shortage: String? { group.shortage }
}
