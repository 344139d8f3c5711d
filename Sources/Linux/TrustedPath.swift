// A directory that steers what root does, opened so that nobody else can have a say in which one it is: every directory on
// the way, and every link, belongs to root (or to the caller) and cannot be changed by others. What lies below it and is
// root's too may then be named by its path: nobody could exchange a part of that for a link.

import Glibc

extension Files {
    /// Opens the directory at `path`, with every step of the way looked at. Directories on the way that everybody may
    /// write to must be sticky, as /tmp is; the last one must be writable to its owner alone.
    package static func openTrusted(_ path: String) throws(SystemError) -> FileDescriptor {
        try openTrusted(path, isOnTheWay: false)
    }

    /// The same, made first if need be, with those above it.
    package static func makeTrusted(_ path: String, mode: Int = 0o755) throws(SystemError) -> FileDescriptor {
        try makeTrusted(path, mode, isOnTheWay: false)
    }

    private static func makeTrusted(
        _ path: String, _ mode: Int, isOnTheWay: Bool
    ) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try openTrusted(path, isOnTheWay: isOnTheWay)
        } catch {
            guard error.code == ENOENT, path.contains(where: { $0 != "/" }) else { throw error }
        }
        let parts = path.split(separator: "/").map(String.init)
        let above = (path.hasPrefix("/") ? "/" : "./") + parts.dropLast().joined(separator: "/")
        let parent = try makeTrusted(above, 0o755, isOnTheWay: true)
        do throws(SystemError) {
            try makeDirectory(parts[parts.count - 1], in: Directory(parent), mode: mode)
        } catch {
            // Another engine may have been quicker.
            if error.code != EEXIST { throw error }
        }
        return try openTrusted(path, isOnTheWay: isOnTheWay)
    }

    private static func openTrusted(_ path: String, isOnTheWay: Bool) throws(SystemError) -> FileDescriptor {
        var rest = path.split(separator: "/").map(String.init)
        var here = try open(path.hasPrefix("/") ? "/" : ".", [.nameOnly, .directory])
        try check(here, path, "/", isOnTheWay: isOnTheWay || !rest.isEmpty)
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            let next = try step(name, in: here, of: path)
            if try check(next, path, name, isOnTheWay: isOnTheWay || !rest.isEmpty) != .link {
                here = next
                continue
            }
            links += 1
            guard links <= 40 else { throw SystemError(call: "open", subject: path, code: ELOOP) }
            let target = try readLink(next.raw)
            if target.hasPrefix("/") { here = try open("/", [.nameOnly, .directory]) }
            rest = target.split(separator: "/").map(String.init) + rest
            if rest.isEmpty { try check(here, path, name, isOnTheWay: isOnTheWay) }
        }
        return here
    }

    private static func step(
        _ name: String, in directory: borrowing FileDescriptor, of path: String
    ) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try open(name, in: Directory(directory), [.nameOnly, .noFollow])
        } catch {
            throw SystemError(call: error.call, subject: path, code: error.code)
        }
    }

    private static func isTrusted(_ owner: UInt32) -> Bool { owner == 0 || owner == Credentials.userID }

    /// A directory or a link that nobody else can change.
    @discardableResult
    private static func check(
        _ step: borrowing FileDescriptor, _ path: String, _ name: String, isOnTheWay: Bool
    ) throws(SystemError) -> Kind {
        let about = try kind(of: step.raw)
        guard about.kind == .directory || about.kind == .link else {
            throw SystemError(call: "open", subject: path, code: ENOTDIR)
        }
        // Everybody may write to a link, as its permissions say, and nobody can.
        let isSticky = about.permissions & 0o1000 != 0
        let isClosed = about.kind == .link || about.permissions & 0o022 == 0 || isSticky && isOnTheWay
        guard isTrusted(about.owner), isClosed else { throw untrusted(path, name) }
        return about.kind
    }

    private static func untrusted(_ path: String, _ name: String) -> SystemError {
        let what = path.hasSuffix("/" + name) || path == name ? path : "\(path), whose part \(name)"
        return SystemError(call: "use", subject: "\(what) can be changed by others than root", code: EPERM)
    }
}
