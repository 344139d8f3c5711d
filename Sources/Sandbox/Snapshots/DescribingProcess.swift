// Says what is in an image, for people and for a supervisor that takes it up again; in a process of its own that holds
// nothing but the plan and the place for its answer, and has no right and a filter before it looks at a byte: a plan may be
// large, and is read for nothing that needs a right.

import Glibc
package import Linux
import Snapshot
package import Wire

package final class DescribingProcess {
    package let name: String
    private let helper: Helper
    private var answer: FileDescriptor?
    package var watched: Int32 { helper.process.raw }
    package var latest: UInt64 { helper.latest }

    private static let limit: UInt64 = 5

    /// Opens what it shall read: it has no right to, itself.
    package init(_ name: String, _ foundations: Foundations) throws(Refusal) {
        self.name = name
        let stored = try foundations.openSnapshots().stored(name)
        do throws(SystemError) {
            let file = try MemoryFile.make(named: "snapshot")
            let (raw, plan) = (file.raw, stored.plan.raw)
            let group = try WorkGroup(
                .description, memoryBytes: WorkMemory.reading(stored.planSize), foundations)
            helper = try Helper(in: group, seconds: Self.limit, keeping: [raw, plan], foundations.endedHelpers) {
                do throws(SystemError) {
                    try UnprivilegedReader.begin()
                    try Files.write(Self.describe(name, stored).bytes, to: raw, named: "a description")
                } catch {
                    _exit(1)
                }
            }
            answer = consume file
        } catch {
            throw Refusal(.step, "describe a snapshot: \(error)")
        }
    }

    /// What it has written, once, when it has ended as it should.
    package func take() -> FileDescriptor? { helper.ending() == .exited(0) ? answer.take() : nil }

    /// Why there is none.
    package var failure: String { helper.shortage ?? "the process that reads it has ended" }

    /// In place of a description: why there is none.
    package static func problem(_ reason: String) throws(SystemError) -> FileDescriptor {
        let file = try MemoryFile.make(named: "snapshot")
        try Files.write(problem(reason).bytes, to: file.raw, named: "a reason")
        return file
    }

    private static func problem(_ reason: String) -> JSON { .object([("problem", .text(reason))]) }

    // MARK: the process

    private static func describe(_ name: String, _ stored: borrowing StoredPlan) -> JSON {
        do throws(Refusal) {
            return try stored.read().json(named: name)
        } catch {
            // There is one, and it is none: the supervisor says why.
            return problem(error.message)
        }
    }
}
