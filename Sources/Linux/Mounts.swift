// Mounts by descriptor. A tree is cloned or made detached, given its attributes where nobody can see it, and only then
// attached: there is no moment at which a mount stands somewhere with the wrong flags, and nothing to remember or undo
// on failure, because an unattached mount ends with its descriptor.

internal import CLinux
import Glibc

package struct MountAttributes: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(arrayLiteral elements: MountAttributes...) { self = elements.reduced() }

    package static let readOnly = MountAttributes(rawValue: CLINUX_MOUNT_ATTR_RDONLY)
    package static let noSetuid = MountAttributes(rawValue: CLINUX_MOUNT_ATTR_NOSUID)
    package static let noDevices = MountAttributes(rawValue: CLINUX_MOUNT_ATTR_NODEV)
    package static let noExecution = MountAttributes(rawValue: CLINUX_MOUNT_ATTR_NOEXEC)
}

package enum Mounts {
    /// A detached copy of the mount that holds `directory`, starting there; mounts below it do not come along.
    /// The same with all that is mounted below it.
    package static func cloneAll(of path: String) throws(SystemError) -> FileDescriptor {
        let recursive = 0x8000
        let flags = Int(CLINUX_OPEN_TREE_CLONE | CLINUX_O_CLOEXEC) | recursive
        let result = path.withAddress { Kernel.call(CLINUX_SYS_open_tree, Int(CLINUX_AT_FDCWD), $0, flags) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "open_tree", path)))
    }

    /// Takes a mount away, with all below it, as soon as nobody uses it.
    package static func detach(_ path: String) throws(SystemError) {
        let result = path.withAddress { Kernel.call(CLINUX_SYS_umount2, $0, Int(CLINUX_MNT_DETACH)) }
        try Kernel.check(result, "umount", path)
    }

    package static func clone(of directory: Directory, _ path: String = "") throws(SystemError) -> FileDescriptor {
        let flags = Int(CLINUX_OPEN_TREE_CLONE | CLINUX_O_CLOEXEC | CLINUX_AT_EMPTY_PATH)
        let result = path.withAddress { Kernel.call(CLINUX_SYS_open_tree, Int(directory.raw), $0, flags) }
        return FileDescriptor(owning: Int32(try Kernel.check(result, "open_tree", path)))
    }

    /// A new file system of `type`, detached. Options are `key=value`, or a key alone.
    package static func make(
        _ type: String, _ options: [String] = [], attributes: MountAttributes
    ) throws(SystemError) -> FileDescriptor {
        let opened = type.withAddress { Kernel.call(CLINUX_SYS_fsopen, $0, Int(CLINUX_FSOPEN_CLOEXEC)) }
        let context = FileDescriptor(owning: Int32(try Kernel.check(opened, "fsopen", type)))
        for option in options { try configure(context, option) }
        let created = Kernel.call(
            CLINUX_SYS_fsconfig, Int(context.raw), Int(CLINUX_FSCONFIG_CMD_CREATE), 0, 0, 0)
        try Kernel.check(created, "fsconfig create", type)
        let mounted = Kernel.call(
            CLINUX_SYS_fsmount, Int(context.raw), Int(CLINUX_FSMOUNT_CLOEXEC), Int(attributes.rawValue))
        return FileDescriptor(owning: Int32(try Kernel.check(mounted, "fsmount", type)))
    }

    private static func configure(
        _ context: borrowing FileDescriptor, _ option: String
    ) throws(SystemError) {
        let raw = Int(context.raw)
        let equals = option.utf8.firstIndex(of: UInt8(ascii: "="))
        let result = String(option[..<(equals ?? option.endIndex)]).withAddress { name in
            guard let equals else {
                return Kernel.call(CLINUX_SYS_fsconfig, raw, Int(CLINUX_FSCONFIG_SET_FLAG), name, 0, 0)
            }
            return String(option[option.utf8.index(after: equals)...]).withAddress {
                Kernel.call(CLINUX_SYS_fsconfig, raw, Int(CLINUX_FSCONFIG_SET_STRING), name, $0, 0)
            }
        }
        try Kernel.check(result, "fsconfig", option)
    }

    package static func setAttributes(
        _ attributes: MountAttributes, of mount: borrowing FileDescriptor
    ) throws(SystemError) {
        try Kernel.check(clinux_mount_setattr(mount.raw, attributes.rawValue, 0), "mount_setattr")
    }

    /// Sets attributes, and shows the owners of files as `userNamespace` numbers them: the host's uid 0 on disk is uid 0
    /// inside. On a file system that cannot do that they belong to nobody inside, who reads what everybody may read.
    package static func setAttributes(
        _ attributes: MountAttributes, of mount: borrowing FileDescriptor,
        mappingOwnersBy userNamespace: borrowing FileDescriptor
    ) throws(SystemError) {
        let all = attributes.rawValue | CLINUX_MOUNT_ATTR_IDMAP
        let result = clinux_mount_setattr(mount.raw, all, userNamespace.raw)
        if result == -Int(EINVAL) { return try setAttributes(attributes, of: mount) }
        try Kernel.check(result, "mount_setattr")
    }

    /// Puts a detached mount on `path` below `directory`.
    package static func attach(
        _ mount: borrowing FileDescriptor, at path: String, in directory: Directory = .working
    ) throws(SystemError) {
        let raw = Int(mount.raw)
        let flags = Int(CLINUX_MOVE_MOUNT_F_EMPTY_PATH)
        let result = "".withAddress { empty in
            path.withAddress {
                Kernel.call(CLINUX_SYS_move_mount, raw, empty, Int(directory.raw), $0, flags)
            }
        }
        try Kernel.check(result, "move_mount", path)
    }

    /// The same on a directory that is held.
    package static func attach(_ mount: borrowing FileDescriptor, on directory: Int32) throws(SystemError) {
        let raw = Int(mount.raw)
        let toEmptyPath = 0x40
        let result = "".withAddress {
            Kernel.call(
                CLINUX_SYS_move_mount, raw, $0, Int(directory), $0, Int(CLINUX_MOVE_MOUNT_F_EMPTY_PATH) | toEmptyPath)
        }
        try Kernel.check(result, "move_mount")
    }

    /// Shows `source` at `path` too, as it is: for what needs no attributes of its own, in a third of the calls.
    /// - Parameter ifThere: where there is no `path`, that is no error; a start meets many such, and none shall be made
    ///   into words
    package static func bind(_ source: String, at path: String, ifThere: Bool = false) throws(SystemError) {
        let result = source.withAddress { from in
            path.withAddress { Kernel.call(CLINUX_SYS_mount, from, $0, 0, Int(CLINUX_MS_BIND)) }
        }
        if ifThere, result == -Int(ENOENT) { return }
        try Kernel.check(result, "mount", path)
    }

    /// Cuts the caller's mounts off from the host's: what is mounted on one side from now on is not seen on the other.
    package static func makeAllPrivate() throws(SystemError) {
        let result = "/".withAddress {
            Kernel.call(CLINUX_SYS_mount, 0, $0, 0, Int(CLINUX_MS_REC | CLINUX_MS_PRIVATE))
        }
        try Kernel.check(result, "mount", "/ (private)")
    }

    /// Makes the attached mount `root` the root directory, and lets go of the whole old tree.
    package static func becomeRoot(_ root: borrowing FileDescriptor) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_fchdir, Int(root.raw)), "fchdir", "new root")
        let here = ".".withAddress { dot in
            let pivoted = Kernel.call(CLINUX_SYS_pivot_root, dot, dot)
            // The old root now lies on top of the new one, and `.` still means the new one's mount point.
            return pivoted < 0 ? pivoted : Kernel.call(CLINUX_SYS_umount2, dot, Int(CLINUX_MNT_DETACH))
        }
        try Kernel.check(here, "pivot_root")
        try changeDirectory(to: "/")
    }

    package static func changeDirectory(to path: String) throws(SystemError) {
        guard unsafe chdir(path) == 0 else { throw SystemError(call: "chdir", subject: path, code: errno) }
    }
}
