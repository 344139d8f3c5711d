// Files and directories by path, relative to a directory that is already open where it matters.

internal import CLinux
import Glibc

package enum Files {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }
        package init(arrayLiteral elements: Flags...) { self = elements.reduced() }

        package static let write = Flags(rawValue: O_WRONLY)
        package static let readWrite = Flags(rawValue: O_RDWR)
        package static let create = Flags(rawValue: O_CREAT)
        package static let append = Flags(rawValue: O_APPEND)
        package static let exclusive = Flags(rawValue: O_EXCL)
        package static let noFollow = Flags(rawValue: CLINUX_O_NOFOLLOW)
        package static let directory = Flags(rawValue: CLINUX_O_DIRECTORY)
        /// Names the file without opening it: no read, no side effect of a device or a pipe.
        package static let nameOnly = Flags(rawValue: CLINUX_O_PATH)
        package static let nonBlocking = Flags(rawValue: O_NONBLOCK)
    }

    package enum Kind: Equatable, Sendable {
        case file, directory, link, pipe(anonymous: Bool), socket, characterDevice, blockDevice, unknown
    }

    package static func open(
        _ path: String, in directory: Directory = .working, _ flags: Flags = [], mode: Int = 0o600
    ) throws(SystemError) -> FileDescriptor {
        let all = Int(flags.rawValue | CLINUX_O_CLOEXEC)
        let result = path.withAddress { Kernel.call(CLINUX_SYS_openat, Int(directory.raw), $0, all, mode) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "open", path)))
    }

    /// Opens for reading the very file that a descriptor is open on or names, whatever has its name by now, and waits for
    /// nobody: not for the other end of a pipe, nor for who holds a lease (EAGAIN).
    package static func openAgain(_ raw: Int32, _ flags: Flags = []) throws(SystemError) -> FileDescriptor {
        try open("/proc/self/fd/\(raw)", flags | .nonBlocking)
    }

    /// Opens a directory that a caller named, without following the magic links of /proc, which lead out of any tree.
    /// With `directory`, nothing on the way may lead out of that either: neither a link nor `..`.
    package static func openDirectory(
        _ path: String, beneath directory: Directory? = nil
    ) throws(SystemError) -> FileDescriptor {
        let flags = UInt64(CLINUX_O_PATH | CLINUX_O_DIRECTORY | CLINUX_O_CLOEXEC)
        let resolve = CLINUX_RESOLVE_NO_MAGICLINKS | (directory == nil ? 0 : CLINUX_RESOLVE_BENEATH)
        let start = (directory ?? .working).raw
        let result = Kernel.retry {
            unsafe path.withCString { unsafe clinux_openat2(start, $0, flags, 0, resolve) }
        }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "open", path)))
    }

    /// A directory of a tree that others have made, as a process with that tree as its root finds it: every link stays
    /// within. One, or none where it is not there.
    package static func openMountPoint(
        _ path: String, in root: borrowing FileDescriptor
    ) throws(SystemError) -> Descriptors {
        let flags = UInt64(CLINUX_O_PATH | CLINUX_O_DIRECTORY | CLINUX_O_CLOEXEC)
        let start = root.raw
        let result = Kernel.retry {
            unsafe path.withCString { unsafe clinux_openat2(start, $0, flags, 0, CLINUX_RESOLVE_IN_ROOT) }
        }
        if result == -Int(ENOENT) { return Descriptors(owning: []) }
        return Descriptors(owning: [Int32(try Kernel.check(result, "open", path))])
    }

    /// Opens a file to read it, with nothing on the way leading out of `directory`.
    package static func open(_ path: String, beneath directory: Directory) throws(SystemError) -> FileDescriptor {
        let flags = UInt64(CLINUX_O_CLOEXEC)
        let result = Kernel.retry {
            unsafe path.withCString { unsafe clinux_openat2(directory.raw, $0, flags, 0, CLINUX_RESOLVE_BENEATH) }
        }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "open", path)))
    }

    package static func kind(of raw: Int32) throws(SystemError) -> (kind: Kind, owner: UInt32, permissions: UInt32) {
        var mode: UInt32 = 0
        var owner: UInt32 = 0
        var anonymous: Int32 = 0
        let result = unsafe clinux_file_kind(raw, &mode, &owner, &anonymous)
        // Asking about a number that somebody else chose is how one finds out that nothing is open there.
        if result == -Int(EBADF) { throw SystemError(call: "fstat", subject: "descriptor \(raw)", code: EBADF) }
        try Kernel.check(result, "fstat", "descriptor \(raw)")
        let kind: Kind =
            switch mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            case S_IFIFO: .pipe(anonymous: anonymous == 1)
            case S_IFSOCK: .socket
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            default: .unknown
            }
        return (kind, owner, mode & 0o7777)
    }

    package static func size(of file: borrowing FileDescriptor) throws(SystemError) -> Int {
        let end = try Kernel.check(Kernel.call(CLINUX_SYS_lseek, Int(file.raw), 0, Int(SEEK_END)), "lseek")
        return end
    }

    /// Whether two descriptors are open on one file.
    package static func isSame(_ first: borrowing FileDescriptor, _ second: borrowing FileDescriptor) -> Bool {
        var about = (stat(), stat())
        guard unsafe fstat(first.raw, &about.0) == 0, unsafe fstat(second.raw, &about.1) == 0 else { return false }
        return about.0.st_dev == about.1.st_dev && about.0.st_ino == about.1.st_ino
    }

    package static func exists(_ path: String, in directory: Directory = .working) -> Bool {
        path.withAddress { Kernel.call(CLINUX_SYS_faccessat, Int(directory.raw), $0, Int(F_OK)) } == 0
    }

    package static func access(_ path: String, _ mode: Int32) throws(SystemError) {
        try Kernel.check(
            path.withAddress { Kernel.call(CLINUX_SYS_faccessat, Int(CLINUX_AT_FDCWD), $0, Int(mode)) }, "access", path)
    }

    package static func makeDirectory(
        _ path: String, in directory: Directory = .working, mode: Int = 0o755
    ) throws(SystemError) {
        try Kernel.check(
            path.withAddress { Kernel.call(CLINUX_SYS_mkdirat, Int(directory.raw), $0, mode) }, "mkdir", path)
    }

    /// Makes a directory and those above it; one that is there already is as good as made.
    package static func makeDirectories(_ path: String, mode: Int = 0o755) throws(SystemError) {
        do throws(SystemError) {
            try makeDirectory(path, mode: mode)
        } catch {
            switch error.code {
            case EEXIST: return
            case ENOENT where path.contains("/"):
                let parent = path.prefix(upTo: path.lastIndex(of: "/")!)
                guard !parent.isEmpty else { throw error }
                try makeDirectories(String(parent), mode: 0o755)
                try makeDirectory(path, mode: mode)
            default: throw error
            }
        }
    }

    package static func removeDirectory(_ path: String, in directory: Directory = .working) throws(SystemError) {
        try Kernel.check(
            path.withAddress { Kernel.call(CLINUX_SYS_unlinkat, Int(directory.raw), $0, 0x200) }, "rmdir", path)
    }

    package static func remove(_ path: String, in directory: Directory = .working) throws(SystemError) {
        try Kernel.check(
            path.withAddress { Kernel.call(CLINUX_SYS_unlinkat, Int(directory.raw), $0, 0) }, "unlink", path)
    }

    package static func rename(
        _ old: String, in source: Directory = .working, to new: String, in target: Directory = .working
    ) throws(SystemError) {
        let result = old.withAddress { from in
            new.withAddress { Kernel.call(CLINUX_SYS_renameat, Int(source.raw), from, Int(target.raw), $0) }
        }
        try Kernel.check(result, "rename", new)
    }

    /// Each gets the other's name, in a single step.
    package static func exchange(
        _ one: String, with other: String, in directory: Directory = .working
    ) throws(SystemError) {
        let atOnce = 2
        let raw = Int(directory.raw)
        let result = one.withAddress { from in
            other.withAddress { Kernel.call(CLINUX_SYS_renameat2, raw, from, raw, $0, atOnce) }
        }
        try Kernel.check(result, "exchange", other)
    }

    /// Returns when the names in a directory are on the disk: contents are not found again without them.
    package static func synchronizeNames(in path: String, of parent: Directory = .working) throws(SystemError) {
        let directory = try open(path, in: parent, .directory)
        try FileRegions.synchronize(directory.raw)
    }

    package static func makeLink(
        _ path: String, to target: String, in directory: Directory
    ) throws(SystemError) {
        let result = target.withAddress { to in
            path.withAddress { Kernel.call(CLINUX_SYS_symlinkat, to, Int(directory.raw), $0) }
        }
        try Kernel.check(result, "symlink", path)
    }

    /// A caller may start us with a standard stream closed. What is opened next would take its number, and a sandbox
    /// would get it as its own.
    package static func fillStandardStreams() {
        for stream in Int32(0)...2 where (try? kind(of: stream)) == nil {
            // The lowest free number is this one. Not close-on-exec: the command shall have it.
            _ = unsafe Glibc.open("/dev/null", O_RDWR)
        }
    }

    /// What is taken from the permissions of files that the caller makes.
    package static func setCreationMask(_ mask: UInt32) { _ = umask(mask) }

    package static func readLink(_ path: String) throws(SystemError) -> String {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
            count = unsafe readlink(path, buffer.baseAddress!, buffer.count)
            filled = max(0, count)
        }
        guard count >= 0 else { throw SystemError(call: "readlink", subject: path, code: errno) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What the link says that a descriptor names.
    package static func readLink(_ raw: Int32) throws(SystemError) -> String {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
            count = unsafe readlinkat(raw, "", buffer.baseAddress!, buffer.count)
            filled = max(0, count)
        }
        guard count >= 0 else { throw SystemError(call: "readlinkat", subject: "descriptor \(raw)", code: errno) }
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func workingDirectory() -> String {
        (try? readLink("/proc/self/cwd")) ?? "/"
    }

    package static func makeDevice(
        _ path: String, major: Int, minor: Int, in directory: Directory
    ) throws(SystemError) {
        let mode = Int(S_IFCHR) | 0o666
        let result = path.withAddress {
            Kernel.call(CLINUX_SYS_mknodat, Int(directory.raw), $0, mode, major << 8 | minor)
        }
        try Kernel.check(result, "mknod", path)
    }

    /// Sets the permissions of an open directory or file.
    package static func setPermissions(of file: borrowing FileDescriptor, _ mode: UInt32) throws(SystemError) {
        guard fchmod(file.raw, mode) == 0 else { throw SystemError(call: "chmod", subject: "", code: errno) }
    }

    /// Gives an open file to another user.
    package static func changeOwner(of raw: Int32, to user: UInt32, group: UInt32? = nil) throws(SystemError) {
        let result = "".withAddress {
            Kernel.call(
                CLINUX_SYS_fchownat, Int(raw), $0, Int(user), Int(group ?? user), Int(CLINUX_AT_EMPTY_PATH))
        }
        try Kernel.check(result, "fchown", "descriptor \(raw)")
    }
}
