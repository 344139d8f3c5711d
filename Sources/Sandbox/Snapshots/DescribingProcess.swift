// Says what is in an image, for people and for a supervisor that takes it up again; in a process of its own that gives up
// every right before it looks at a byte: a plan may be large, and is read for nothing that needs a right.

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

    package init(_ name: String, _ foundations: Foundations) throws(Refusal) {
        self.name = name
        do throws(SystemError) {
            let file = try MemoryFile.make(named: "snapshot")
            let raw = file.raw
            helper = try Helper(seconds: Self.limit, foundations.endedHelpers) {
                do throws(SystemError) {
                    try Self.closeAll(but: raw)
                    try Files.write(
                        Self.describe(name, foundations).bytes, to: Self.answerNumber, named: "a description")
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

    /// In place of a description: why there is none.
    package static func problem(_ reason: String) throws(SystemError) -> FileDescriptor {
        let file = try MemoryFile.make(named: "snapshot")
        try Files.write(problem(reason).bytes, to: file.raw, named: "a reason")
        return file
    }

    private static func problem(_ reason: String) -> JSON { .object([("problem", .text(reason))]) }

    // MARK: the process

    private static let answerNumber: Int32 = 3

    /// All that it has of the keeper's, but for where it writes to.
    private static func closeAll(but answer: Int32) throws(SystemError) {
        if answer != answerNumber { try FileDescriptor.duplicate(answer, onto: answerNumber) }
        FileDescriptor.closeAll(from: answerNumber + 1)
    }

    private static func describe(_ name: String, _ foundations: Foundations) -> JSON {
        do {
            let unread = try foundations.openSnapshots().unread(name)
            try giveUpRights()
            return try unread.read().plan.json(named: name)
        } catch {
            // There is one, and it is none: the supervisor says why.
            return problem((error as? Refusal)?.message ?? "\(error)")
        }
    }

    /// Nobody's.
    private static let stranger: UInt32 = 65_534

    private static func giveUpRights() throws(SystemError) {
        try Capabilities.dropBounds()
        try Credentials.setGroup(stranger)
        try Credentials.setUser(UserIDs(all: stranger))
        try Capabilities.dropAll()
        try Capabilities.forbidNewPrivileges()
        // Forgotten with the user.
        try Processes.dieWithParent()
    }
}
