// A listening socket under a name that clients know, one engine after another. A new socket is made where nobody can reach
// it and takes the name in one step; an old one is removed by its owner alone, who holds it open and so knows it for
// certain. Both happen under one lock for the host: between the look and the deed nothing changes.

internal import CLinux
import Glibc

package enum PublicSocket {
    package struct Access: Sendable {
        package var mode: UInt32
        package var user, group: UInt32

        package init(mode: UInt32, user: UInt32, group: UInt32) {
            (self.mode, self.user, self.group) = (mode, user, group)
        }
    }

    /// Listens at `name`. An engine that was killed a moment ago may still seem to listen: it is given a while to go.
    /// - Returns: the socket that listens; and its file, which no other has the number of as long as it is held
    /// - Throws: EADDRINUSE when somebody serves the name
    package static func listen(
        at name: String, in directory: borrowing FileDescriptor, _ access: Access
    ) throws(SystemError) -> Descriptors {
        let latest = Clock.now + patience
        while true {
            if let made = try listenNow(at: name, in: directory, access) { return made }
            guard Clock.now < latest else {
                throw SystemError(call: "listen", subject: "\(name) (another engine serves it)", code: EADDRINUSE)
            }
            Clock.sleep(microseconds: 5000)
        }
    }

    private static func listenNow(
        at name: String, in directory: borrowing FileDescriptor, _ access: Access
    ) throws(SystemError) -> Descriptors? {
        let lock = try lock()
        defer { lock.release(0) }
        return try isServed(name, in: directory) ? nil : try make(name, in: directory, access)
    }

    private static let patience: UInt64 = 2_000_000_000

    /// Removes the name if it still is that of `file`.
    package static func remove(
        _ name: String, in directory: Directory, ifStill file: borrowing FileDescriptor
    ) throws(SystemError) {
        let lock = try lock()
        defer { lock.release(0) }
        do throws(SystemError) {
            let there = try Files.open(name, in: directory, [.nameOnly, .noFollow])
            if Files.isSame(there, file) { try Files.remove(name, in: directory) }
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    // MARK: the steps

    /// Root's alone, so that nobody else can hold it.
    private static let lockPath = "/run/martlet-sockets.lock"

    private static func lock() throws(SystemError) -> RecordLock {
        let lock = try RecordLock(path: lockPath)
        guard try lock.take(0, waiting: patience) else {
            throw SystemError(call: "lock", subject: lockPath, code: EBUSY)
        }
        return lock
    }

    /// Whether somebody listens there. A file that is no socket is nobody's to replace.
    private static func isServed(
        _ name: String, in directory: borrowing FileDescriptor
    ) throws(SystemError) -> Bool {
        do throws(SystemError) {
            let there = try Files.open(name, in: Directory(directory), [.nameOnly, .noFollow])
            guard try Files.kind(of: there.raw).kind == .socket else {
                throw SystemError(call: "listen", subject: "\(name) (a file that is no socket)", code: EEXIST)
            }
        } catch {
            if error.code == ENOENT { return false }
            throw error
        }
        return unsafe clinux_unix_is_served(path(of: name, in: directory)) == 1
    }

    /// A path by way of the descriptor: short enough for a socket's address, and never another directory.
    private static func path(of name: String, in directory: borrowing FileDescriptor) -> String {
        "/proc/self/fd/\(directory.raw)/\(name)"
    }

    private static func make(
        _ name: String, in directory: borrowing FileDescriptor, _ access: Access
    ) throws(SystemError) -> Descriptors {
        // Of one who was killed in the middle of this.
        LockedDirectory.removeAbandoned(in: directory) { $0.hasPrefix(".\(name).") }
        // A directory of root's own, in which nobody can put anything in the socket's place.
        let draft = try LockedDirectory(in: Directory(directory)) { ".\(name).\(getpid()).\(Clock.now).\($0)" }
        do throws(SystemError) {
            let made = try make(in: draft.directory, access)
            try Files.rename(socketName, in: draft.directory, to: name, in: Directory(directory))
            try Files.removeDirectory(draft.name, in: Directory(directory))
            return made
        } catch {
            try? Trees.remove(draft.name, in: Directory(directory))
            throw error
        }
    }

    private static let socketName = "socket"

    private static func make(
        in directory: Directory, _ access: Access
    ) throws(SystemError) -> Descriptors {
        let before = umask(0o777 & ~access.mode)
        defer { _ = umask(before) }
        var made = Descriptors(owning: [])
        made.add(try StreamSockets.listen(at: "/proc/self/fd/\(directory.raw)/\(socketName)"))
        let file = try Files.open(socketName, in: directory, [.nameOnly, .noFollow])
        try Files.changeOwner(of: file.raw, to: access.user, group: access.group)
        made.add(file)
        return made
    }
}
