// Puts the tree together that the sandbox sees, from inside its own mount namespace: root, /proc, /dev, /tmp, /var/task,
// /opt. Called by pid 1 as root of its user namespace, with the stage as its working directory.

import Linux
import Wire

struct RootAssembly: ~Copyable {
    let root: FileDescriptor
    let devices: FileDescriptor
    /// One or none.
    let skeleton: Descriptors
    let code: Descriptors
    /// From the lowest to the highest.
    let layers: Descriptors

    private static let quiet: MountAttributes = .noSetuid | .noDevices

    /// The whole tree, in the only order in which it can be done.
    borrowing func assemble(_ log: inout StepLog, tmpMB: UInt32, without: [Measure]) throws(Refusal) {
        // The kernel grants a new proc only while the host's own is in view, so before the old root goes.
        let proc = try log.step("make /proc") { () throws(SystemError) in
            try Mounts.make("proc", attributes: Self.quiet | .noExecution)
        }
        // Overlays are named by path, and the stage is out of reach once the root is another.
        let task = try log.step("own inodes for the code") { () throws(SystemError) in try ownCode(without) }
        let opt = try log.step("merge layers") { () throws(SystemError) in try mergeLayers(without) }
        try log.step("enter the root") { () throws(SystemError) in try enter(without) }
        // From here on paths are the sandbox's own: no link within its root can lead a mount elsewhere.
        try log.step("mount /dev") { () throws(SystemError) in try Mounts.attach(devices, at: "/dev") }
        try log.step("mount /proc") { () throws(SystemError) in
            try Mounts.attach(proc, at: "/proc")
            // The mount point of shared memory is still what masks need: empty, and read-only.
            if !without.contains(.procMasks) { try ProcMasks.apply(emptyDirectory: Devices.sharedMemory) }
        }
        try log.step("mount /dev/shm") { () throws(SystemError) in
            let shared = try Mounts.make("tmpfs", ["size=64m", "mode=1777"], attributes: Self.quiet)
            try Mounts.attach(shared, at: Devices.sharedMemory)
        }
        try log.step("mount /tmp") { () throws(SystemError) in
            let inodes = UInt64(tmpMB) * Self.inodesPerMB
            let tmp = try Mounts.make(
                "tmpfs", ["size=\(tmpMB)m", "nr_inodes=\(inodes)", "mode=1777"],
                attributes: Self.quiet)
            try Mounts.attach(tmp, at: "/tmp")
        }
        try log.step("mount code and layers") { () throws(SystemError) in
            try Self.attach(task, or: code, at: "/var/task")
            try Self.attach(opt, or: layers, at: "/opt")
        }
    }

    /// As many as ext4 gives by default: one for each 16 KB.
    private static let inodesPerMB: UInt64 = 64

    /// Directories that sandboxes share are shown through an overlay, whose inodes are the sandbox's own: what the kernel
    /// keeps for an inode (locks, leases, watches) is then seen by nobody else, neither by another sandbox nor by the
    /// host, and pages of the files are shared all the same. An overlay can only be read where it has no upper directory.
    private static func ownsInodes(_ without: [Measure]) -> Bool {
        !without.contains(.ownInodes) && !without.contains(.readOnly)
    }

    /// Makes the root the root. One that lacks mount points is merged with the skeleton.
    private borrowing func enter(_ without: [Measure]) throws(SystemError) {
        let hasSkeleton = skeleton.count > 0
        guard hasSkeleton || Self.ownsInodes(without) else {
            try Mounts.attach(root, at: Workplace.newRoot)
            return try Mounts.becomeRoot(root)
        }
        try skeleton.forEach { (_, skeleton) throws(SystemError) in
            try Mounts.attach(skeleton, at: Workplace.lowerSkeleton)
        }
        try Mounts.attach(root, at: Workplace.lowerRoot)
        let lower =
            hasSkeleton ? [Workplace.lowerSkeleton, Workplace.lowerRoot] : [Workplace.lowerRoot, Workplace.empty]
        let merged = try Self.overlay(lower, without)
        try Mounts.attach(merged, at: Workplace.newRoot)
        try Mounts.becomeRoot(merged)
    }

    private borrowing func ownCode(_ without: [Measure]) throws(SystemError) -> Descriptors {
        guard code.count > 0, Self.ownsInodes(without) else { return Descriptors(owning: []) }
        try code.forEach { (_, code) throws(SystemError) in try Mounts.attach(code, at: Workplace.lowerCode) }
        let merged = try Self.overlay([Workplace.lowerCode, Workplace.empty], without)
        return Descriptors(owning: [merged.release()])
    }

    /// An overlay of all layers, a later one over an earlier one. Overlayfs names the highest first.
    private borrowing func mergeLayers(_ without: [Measure]) throws(SystemError) -> Descriptors {
        guard layers.count > 1 || (layers.count == 1 && Self.ownsInodes(without)) else {
            return Descriptors(owning: [])
        }
        try layers.forEach { (index, layer) throws(SystemError) in
            try Mounts.attach(layer, at: Workplace.lower(index))
        }
        var names: [String] = []
        for index in (0..<layers.count).reversed() { names.append(Workplace.lower(index)) }
        if names.count == 1 { names.append(Workplace.empty) }
        return Descriptors(owning: [try Self.overlay(names, without).release()])
    }

    /// One mount or none: the merged one where there is one.
    private static func attach(
        _ merged: borrowing Descriptors, or plain: borrowing Descriptors, at place: String
    ) throws(SystemError) {
        let attach = { (_: Int, mount: borrowing FileDescriptor) throws(SystemError) in
            try Mounts.attach(mount, at: place)
        }
        if merged.count > 0 { try merged.forEach(attach) } else { try plain.forEach(attach) }
    }

    private static func overlay(_ lower: [String], _ without: [Measure]) throws(SystemError) -> FileDescriptor {
        let attributes: MountAttributes = without.contains(.nosuid) ? .noDevices : quiet
        // Put together by hand: a general join looks for conformances at run time, in every pid 1 anew.
        var option = "lowerdir="
        for (index, directory) in lower.enumerated() {
            if index > 0 { option += ":" }
            option += directory
        }
        return try Mounts.make("overlay", [option], attributes: attributes | .readOnly)
    }
}
