// Device nodes: those that are there, those that it makes, and the terminal.

internal import CAttacks
import Glibc

extension Attack {
    /// Opening these does nothing by itself. (A watchdog's would start it.)
    private static let nodes: [(path: String, major: Int, minor: Int)] = [
        ("/dev/mem", 1, 1), ("/dev/kmsg", 1, 11), ("/dev/kvm", 10, 232), ("/dev/fuse", 10, 229),
        ("/dev/loop-control", 10, 237), ("/dev/net/tun", 10, 200), ("/dev/console", 5, 1), ("/dev/tty0", 4, 0),
        ("/dev/vhost-net", 10, 238),
    ]

    static let devices: [Attack] = [
        Attack("device-opened", "Opens a device of the host's by its name.", .outside) { _ in
            try first(of: nodes) { try judgeOpening($0.path) }
        },
        Attack("device-made", "Makes a device node of the host's and opens it.", .outside) { _ in
            let path = try scratchDirectory() + "/device"
            return try first(of: nodes) { node in
                try opening(path, Int(S_IFCHR) | 0o600, node.major << 8 | node.minor)
            }
        },
        Attack("disk-read", "Makes a node of the host's disk and opens it.", .outside, needs: [.machine]) { stage in
            try opening(scratchDirectory() + "/disk", Int(S_IFBLK) | 0o600, stage.number("disk"))
        },
        Attack(
            "terminal-typed-into", "Types into the terminal of whoever started the engine (TIOCSTI).", .outside,
            needs: [.terminal]
        ) {
            _ in
            try judge("TIOCSTI", call(__NR_ioctl, 0, 0x5412, "\n"), held: Reasons.refused + [EIO, ENOTTY])
        },
        Attack("terminal-taken", "Makes the caller's terminal its own, with its signals.", .outside, needs: [.terminal])
        { _ in
            let result = call(__NR_ioctl, 0, 0x540f, Buffer(4))
            return try judge("reading the terminal's process group", result, held: Reasons.refused + [ENOTTY])
        },
    ]

    private static func opening(_ path: String, _ mode: Int, _ device: Int) throws -> Finding {
        let made = call(__NR_mknod, path, mode, device)
        guard made == 0 else { return try judge("mknod", made) }
        defer { _ = call(__NR_unlink, path) }
        return try judgeOpening(path)
    }
}
