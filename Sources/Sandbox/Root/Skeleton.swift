// The mount points that every sandbox needs. A root that lacks one is merged with these.

import Linux

enum Skeleton {
    static let mountPoints = ["dev", "opt", "proc", "tmp", "var/task"]

    static func isComplete(_ root: borrowing FileDescriptor) -> Bool {
        let directory = Directory(root)
        return mountPoints.allSatisfy { Files.exists($0, in: directory) }
    }

    /// A detached, read-only mount of empty directories. In memory: overlayfs refuses a layer that lies within another,
    /// and a root may be the host's own.
    static func make() throws(SystemError) -> FileDescriptor {
        let attributes: MountAttributes = .noSetuid | .noDevices | .noExecution
        let mount = try Mounts.make("tmpfs", ["size=64k", "mode=0755"], attributes: attributes)
        try Files.makeDirectory("var", in: Directory(mount))
        for name in mountPoints { try Files.makeDirectory(name, in: Directory(mount)) }
        try Mounts.setAttributes(attributes | .readOnly, of: mount)
        return mount
    }
}
