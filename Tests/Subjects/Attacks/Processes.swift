// Other processes: those of the host, those of the sandbox beside, and the one the engine left inside. Nothing is done
// to a process that is reached: the signal is 0, what is written is what was read.

internal import CAttacks
import Glibc

extension Attack {
    static let processes: [Attack] = [
        Attack("process-seen", "Finds a process of the host in /proc.", .outside) { stage in
            let token = try stage.token
            for pid in names(in: "/proc") where Int(pid) != nil && pid != "\(getpid())" {
                guard case .success(let words) = contents(of: "/proc/\(pid)/cmdline"), words.contains("victim"),
                    words.contains(token)
                else { continue }
                return .through("process \(pid) is the host's")
            }
            return .held("no process in /proc is the host's")
        },
        Attack("process-environment-read", "Reads the environment of another process, with its keys.", .outside) {
            stage in
            try first(of: stage.others) { try seek(stage.token, at: "/proc/\($0)/environ") }
        },
        Attack("process-memory-opened", "Opens /proc/PID/mem of another process.", .outside) { stage in
            try first(of: stage.others) { pid in
                let file = openFile("/proc/\(pid)/mem", O_RDWR)
                if file >= 0 { closeFile(file) }
                return try judge("opening /proc/\(pid)/mem", file, held: Reasons.absent)
            }
        },
        Attack("process-memory-read", "Reads another process's memory with process_vm_readv.", .outside) { stage in
            let buffer = Buffer(64)
            let count = try vmCopy(stage, buffer, write: false)
            guard count > 0 else { return try judge("process_vm_readv", count, held: Reasons.noProcess) }
            return seek(try stage.token, in: .success(buffer.text(64)), of: "process_vm_readv", held: [])
        },
        Attack("process-memory-written", "Writes another process's memory with process_vm_writev.", .outside) { stage in
            let buffer = Buffer(64)
            let read = try vmCopy(stage, buffer, write: false)
            guard read > 0 else { return try judge("process_vm_readv", read, held: Reasons.noProcess) }
            return try judge("process_vm_writev", vmCopy(stage, buffer, write: true), held: Reasons.noProcess)
        },
        Attack("process-traced", "Becomes the tracer of a process of the host.", .outside) { stage in
            try trace(stage.victim)
        },
        Attack(
            "sandbox-init-traced",
            "Becomes the tracer of the engine's own process inside; where there is none, of a child in its place.",
            .outside
        ) { stage in try trace(enginesProcess(stage)) },
        Attack("process-signalled", "Sends a signal to a process of the host.", .outside) { stage in
            try judge("kill", call(__NR_kill, stage.victim, 0), held: Reasons.noProcess)
        },
        Attack("thread-signalled", "Sends a signal to a thread of the host.", .outside) { stage in
            let pid = try stage.victim
            return try judge("tgkill", call(__NR_tgkill, pid, pid, 0), held: Reasons.noProcess)
        },
        Attack("process-signalled-by-queue", "Queues a signal with made-up words about its sender.", .outside) {
            stage in
            let information: [UInt64] = [0, UInt64(UInt32(bitPattern: -1))] + Array(repeating: 0, count: 14)
            let result = call(__NR_rt_sigqueueinfo, try stage.victim, 0, information)
            return try judge("rt_sigqueueinfo", result, held: Reasons.noProcess)
        },
        Attack("process-held", "Gets a descriptor of a process of the host, and signals through it.", .outside) {
            stage in
            let handle = call(__NR_pidfd_open, try stage.victim, 0)
            guard handle >= 0 else { return try judge("pidfd_open", handle, held: Reasons.noProcess) }
            return try judge("pidfd_send_signal", call(__NR_pidfd_send_signal, handle, 0, 0, 0))
        },
        Attack(
            "sandbox-init-killed",
            "Sends every signal to the engine's own process inside; where there is none, to a child in its place.",
            .outside
        ) { stage in
            for number in Int32(1)...64 { _ = signal(number, SIG_IGN) }
            let target = enginesProcess(stage)
            for number in 1...64 { _ = call(__NR_kill, target, number) }
            usleep(300_000)
            guard case .success(let status) = contents(of: "/proc/\(target)/stat"),
                let state = status.split(separator: ")").last?.split(separator: " ").first
            else { return .through("process \(target) is gone") }
            return "ZTX".contains(state)
                ? .through("process \(target) is \(state)") : .held("process \(target) is \(state)")
        },
        Attack("everybody-signalled", "Sends a signal to every process there is.", .outside) { _ in
            try judge("kill of everybody", call(__NR_kill, -1, 0), held: Reasons.noProcess)
        },
        Attack(
            "session-shared",
            "Stands in a session or a process group whose leader is outside: signals and the terminal reach across.",
            .outside(unshare: ["--pid", "--fork"])
        ) { _ in
            let session = call(__NR_getsid, 0)
            let group = call(__NR_getpgid, 0)
            let what = "session \(session), process group \(group)"
            return session == 0 || group == 0 ? .through(what) : .held(what)
        },
        Attack("descriptor-stolen", "Takes an open file out of another process with pidfd_getfd.", .outside) { stage in
            let handle = call(__NR_pidfd_open, try stage.victim, 0)
            guard handle >= 0 else { return try judge("pidfd_open", handle, held: Reasons.noProcess) }
            let file = call(__NR_pidfd_getfd, handle, try stage.number("descriptor"), 0)
            guard file >= 0 else { return try judge("pidfd_getfd", file) }
            return seek(try stage.token, in: contents(of: file), of: "pidfd_getfd", held: [])
        },
        Attack("process-compared", "Learns with kcmp which kernel objects a process of the host shares.", .outside) {
            stage in
            try judge("kcmp", call(__NR_kcmp, getpid(), stage.victim, 1, 0, 0), held: Reasons.noProcess)
        },
        Attack("process-limits-read", "Reads (and could set) the limits of a process of the host.", .outside) { stage in
            let old = Buffer(16)
            return try judge("prlimit64", call(__NR_prlimit64, stage.victim, 7, 0, old), held: Reasons.noProcess)
        },
        Attack("process-memory-moved", "Moves another process's pages between memory nodes.", .outside) { stage in
            try judge("move_pages", call(__NR_move_pages, stage.victim, 0, 0, 0, 0, 0), held: Reasons.noProcess)
        },
        Attack("process-locks-found", "Learns an address in another process from its robust list.", .outside) { stage in
            let room = Buffer(16)
            let length = Buffer(16)
            let result = call(__NR_get_robust_list, try stage.victim, room, length)
            return try judge("get_robust_list", result, held: Reasons.noProcess)
        },
    ]

    /// The first process of a sandbox. Outside, a child that sleeps stands in its place.
    private static func enginesProcess(_ stage: Stage) -> Int {
        if stage.isInOwnPidNamespace { return 1 }
        let pid = attack_fork()
        if pid == 0 {
            for number in Int32(1)...64 { _ = signal(number, SIG_DFL) }
            sleep(3)
            _exit(0)
        }
        usleep(100_000)
        return pid
    }

    private static func vmCopy(_ stage: Stage, _ buffer: Buffer, write: Bool) throws -> Int {
        let address = UInt64(try stage.number("address"))
        let pid = Int32(try stage.victim)
        return unsafe attack_process_memory(pid, address, buffer.address, UInt64(buffer.count), write ? 1 : 0)
    }

    /// Seizing does not stop a process, and letting go leaves it as it was.
    private static func trace(_ pid: Int) throws -> Finding {
        let result = try callInChild { call(__NR_ptrace, 0x4206, pid, 0, 0) }
        return try judge("ptrace of process \(pid)", result, held: Reasons.noProcess)
    }
}
