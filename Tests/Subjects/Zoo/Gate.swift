// What the first instructions of a clone find. Its threads wait in a call that ends with EINTR when they are restored, and
// from there on try what only a restore may do, and look at what all the others, pid 1 among them, have a right to.

internal import CZoo
import Glibc
import Synchronization

extension Subject {
    static let gate: [Subject] = [
        Subject(
            "gate-threads", "200 threads that reach for rights, their own and others', with their first instruction"
        ) {
            let (begun, done) = (Counter(), Counter())
            let found = Found()
            for _ in 0..<200 {
                let waker = try Waker()
                let worker = try Worker {
                    while true {
                        waker.awaitRestore()
                        found.add(forbiddenCalls())
                        // To look takes longer than to try: the first ones look at all the others.
                        if begun.add(1) % 100 == 1 { found.add(try View.problems()) }
                        done.add(1)
                    }
                }
                try worker.isAsleep()
            }
            return { event in
                guard event.isFirstOfClone else { return }
                try eventually("all threads have looked") { done.value == 200 }
                try expect("what they found", found.words, is: [])
            }
        },
        Subject("gate-processes", "five processes that reach for rights, their own and others', as soon as they run") {
            let children = try (0..<4).map { number in
                try Child {
                    // The more there is to be restored of one, the longer the others have.
                    let memory = try Region(pages: number * 1000 + 1)
                    memory.fill(seed: number)
                    let waker = try Waker()
                    return {
                        waker.awaitRestore()
                        return try forbiddenCalls() + View.poke() + View.problems() + forbiddenCalls()
                    }
                }
            }
            return { event in
                let problems = forbiddenCalls()
                guard event.isFirstOfClone else { return }
                try expect("what this process found", problems, is: [])
                for (number, child) in children.enumerated() {
                    try expect("what child \(number) found", try child.found(), is: "nothing")
                }
            }
        },
    ]

    /// With the restore's filter alone two of them would do something else.
    private static func forbiddenCalls() -> [String] {
        var problems: [String] = []
        // NEWUSER and NEWNET, in a process of its own.
        let arguments = Buffer(words: [0x5000_0000, 0, 0, 0, UInt64(SIGCHLD), 0, 0, 0, 0, 0, 0])
        let made = call(__NR_clone3, arguments, arguments.count)
        if made == 0 { _exit(0) }
        if made != -Int(ENOSYS) { problems.append("clone3 gave \(made)") }
        let joined = call(__NR_setns, -1, 0x1000_0000)
        if joined != -Int(ENOSYS) { problems.append("setns gave \(joined)") }
        for flags in [0x1000_0000, 0x4000_0000, 0x2_0000] where call(__NR_unshare, flags) >= 0 {
            problems.append("unshare of \(flags)")
        }
        return problems
    }
}

/// What threads have found, together.
private final class Found: Sendable {
    private let all = Mutex<[String]>([])
    func add(_ words: [String]) {
        if !words.isEmpty { all.withLock { $0 += words.prefix(5) } }
    }
    var words: [String] { all.withLock { Array($0.prefix(10)) } }
}

/// Comes back with the first instruction after a restore.
private struct Waker: Sendable {
    private let queue: Descriptor
    private let room = Buffer(16)
    private let host = Box(names())

    init() throws { queue = try Descriptor("epoll", call(__NR_epoll_create1, O_CLOEXEC)) }

    /// A capture, too, ends the wait with EINTR, and a pause: but the host's name stays then.
    func awaitRestore() {
        while true {
            _ = call(__NR_epoll_wait, queue, room, 1, -1)
            let now = Self.names()
            if now != host.value {
                host.value = now
                return
            }
        }
    }

    private static func names() -> [UInt8] {
        let names = Buffer(6 * 65)
        _ = call(__NR_uname, names)
        return names.bytes(130)
    }
}

/// A child that waits, then does something, and says what came of it.
private struct Child {
    private let says: Pipe

    init(_ prepare: () throws -> () throws -> [String]) throws {
        let pipe = try Pipe()
        says = pipe
        let pid = try fork {
            do {
                let act = try prepare()
                try pipe.input.write("ready")
                while true {
                    let found: [String]
                    do { found = try act() } catch { found = ["\(error)"] }
                    try pipe.input.write(found.isEmpty ? "nothing" : String(found.joined(separator: "; ").prefix(1000)))
                }
            } catch { return 1 }
        }
        try expect("what a child says first", try self.found(), is: "ready")
        try eventually("it waits") { try field("State", of: "/proc/\(pid)/status").hasPrefix("S") }
    }

    func found() throws -> String {
        try expect("poll", try says.output.poll(milliseconds: 3000), is: 1)
        return try says.output.text()
    }
}

/// All processes of the sandbox, as anybody in it may see them.
private enum View {
    private static let none: [Substring] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
    /// Where a restore happens: above what a program maps.
    private static let place: Range<UInt64> = 0x3700_0000_0000..<0x3700_4000_0000

    private static func numbers(in path: String) throws -> [Int] { try names(in: path).compactMap { Int($0) } }

    static func problems() throws -> [String] {
        var problems = try own()
        let filters = try field("Seccomp_filters")[...]
        for process in try numbers(in: "/proc") {
            for task in (try? numbers(in: "/proc/\(process)/task")) ?? [] {
                guard let file = try? Descriptor(opening: "/proc/\(process)/task/\(task)/status") else { continue }
                defer { file.close() }
                guard let status = try? file.text() else { continue }
                let values = fields(status)
                func expect(_ key: Substring, _ wanted: Substring) {
                    if let value = values[key], value != wanted { problems.append("\(key) of \(task): \(value)") }
                }
                for key in none { expect(key, "0000000000000000") }
                expect("NoNewPrivs", "1")
                expect("Seccomp", "2")
                expect("Seccomp_filters", filters)
                if process > 1, values["Name"]?.hasPrefix("martlet") == true {
                    problems.append("\(task) is no clone yet")
                }
            }
            if process > 1 { problems += try mappings(of: process).filter(isShared).map { "\(process) shares \($0)" } }
        }
        return problems
    }

    private static func fields(_ status: String) -> [Substring: Substring] {
        var values: [Substring: Substring] = [:]
        for line in status.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == "\t" }
        }
        return values
    }

    /// Of the restore there is nothing left here but its code and the frames; and no descriptor.
    private static func own() throws -> [String] {
        let left = try mappings(of: call(__NR_getpid)).filter { place.contains(start($0)) }
        var problems: [String] = []
        if left.count > 2 || left.contains(where: isShared) { problems.append("memory of the restore: \(left)") }
        let open = try numbers(in: "/proc/self/fd").filter { $0 >= 904 }
        if !open.isEmpty { problems.append("descriptors of the restore: \(open)") }
        return problems
    }

    private static func mappings(of process: Int) throws -> [Substring] {
        ((try? text(of: "/proc/\(process)/maps")) ?? "").split(separator: "\n")
    }

    private static func start(_ line: Substring) -> UInt64 { UInt64(line.prefix { $0 != "-" }, radix: 16) ?? 0 }

    private static func isShared(_ line: Substring) -> Bool {
        let words = line.split(separator: " ")
        return words.count > 1 && words[1].hasSuffix("s")
    }

    /// Writes to all words that others of a clone could be waiting for: once a restored process opened others' gate so.
    static func poke() throws -> [String] {
        let ones = Buffer(words: Array(repeating: 0x1_0000_0001, count: 8))
        for process in try numbers(in: "/proc") where process > 1 && process != call(__NR_getpid) {
            for line in try mappings(of: process) where isShared(line) {
                guard let memory = try? Descriptor(opening: "/proc/\(process)/mem", O_RDWR) else { continue }
                _ = call(__NR_pwrite64, memory, ones, 64, Int(start(line)))
                memory.close()
            }
        }
        return []
    }
}
