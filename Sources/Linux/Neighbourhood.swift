// What is in namespaces that a process may be in: objects of System V, and which Unix socket is connected with which.

internal import CLinux
import Glibc

extension Namespaces {
    /// Moves the caller into namespaces of another process, by their names in /proc.
    package static func enter(_ names: [String], of pid: Int32) throws(SystemError) {
        for name in names {
            let file = try Files.open("/proc/\(pid)/ns/\(name)")
            try Kernel.check(Kernel.call(CLINUX_SYS_setns, Int(file.raw), 0), "setns", name)
        }
    }
}

package enum SystemVObjects {
    /// Whether there is any in the caller's namespace.
    package static var areThere: Bool {
        ["shm", "sem", "msg"].contains { kind in
            // The first line is a heading.
            ((try? Files.readText("/proc/sysvipc/\(kind)")) ?? "").split(separator: "\n").count > 1
        }
    }
}

package enum UnixPeers {
    private static let most = 4096
    /// In place of the other end: one of the two does not send or receive any more.
    package static let halfClosed = UInt64(UInt32.max)

    /// Unix sockets of the caller's network and their other ends, by inode.
    package static func all() throws(SystemError) -> [UInt64: UInt64] {
        var pairs = [UInt32](repeating: 0, count: most * 2)
        let count = unsafe clinux_unix_peers(&pairs, UInt32(most))
        try Kernel.check(count, "sock_diag")
        var peers: [UInt64: UInt64] = [:]
        for index in 0..<min(count, most) { peers[UInt64(pairs[index * 2])] = UInt64(pairs[index * 2 + 1]) }
        return peers
    }
}
