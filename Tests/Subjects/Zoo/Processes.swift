// What a process is beside its memory: its name, numbers, limits, and the many small settings that the kernel keeps of it.

internal import CZoo
import Glibc

extension Subject {
    static let processes: [Subject] = [
        Subject("process-name", "a name of the process's own") {
            try must("PR_SET_NAME", call(__NR_prctl, 15, "zoo (renamed)"))
            return { _ in try expect("comm", try text(of: "/proc/self/comm"), is: "zoo (renamed)\n") }
        },
        Subject("process-numbers", "its number, its parent's, its group and session") {
            let before = numbers()
            return { _ in try expect("pid, thread, parent, group, session", numbers(), is: before) }
        },
        Subject("process-users", "its users and groups") {
            let names = ["Uid", "Gid", "Groups"]
            let before = try names.map { try field($0) }
            return { _ in
                try expect("users and groups", try names.map { try field($0) }, is: before)
                try expect("who owns /proc/self", try Status("/proc/self/stat").user, is: UInt32(call(__NR_getuid)))
            }
        },
        Subject("process-arguments", "arguments, variables and the program, as /proc tells them") {
            let names = ["cmdline", "environ", "auxv"]
            let before = try names.map { try contents(of: "/proc/self/\($0)") }
            let program = target(of: "/proc/self/exe")
            return { _ in
                for (name, was) in zip(names, before) {
                    try expect(contents(of: "/proc/self/\(name)") == was && !was.isEmpty, "\(name) is another")
                }
                try expect("exe", target(of: "/proc/self/exe"), is: program)
                // AT_PAGESZ, AT_UID, AT_SECURE
                let words = [6, 11, 23].map { zoo_auxiliary($0) }
                try expect("getauxval", words, is: [4096, UInt64(call(__NR_getuid)), 0])
                try expect("a variable", Zoo.environment("AWS_LAMBDA_RUNTIME_API") != nil, is: true)
            }
        },
        Subject("process-memory-layout", "where code, heap and stack begin, as /proc tells it") {
            // startcode, endcode, startstack; start_data and what follows up to env_end
            let fields = [26, 27, 28, 45, 46, 47, 48, 49, 50, 51]
            let before = try statistics(fields)
            return { _ in try expect("fields of stat", try statistics(fields), is: before) }
        },
        Subject("process-limits", "limits of its own, lowered") {
            // RLIMIT_CPU, FSIZE, STACK, NOFILE, SIGPENDING
            let limits: [(Int, [UInt64])] = [
                (0, [10_000, 20_000]), (1, [1 << 30, 1 << 31]), (3, [4 << 20, 6 << 20]), (7, [500, 600]),
                (11, [100, 200]),
            ]
            for (number, values) in limits {
                try must("prlimit", call(__NR_prlimit64, 0, number, Buffer(words: values), 0))
            }
            return { _ in
                for (number, values) in limits {
                    let old = Buffer(16)
                    try must("prlimit", call(__NR_prlimit64, 0, number, 0, old))
                    try expect("limit \(number)", old.words, is: values)
                }
            }
        },
        setting(
            "process-nice", "its priority", { call(__NR_setpriority, 0, 0, 7) }, { 20 - call(__NR_getpriority, 0, 0) },
            7),
        setting(
            "process-scheduling", "a policy for work that may wait (SCHED_BATCH)",
            { call(__NR_sched_setscheduler, 0, 3, Buffer(words: [0])) }, { call(__NR_sched_getscheduler, 0) }, 3),
        setting(
            "process-input-priority", "a priority of its input and output",
            { call(__NR_ioprio_set, 1, 0, 2 << 13 | 6) }, { call(__NR_ioprio_get, 1, 0) }, 2 << 13 | 6),
        setting("process-not-dumpable", "PR_SET_DUMPABLE 0", { call(__NR_prctl, 4, 0) }, { call(__NR_prctl, 3) }, 0),
        setting(
            "process-adopts", "PR_SET_CHILD_SUBREAPER", { call(__NR_prctl, 36, 1) }, { answer(37) }, 1),
        setting(
            "process-dies-with-parent", "PR_SET_PDEATHSIG", { call(__NR_prctl, 1, SIGUSR2) }, { answer(2) },
            Int(SIGUSR2)),
        setting(
            "process-timer-slack", "PR_SET_TIMERSLACK", { call(__NR_prctl, 29, 123_456) }, { call(__NR_prctl, 30) },
            123_456),
        setting(
            "process-without-huge-pages", "PR_SET_THP_DISABLE", { call(__NR_prctl, 41, 1) }, { call(__NR_prctl, 42) }, 1
        ),
        setting(
            "process-keeps-capabilities", "PR_SET_KEEPCAPS, which nobody without capabilities has a use for",
            { call(__NR_prctl, 8, 1) }, { call(__NR_prctl, 7) }, 1),
        setting(
            "process-no-new-privileges", "PR_SET_NO_NEW_PRIVS", { call(__NR_prctl, 38, 1) }, { call(__NR_prctl, 39) }, 1
        ),
        setting("process-secure-bits", "securebits", { 0 }, { call(__NR_prctl, 27) }, 0),
        setting(
            "process-personality", "its personality: none", { 0 }, { call(__NR_personality, 0xffff_ffff) }, 0),
        Subject("process-out-of-memory-score", "a score by which it is ended before others") {
            try write("321", to: "/proc/self/oom_score_adj")
            return { _ in try expect("score", try text(of: "/proc/self/oom_score_adj"), is: "321\n") }
        },
        Subject("process-core-filter", "which memory a core dump would have") {
            try write("0x55", to: "/proc/self/coredump_filter")
            return { _ in try expect("filter", try text(of: "/proc/self/coredump_filter"), is: "00000055\n") }
        },
        Subject("process-processors", "it may use one processor alone") {
            let only = Buffer(128)
            only[0] = 1
            try must("sched_setaffinity", call(__NR_sched_setaffinity, 0, 128, only))
            return { _ in
                let all = Buffer(128)
                try must("sched_getaffinity", call(__NR_sched_getaffinity, 0, 128, all))
                try expect("processors", all[0], is: 1)
            }
        },
        Subject("process-rights", "no capability, in no set of any thread, and a filter over its system calls") {
            let threads = try (0..<2).map { _ in try Worker { while true { _ = call(__NR_pause) } } }
            let names = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"]
            let before = try names.map { try field($0) }
            let namespaces = try Zoo.namespaces()
            return { event in
                for thread in threads.map(\.id) + [call(__NR_getpid)] {
                    let now = try names.map { try field($0, of: "/proc/self/task/\(thread)/status") }
                    try expect("rights of thread \(thread)", now.dropLast(), is: before.dropLast())
                    // A restore may need one filter more; it is never without.
                    try expect((Int(now.last!) ?? 0) >= (Int(before.last!) ?? 0), "filters: \(now.last!)")
                }
                if event.isFirstOfClone {
                    try expect("kinds of namespaces", try Zoo.namespaces().count, is: namespaces.count)
                }
            }
        },
        Subject("process-threads", "exactly so many threads, and none of the engine's") {
            let threads = try (0..<3).map { _ in try Worker { while true { _ = call(__NR_pause) } } }
            let ids = Set((threads.map(\.id) + [call(__NR_getpid)]).map { "\($0)" })
            return { _ in try expect("threads", try names(in: "/proc/self/task"), is: ids) }
        },
        Subject("process-mapped-code", "code of these files, by their whole paths") {
            try Runtime.connect()
            let before = try mappingLines().filter { $0.contains("/") }
            try expect("some", before.isEmpty, is: false)
            return { _ in try expect("mapped", try mappingLines().filter { $0.contains("/") }, is: before) }
        },
        Subject("process-mappings", "exactly these mappings, with their protection, and code of these files") {
            try Runtime.connect()
            let regions = try [PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC].map { try Region(pages: 5, $0) }
            let before = try mappingLines()
            return { _ in
                let wrong = Set(try mappingLines()).symmetricDifference(before)
                try expect(wrong.isEmpty, "mapped then or now: \(wrong.sorted())")
                for region in regions { try expect("its size", region.size, is: 5 * page) }
            }
        },
    ]

    private static func numbers() -> [Int] {
        [call(__NR_getpid), call(__NR_gettid), call(__NR_getppid), call(__NR_getpgid, 0), call(__NR_getsid, 0)]
    }

    /// Fields of /proc/self/stat, by the numbers that its manual page gives them.
    private static func statistics(_ fields: [Int]) throws -> [Substring] {
        let stat = try text(of: "/proc/self/stat")
        let rest = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        return fields.map { rest[$0 - 2] }
    }

    /// Ranges of addresses with their protection, joined where the kernel may join them or not; with a name where it is
    /// code. The heap and the stack grow by themselves.
    private static func mappingLines() throws -> [String] {
        var joined: [(start: Substring, end: Substring, what: String)] = []
        for line in try text(of: "/proc/self/maps").split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            let name = words.count > 5 ? words[5] : ""
            if name == "[heap]" || name == "[stack]" { continue }
            let range = words[0].split(separator: "-")
            let what = words[1].contains("x") ? "\(words[1]) \(name)" : "\(words[1])"
            if let last = joined.last, last.end == range[0], last.what == what {
                joined[joined.count - 1].end = range[1]
            } else {
                joined.append((range[0], range[1], what))
            }
        }
        return joined.map { "\($0.start)-\($0.end) \($0.what)" }
    }

    private static func write(_ text: String, to path: String) throws {
        let file = try Descriptor(opening: path, O_WRONLY)
        defer { file.close() }
        try file.write(text)
    }

    /// What prctl answers by a pointer.
    private static func answer(_ option: Int) -> Int {
        let value = Buffer(8)
        let result = call(__NR_prctl, option, value)
        return result < 0 ? result : Int(value.half(0))
    }

    private static func setting(
        _ name: String, _ state: String, _ set: @escaping @Sendable () -> Int, _ get: @escaping @Sendable () -> Int,
        _ value: Int
    ) -> Subject {
        Subject(name, state) {
            try must("setting it", set())
            try expect("when it was set", get(), is: value)
            return { _ in try expect("its value", get(), is: value) }
        }
    }
}

extension Zoo {
    static func namespaces() throws -> [String] {
        try names(in: "/proc/self/ns").compactMap { target(of: "/proc/self/ns/\($0)") }
    }
}
