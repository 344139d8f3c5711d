// A directory that steers what root does, opened so that nobody else can have a say in which one it is: every directory on
// the way, and every link, belongs to root (or to the caller) and cannot be changed by others. What lies below it and is
// root's too may then be named by its path: nobody could exchange a part of that for a link.

import Glibc

extension Files {
    /// Opens the directory at `path`, with every step of the way looked at. Directories on the way that everybody may
    /// write to must be sticky, as /tmp is; the last one must be writable to its owner alone.
    package static func openTrusted(_ path: String) throws(SystemError) -> FileDescriptor {
        var rest = path.split(separator: "/").map(String.init)
        var here = try open(path.hasPrefix("/") ? "/" : ".", [.nameOnly, .directory])
        try check(here, path, "/", isLast: rest.isEmpty)
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            let next = try open(name, in: Directory(here), [.nameOnly, .noFollow])
            guard try kind(of: next.raw).kind == .link else {
                try check(next, path, name, isLast: rest.isEmpty)
                here = next
                continue
            }
            links += 1
            guard links <= 40 else { throw SystemError(call: "open", subject: path, code: ELOOP) }
            guard isTrusted(try kind(of: next.raw).owner) else { throw untrusted(path, name) }
            let target = try readLink(of: next)
            if target.hasPrefix("/") {
                here = try open("/", [.nameOnly, .directory])
            }
            rest = target.split(separator: "/").map(String.init) + rest
            if rest.isEmpty { try check(here, path, name, isLast: true) }
        }
        return here
    }

    private static func isTrusted(_ owner: UInt32) -> Bool { owner == 0 || owner == Credentials.userID }

    private static func check(
        _ directory: borrowing FileDescriptor, _ path: String, _ name: String, isLast: Bool
    ) throws(SystemError) {
        let about = try kind(of: directory.raw)
        guard about.kind == .directory else { throw SystemError(call: "open", subject: path, code: ENOTDIR) }
        let isSticky = about.permissions & 0o1000 != 0
        guard isTrusted(about.owner), about.permissions & 0o022 == 0 || isSticky && !isLast else {
            throw untrusted(path, name)
        }
    }

    private static func untrusted(_ path: String, _ name: String) -> SystemError {
        let what = path.hasSuffix("/" + name) || path == name ? path : "\(path), whose part \(name)"
        return SystemError(call: "use", subject: "\(what) can be changed by others than root", code: EPERM)
    }

    private static func readLink(of link: borrowing FileDescriptor) throws(SystemError) -> String {
        let raw = link.raw
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
            count = unsafe readlinkat(raw, "", buffer.baseAddress!, buffer.count)
            filled = max(0, count)
        }
        guard count >= 0 else { throw SystemError(call: "readlink", subject: "", code: errno) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
