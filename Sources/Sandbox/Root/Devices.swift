// /dev: five devices that do no harm, the links that shells expect, and nothing else. A small file system of its own for
// each sandbox, made by the keeper, because a user namespace may not make device nodes.

import Linux

enum Devices {
    private static let nodes: [(name: String, minor: Int)] = [
        ("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9),
    ]
    private static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ]
    /// Shared memory of programs that ask for it (Python's multiprocessing); counted as the sandbox's memory.
    static let sharedMemory = "/dev/shm"
    private static let memoryMajor = 1

    /// A detached, read-only mount.
    static func make() throws(SystemError) -> FileDescriptor {
        let attributes: MountAttributes = .noSetuid | .noExecution
        let mount = try Mounts.make("tmpfs", ["size=64k", "mode=0755"], attributes: attributes)
        let directory = Directory(mount)
        for node in nodes {
            try Files.makeDevice(node.name, major: memoryMajor, minor: node.minor, in: directory)
        }
        for (name, target) in links { try Files.makeLink(name, to: target, in: directory) }
        try Files.makeDirectory("shm", in: directory)
        try Mounts.setAttributes(attributes | .readOnly, of: mount)
        return mount
    }
}
