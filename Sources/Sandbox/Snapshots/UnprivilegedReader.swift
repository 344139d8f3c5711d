// What a process of ours gives up before it reads the first byte of a plan: a plan is root's file, and what is in it was
// chosen by a function. It can then read and write what is open in it already, and nothing else.

import Linux

enum UnprivilegedReader {
    /// Nobody's.
    static let user: UInt32 = 65_534

    /// From here on there is no way back: what is to be read or written is open.
    static func begin() throws(SystemError) {
        try Capabilities.dropBounds()
        try Credentials.setGroup(user)
        try Credentials.setUser(UserIDs(all: user))
        try Capabilities.dropAll()
        try Capabilities.forbidNewPrivileges()
        // Forgotten with the user.
        try Processes.dieWithParent()
        try Processes.setDumpable(false)
        try SystemCallFilter.install(filter)
    }

    /// The memory of its own, what is open, and its end. Whatever else it asks for ends it.
    private static let allowed: [(name: String, number: UInt32)] = [
        ("read", 0), ("write", 1), ("close", 3), ("fstat", 5), ("lseek", 8), ("mmap", 9), ("mprotect", 10),
        ("munmap", 11), ("brk", 12), ("rt_sigreturn", 15), ("pread64", 17), ("pwrite64", 18), ("mremap", 25),
        ("madvise", 28), ("exit", 60), ("futex", 202), ("clock_gettime", 228), ("exit_group", 231),
        ("getrandom", 318),
    ]

    static let filter: [UInt8] = {
        let (allow, killProcess): (UInt32, UInt32) = (0x7fff_0000, 0x8000_0000)
        let tree = NumberTree(
            allowed: Set(allowed.map(\.number)), newest: 318, unknown: killProcess, allow: allow)
        // Behind the tree stands the answer to what it does not allow.
        let rest = NumberTree.Instruction(code: 0x06, value: killProcess)
        return tree.program.flatMap(\.bytes) + rest.bytes
    }()
}
