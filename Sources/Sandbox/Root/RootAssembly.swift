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
            try code.forEach { (_, code) throws(SystemError) in try Mounts.attach(code, at: "/var/task") }
            let attach = { (_: Int, mount: borrowing FileDescriptor) throws(SystemError) in
                try Mounts.attach(mount, at: "/opt")
            }
            if opt.count > 0 { try opt.forEach(attach) } else { try layers.forEach(attach) }
        }
    }

    /// As many as ext4 gives by default: one for each 16 KB.
    private static let inodesPerMB: UInt64 = 64

    /// Makes the root the root. One that lacks mount points is merged with the skeleton first.
    private borrowing func enter(_ without: [Measure]) throws(SystemError) {
        guard skeleton.count > 0 else {
            try Mounts.attach(root, at: Workplace.newRoot)
            return try Mounts.becomeRoot(root)
        }
        let (top, bottom) = (Workplace.lower(SandboxRequest.mostLayers), Workplace.lower(SandboxRequest.mostLayers + 1))
        try skeleton.forEach { (_, skeleton) throws(SystemError) in try Mounts.attach(skeleton, at: top) }
        try Mounts.attach(root, at: bottom)
        let merged = try Self.overlay([top, bottom], without)
        try Mounts.attach(merged, at: Workplace.newRoot)
        try Mounts.becomeRoot(merged)
    }

    /// More than one layer: an overlay, a later layer over an earlier one. Overlayfs names the highest first. One layer
    /// or none: nothing to merge.
    private borrowing func mergeLayers(_ without: [Measure]) throws(SystemError) -> Descriptors {
        guard layers.count > 1 else { return Descriptors(owning: []) }
        try layers.forEach { (index, layer) throws(SystemError) in
            try Mounts.attach(layer, at: Workplace.lower(index))
        }
        let names = (0..<layers.count).reversed().map(Workplace.lower)
        return Descriptors(owning: [try Self.overlay(names, without).release()])
    }

    private static func overlay(_ lower: [String], _ without: [Measure]) throws(SystemError) -> FileDescriptor {
        let attributes: MountAttributes = without.contains(.nosuid) ? .noDevices : quiet
        return try Mounts.make(
            "overlay", ["lowerdir=" + lower.joined(separator: ":")], attributes: attributes | .readOnly)
    }
}
