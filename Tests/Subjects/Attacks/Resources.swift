// Taking all there is. Every one of these is bounded by itself, a little above what the limits allow, so that a limit that
// fails costs the host little; those that could hurt all the same only run within limits.

internal import CAttacks
import Glibc

extension Attack {
    private static let small = ["--memory", "128"]
    /// An ordinary user, whom a limit of the user's processes binds, in a namespace that ends them all together.
    private static let user = Control.outside(
        unshare: ["--pid", "--fork", "--kill-child", "--mount-proc", "--setgid", "990", "--setuid", "993"])

    static let resources: [Attack] = [
        Attack("fork-bomb", "Starts 1,500 processes.", user, needs: [.limits], options: ["--memory", "512"]) { _ in
            boundProcesses()
            var children: [Int] = []
            defer { for pid in children { _ = call(__NR_kill, pid, SIGKILL) } }
            while children.count < 1500 {
                let pid = attack_fork()
                if pid == 0 {
                    sleep(20)
                    _exit(0)
                }
                guard pid > 0 else { return try judge("fork \(children.count + 1)", pid, held: [EAGAIN]) }
                children.append(pid)
            }
            return .through("1500 processes run")
        },
        Attack("thread-bomb", "Starts 1,500 threads.", user, needs: [.limits], options: ["--memory", "512"]) { _ in
            boundProcesses()
            let made = attack_threads(1500, 20)
            return made == 1500 ? .through("1500 threads run") : .held("\(made) threads run")
        },
        Attack(
            "memory-bomb", "Touches 256 MB of memory where 128 are given.", .waiving("memory"), needs: [.limits],
            options: small, endings: [123]
        ) { _ in
            let size = 256 << 20
            let address = call(__NR_mmap, 0, size, 3, 0x22, -1, 0)
            guard address > 0 else { return try judge("mmap", address, held: [ENOMEM]) }
            for page in stride(from: address, to: address + size, by: 4096) {
                unsafe UnsafeMutablePointer<UInt8>(bitPattern: page)!.pointee = 1
            }
            return .through("touched 256 MB")
        },
        Attack(
            "memory-file-bomb", "Fills 256 MB of a file in memory.", .waiving("memory"), needs: [.limits],
            options: small, endings: [123]
        ) { _ in
            let file = call(__NR_memfd_create, "attack", 0)
            guard file >= 0 else { return try judge("memfd_create", file) }
            return try fill(file, megabytes: 256)
        },
        // Huge pages are of a pool that no limit of memory counts. Each asks for something impossible with them, so that
        // what the kernel would answer tells whether it was asked.
        Attack("huge-pages-mapped", "Maps huge pages of the host's pool.", .without([.seccomp])) { _ in
            let result = call(__NR_mmap, 0, 2 << 20, 3, 0x40002, -1, 0)
            return try judge("mmap", result, reached: [EBADF], held: [ENOMEM, EPERM])
        },
        Attack("huge-memory-file", "Makes a file of huge pages.", .without([.seccomp])) { _ in
            let result = call(__NR_memfd_create, "attack", 0x104)
            return try judge("memfd_create", result, reached: [EINVAL], held: [ENOMEM, EPERM])
        },
        Attack("huge-segment", "Makes a segment of huge pages.", .without([.seccomp])) { _ in
            let result = call(__NR_shmget, 0, 0, 0o5600)
            return try judge("shmget", result, reached: [EINVAL], held: [ENOMEM, EPERM])
        },
        Attack(
            "sockets-filled", "Lets 128 MB wait in sockets where 128 MB are given in all.",
            .waiving("memory"), needs: [.limits], options: small, endings: [123]
        ) { _ in
            let waiting = attack_fill_sockets(900)
            guard waiting >= 0 else { return try judge("sockets", waiting, held: [ENOMEM, ENOBUFS]) }
            let what = "\(waiting >> 20) MB waited in 900 sockets"
            return waiting > 128 << 20 ? .through(what) : .held(what)
        },
        Attack(
            "shared-memory-filled", "Fills /dev/shm with 128 MB: it is memory.", .outside, options: small,
            endings: [123]
        ) { _ in
            let path = "/dev/shm/attack"
            let file = openFile(path, O_CREAT | O_RDWR)
            guard file >= 0 else { return try judge("opening \(path)", file, held: Reasons.absent) }
            _ = call(__NR_unlink, path)
            return try fill(file, megabytes: 128)
        },
        Attack("descriptor-bomb", "Opens 4,000 files.", .outside) { _ in
            _ = call(__NR_prlimit64, 0, 7, [UInt64(8192), UInt64(8192)], 0)
            for count in 0..<4000 {
                let copy = call(__NR_dup, 1)
                guard copy >= 0 else { return try judge("file \(count)", copy, held: [EMFILE]) }
            }
            return .through("4000 files are open")
        },
        Attack("tmp-filled", "Fills /tmp with 64 MB where 16 are given.", .outside, options: ["--tmp", "16"]) { _ in
            let path = try scratchDirectory() + "/filler"
            let file = openFile(path, O_CREAT | O_RDWR)
            guard file >= 0 else { throw Broken("\(path): \(Errno(file))") }
            _ = call(__NR_unlink, path)
            return try fill(file, megabytes: 64)
        },
        Attack(
            "tmp-filled-with-names",
            "Makes 60,000 empty files in /tmp: they cost the kernel memory that is not in bytes.",
            .outside, options: ["--tmp", "16"] + small, endings: [123]
        ) { _ in
            let directory = try scratchDirectory()
            var made = 0
            defer { for number in 0..<made { _ = call(__NR_unlink, "\(directory)/\(number)") } }
            while made < 60_000 {
                let file = openFile("\(directory)/\(made)", O_CREAT | O_WRONLY)
                guard file >= 0 else { return try judge("file \(made)", file, held: [ENOSPC, EDQUOT, ENOMEM]) }
                closeFile(file)
                made += 1
            }
            return .through("made 60000 files")
        },
        Attack(
            "processor-taken", "Works without a pause where an eighth of a processor is given.", .waiving("cpu"),
            needs: [.limits], options: ["--memory", "221"]
        ) { _ in
            // Others may be at work as well: two good seconds are enough to get through. One is not: a machine that
            // was itself stopped for a moment finds all that time in whoever was running.
            var windows: [Int] = []
            func good() -> Int { windows.count { $0 > 40 } }
            while windows.count < 6 && good() < 2 {
                let (start, used) = (clock(CLOCK_MONOTONIC), clock(CLOCK_PROCESS_CPUTIME_ID))
                while clock(CLOCK_MONOTONIC) - start < 1 {}
                windows.append(Int((clock(CLOCK_PROCESS_CPUTIME_ID) - used) * 100))
            }
            let what = "had \(windows) % of a processor, second by second"
            return good() >= 2 ? .through(what) : .held(what)
        },
    ]

    /// Of its own accord, for where nothing else stops it.
    private static func boundProcesses() {
        _ = call(__NR_prlimit64, 0, 6, [UInt64(2000), UInt64(2000)], 0)
    }

    private static func clock(_ which: clockid_t) -> Double {
        var time = timespec()
        unsafe clock_gettime(which, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func fill(_ file: Int, megabytes: Int) throws -> Finding {
        let block = Buffer(1 << 20)
        for written in 0..<megabytes {
            let count = call(__NR_write, file, block, block.count)
            guard count == block.count else {
                return count >= 0
                    ? .held("full after \(written) MB")
                    : try judge("megabyte \(written + 1)", count, held: [ENOSPC, EDQUOT, ENOMEM, EFBIG])
            }
        }
        return .through("wrote \(megabytes) MB")
    }
}
