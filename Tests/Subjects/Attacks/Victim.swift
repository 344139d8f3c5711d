// The host's side of the corpus: a process with a secret in its memory, in its environment and behind a descriptor,
// with sockets that listen and a segment, a queue and a handle to be reached. It says where they are in one line of
// `key=value` and lives until its standard input is closed.

internal import CAttacks
import Glibc

enum Victim {
    static func serve(_ stage: Stage) throws {
        var said = ["pid=\(getpid())"]
        let token = try stage.token

        let memory = Buffer(64)
        unsafe memory.address.copyMemory(from: Array(token.utf8), byteCount: min(63, token.utf8.count))
        said.append(unsafe "address=\(UInt(bitPattern: memory.address))")

        said.append("abstract=\(token)")
        _ = unsafe attack_unix(token, 1, 1)
        if let path = stage.values["socket"] { _ = unsafe attack_unix(path, 0, 1) }
        var port: UInt16 = 0
        if unsafe attack_tcp(&port, 1) >= 0 { said.append("port=\(port)") }

        // A descriptor for others to steal, and the file's name in the terms of its file system.
        if let secret = stage.values["secret"] {
            said.append("descriptor=\(openFile(secret))")
            var bytes = [UInt8](repeating: 0, count: 128)
            var count: UInt32 = 0
            var type: Int32 = 0
            if unsafe attack_handle_of(secret, &bytes, &count, &type) == 0 {
                said.append("handle=\(type):" + bytes.prefix(Int(count)).map { "\($0)" }.joined(separator: "."))
            }
        }

        // struct vfs_cap_data, version 2: effective, CAP_NET_RAW.
        if let program = stage.values["capable"] {
            let capabilities: [UInt64] = [0x0000_2000_0200_0001, 0, 0]
            let given = call(__NR_setxattr, program, "security.capability", capabilities, 20, 0)
            guard given == 0 else { throw Broken("giving \(program) a capability: \(Errno(given))") }
        }

        _ = call(__NR_umask, 0)
        let key = Int(getpid()) << 8 | 0x4d
        let segment = call(__NR_shmget, key, 4096, Int(0o1000 | 0o666))
        if segment >= 0, let place = unsafe UnsafeMutableRawPointer(bitPattern: call(__NR_shmat, segment, 0, 0)) {
            unsafe place.copyMemory(from: memory.address, byteCount: memory.count)
            said.append("segment=\(key)")
        }
        let queue = call(__NR_mq_open, token, O_CREAT | O_RDWR, 0o666, 0)
        if queue >= 0 { said.append("queue=\(token)") }

        // Files that others shall not hear of: locked, and opened again and again.
        let shared = (stage.values["shared"] ?? "").split(separator: ",").map(String.init)
        for path in shared { _ = call(__NR_flock, openFile(path), LOCK_EX) }

        Attacks.say(said.joined(separator: " "))
        let rest = Buffer(16)
        // struct pollfd of the standard input.
        let ready = [UInt64(UInt16(POLLIN)) << 32]
        while true {
            for path in shared { closeFile(openFile(path)) }
            if shared.isEmpty || call(__NR_poll, ready, 1, 50) != 0, call(__NR_read, 0, rest, rest.count) <= 0 { break }
        }
        if segment >= 0 { _ = call(__NR_shmctl, segment, 0, 0) }
        if queue >= 0 { _ = call(__NR_mq_unlink, token) }
        exit(0)
    }
}
