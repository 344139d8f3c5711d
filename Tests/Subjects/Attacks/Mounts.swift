// The mount table: whoever can change it decides what every path means, and lifts what was laid over a path to hide it.
// Controls that are run on the host have a mount namespace of their own.

internal import CAttacks
import Glibc

extension Attack {
    private static let ownMounts = Control.outside(unshare: ["--mount"])
    private static let byRootInside = Control.without([.seccomp, .capabilities])

    static let mounts: [Attack] = [
        Attack("mount-memory", "Mounts a fresh file system.", byRootInside) { _ in
            try mount("none", try scratchDirectory(), "tmpfs", 0)
        },
        Attack("mount-bind", "Binds a directory to a second place, where other flags would hold.", byRootInside) { _ in
            try mount("/tmp", try scratchDirectory(), "", 0x1000)
        },
        Attack("mount-proc", "Mounts a procfs without the masks.", ownMounts) { _ in
            try mount("proc", try scratchDirectory(), "proc", 0)
        },
        Attack("mount-sysfs", "Mounts the kernel's devices and settings.", ownMounts) { _ in
            try mount("sysfs", try scratchDirectory(), "sysfs", 0)
        },
        Attack("mount-cgroups", "Mounts the control groups, to raise its own limits.", ownMounts) { _ in
            try mount("cgroup2", try scratchDirectory(), "cgroup2", 0)
        },
        Attack("mount-overlay", "Mounts an overlay, a file system with a history of holes.", byRootInside) { _ in
            let scratch = try scratchDirectory()
            for name in ["upper", "work", "merged"] { _ = call(__NR_mkdir, "\(scratch)/\(name)", 0o700) }
            defer {
                for name in ["work/work", "work", "upper", "merged"] { _ = call(__NR_rmdir, "\(scratch)/\(name)") }
            }
            let options = "lowerdir=/var,upperdir=\(scratch)/upper,workdir=\(scratch)/work"
            return try mount("overlay", "\(scratch)/merged", "overlay", 0, options)
        },
        Attack("mount-disk", "Mounts the host's disk, by a device node of its own making.", ownMounts) { stage in
            let disk = try scratchDirectory() + "/disk"
            let made = call(__NR_mknod, disk, Int(S_IFBLK) | 0o600, try stage.number("disk"))
            guard made == 0 else { return try judge("mknod of the host's disk", made) }
            defer { _ = call(__NR_unlink, disk) }
            // A second, read-only mount of a mounted file system changes nothing on it.
            return try first(of: ["ext4", "xfs", "btrfs"]) { type in
                let result = mountResult(disk, try scratchDirectory(), type, 0x1)
                if result == 0 { _ = call(__NR_umount2, try scratchDirectory(), 2) }
                return try judge(
                    "mounting the host's disk as \(type)", result, reached: [EBUSY],
                    held: [EPERM, EACCES, EINVAL, ENODEV])
            }
        },
        Attack("remount-writable", "Makes the read-only root writable.", ownMounts) { _ in
            try mount("none", "/", "", 0x20 | 0x1000)
        },
        Attack("propagation-changed", "Makes its mounts shared, to send them to the host's table.", ownMounts) { _ in
            try mount("none", "/", "", 0x4000 | 0x100000)
        },
        Attack("unmount", "Takes a mount away, to see what lies under it.", ownMounts) { _ in
            let points = try mountPoints().reversed().filter { $0 != "/" }
            return try first(of: points) {
                try judge("umount of \($0)", call(__NR_umount2, $0, 2), held: Reasons.refused + [EINVAL, EBUSY])
            }
        },
        Attack("pivot-root", "Swaps the root directory.", .outside) { _ in
            // The root over itself: a kernel that would do it sees that it is busy.
            try judge("pivot_root", call(__NR_pivot_root, "/", "/"), reached: [EBUSY, EINVAL])
        },
        Attack("chroot", "Changes its root directory.", byRootInside) { _ in
            try judge("chroot", callInChild { call(__NR_chroot, "/tmp") })
        },
        Attack("fsopen", "Begins a file system with the newer mount calls.", byRootInside) { _ in
            try judge("fsopen", call(__NR_fsopen, "tmpfs", 0))
        },
        Attack("fspick", "Takes hold of a mounted file system to change its settings.", ownMounts) { _ in
            try judge("fspick", call(__NR_fspick, here, "/", 0))
        },
        Attack(
            "open-tree", "Copies a tree of mounts, without what is mounted over its parts.",
            // A copy takes a namespace for as long as it is nowhere.
            .without([.seccomp, .capabilities, .namespaceLimits])
        ) { _ in
            try judge("open_tree", call(__NR_open_tree, here, "/tmp", 1))
        },
        Attack("move-mount", "Moves a mount to where it was not meant to be.", .outside) { _ in
            // Not a mount: a kernel that would do it sees that.
            let scratch = try scratchDirectory()
            let result = call(__NR_move_mount, here, scratch, here, scratch, 0)
            return try judge("move_mount", result, reached: [EINVAL, ELOOP])
        },
        Attack("mount-setattr", "Takes `nosuid` and `read-only` off a mount.", ownMounts) { _ in
            let change: [UInt64] = [0, 0x1 | 0x2, 0, 0]
            return try judge("mount_setattr", call(__NR_mount_setattr, here, "/", 0, change, 32))
        },
    ]

    private static func mountResult(
        _ source: String, _ target: String, _ type: String, _ flags: Int, _ options: String = ""
    ) -> Int { call(__NR_mount, source, target, type, flags, options) }

    private static func mount(
        _ source: String, _ target: String, _ type: String, _ flags: Int, _ options: String = ""
    ) throws -> Finding {
        let result = mountResult(source, target, type, flags, options)
        let finding = try judge("mount \(type.isEmpty ? "flags \(flags)" : type)", result, reached: [EBUSY])
        if result == 0 && target != "/" { _ = call(__NR_umount2, target, 2) }
        return finding
    }

    private static func mountPoints() throws -> [String] {
        guard case .success(let table) = contents(of: "/proc/self/mountinfo") else { throw Broken("no mount table") }
        return table.split(separator: "\n").compactMap { line in
            line.split(separator: " ").dropFirst(4).first.map(String.init)
        }
    }
}
