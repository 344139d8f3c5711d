// A process of the keeper's for one piece of work that may take its time, forked for it: the keeper goes on with its
// sandboxes meanwhile. It is given up when it takes too long.

import Glibc
import Linux

final class Helper {
    private let pid: Int32
    let process: FileDescriptor
    /// On the monotonic clock: who is still at work then is given up.
    let latest: UInt64
    private let ended: EndedHelpers
    private var isOver = false

    /// - Parameter ended: takes care of it when it was told to end
    /// - Parameter work: runs in the child, in plain Swift; its end is the child's
    init(seconds: UInt64, _ ended: EndedHelpers, _ work: () -> Void) throws(SystemError) {
        self.ended = ended
        latest = Clock.now + seconds * 1_000_000_000
        switch try Processes.fork(into: [], cgroup: nil) {
        case .child:
            try? Processes.dieWithParent()
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
        ended.take(pid, cleanUp)
    }

    /// How it has ended; nil as long as it has not.
    func ending() -> Processes.Ending? {
        guard !isOver, let found = try? Processes.wait(for: pid, block: false) else { return nil }
        isOver = true
        return found.ending
    }
}
