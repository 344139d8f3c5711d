// A directory that belongs to a living owner: whoever made it holds a lock on it. The kernel drops the lock with the last
// process that has the directory open, so a directory without one is a remnant, which anybody may remove; and a directory
// with one is never removed by anybody but its owner.

internal import CLinux
import Glibc

package struct LockedDirectory: ~Copyable {
    package let name: String
    private let held: FileDescriptor
    package var directory: Directory { Directory(held) }

    /// Makes it.
    /// - Parameter candidate: a name for each attempt, which no other directory ever had; one that is in use is another
    ///   owner's
    package init(
        in parent: Directory, mode: Int = 0o700, named candidate: (Int) -> String
    ) throws(SystemError) {
        for attempt in 0..<Self.mostAttempts {
            let name = candidate(attempt)
            if let held = try Self.make(name, in: parent, mode) {
                self.name = name
                self.held = held
                return
            }
        }
        throw SystemError(call: "mkdir", subject: candidate(0), code: EEXIST)
    }

    private static let mostAttempts = 100

    /// Nothing when the name is another's, or when a remover took the directory before it was locked.
    private static func make(
        _ name: String, in parent: Directory, _ mode: Int
    ) throws(SystemError) -> FileDescriptor? {
        do throws(SystemError) {
            try Files.makeDirectory(name, in: parent, mode: mode)
            let held = try Files.open(name, in: parent, [.directory, .noFollow])
            guard try lock(held), try isThere(held) else { return nil }
            return held
        } catch {
            if error.code == EEXIST || error.code == ENOENT { return nil }
            throw error
        }
    }

    private static func lock(_ directory: borrowing FileDescriptor) throws(SystemError) -> Bool {
        let result = clinux_lock_whole(directory.raw)
        if result == -Int(EWOULDBLOCK) { return false }
        try Kernel.check(result, "flock")
        return true
    }

    /// A directory that was removed has no links left.
    private static func isThere(_ directory: borrowing FileDescriptor) throws(SystemError) -> Bool {
        try FileDetails(of: directory).links > 0
    }

    package enum Removal {
        case removed
        /// Its owner lives.
        case owned
        case failed(SystemError)
    }

    /// Removes those of the directories in `parent` whose owners are gone. False when some have an owner.
    @discardableResult
    package static func removeAbandoned(
        in parent: borrowing FileDescriptor, where isOne: (String) -> Bool
    ) -> Bool {
        var ownsNone = true
        for name in (try? Files.names(in: parent)) ?? [] where isOne(name) {
            if case .owned = removeAbandoned(name, in: Directory(parent)) { ownsNone = false }
        }
        return ownsNone
    }

    /// Removes one whose owner is gone, with all that is in it.
    package static func removeAbandoned(_ name: String, in parent: Directory) -> Removal {
        do throws(SystemError) {
            let held = try Files.open(name, in: parent, [.directory, .noFollow])
            guard try lock(held) else { return .owned }
            // Through the descriptor: the name may be another directory's by now, which is not empty then.
            try Trees.empty(held)
            try Files.removeDirectory(name, in: parent)
            return .removed
        } catch {
            switch error.code {
            case ENOENT: return .removed
            // A file: nobody's.
            case ENOTDIR where (try? Files.remove(name, in: parent)) != nil: return .removed
            default: return .failed(error)
            }
        }
    }
}
