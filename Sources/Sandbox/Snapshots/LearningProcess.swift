// Finds out for a snapshot what the first event of a clone has written to; in a process of its own, because a large plan
// takes a while to read, and one that has no right when it reads it.

import Glibc
import Linux
import Snapshot
package import Wire

package final class LearningProcess {
    package let snapshot: String
    package let sandbox: UInt32
    private let helper: Helper
    private var answer: FileDescriptor?
    package var watched: Int32 { helper.process.raw }
    package var latest: UInt64 { helper.latest }

    private static let limit: UInt64 = 10

    package init(_ sandbox: Sandbox, _ foundations: Foundations) throws(Refusal) {
        guard let name = sandbox.request.snapshot, let first = sandbox.started.first, first.pid > 0 else {
            throw Refusal(.request, "the sandbox was not restored")
        }
        (snapshot, self.sandbox) = (name, sandbox.id)
        let (guardian, waived) = (sandbox.pid, sandbox.request.waived)
        let stored = try foundations.openSnapshots().stored(name)
        do throws(SystemError) {
            // The number inside is what pid 1 says: the wrong table of pages makes a hint that is of no use.
            let found = StoppedProcesses.children(of: guardian).first { StoppedProcesses.numberInside($0) == first.pid }
            guard let found else { throw SystemError(call: "find", subject: "the first process", code: ESRCH) }
            let table = try Files.open("/proc/\(found)/pagemap")
            let file = try MemoryFile.make(named: "touched")
            let (pages, raw, plan) = (table.raw, file.raw, stored.plan.raw)
            let group = try WorkGroup(
                .learning, memoryBytes: WorkMemory.reading(stored.planSize), waived: waived, foundations)
            helper = try Helper(
                in: group, seconds: Self.limit, keeping: [pages, raw, plan], foundations.endedHelpers
            ) {
                do {
                    try UnprivilegedReader.begin()
                    let touched = try Learning.touched(try stored.read(), pagemap: pages)
                    try Files.write(touched.encoded(), to: raw, named: "pages")
                } catch {
                    _exit(1)
                }
            }
            answer = consume file
        } catch {
            throw Refusal(.step, "look at what was written to: \(error)")
        }
    }

    /// Keeps what it has found, when it has ended as it should.
    package func keep(_ foundations: Foundations) {
        guard helper.ending() == .exited(0), let file = answer.take() else { return }
        // Only a hint: without it clones are a little slower.
        guard let bytes = try? MemoryFile.contents(of: file, limit: TouchedPages.longest),
            let touched = TouchedPages(decoding: bytes)
        else { return }
        try? foundations.openSnapshots().setTouched(touched, of: snapshot)
    }
}
