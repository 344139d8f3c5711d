// Several processes that belong together: who is whose child, in which group, waiting for whom, and what they share.

internal import CZoo
import Glibc

extension Subject {
    static let trees: [Subject] = [
        Subject("child-waiting", "a child that waits for a word from its parent, and answers") {
            let child = try Companion()
            return { _ in try child.check() }
        },
        Subject("children", "five children, each with a number of its own, in groups of their own") {
            let children = try (0..<5).map { _ in try Companion { try must("setpgid", call(__NR_setpgid, 0, 0)) } }
            return { _ in
                for child in children {
                    try child.check()
                    try expect("its group", call(__NR_getpgid, child.pid), is: child.pid)
                }
            }
        },
        Subject("grandchild", "a child that passes words on to its own child") {
            let (down, up, between, back) = (try Pipe(), try Pipe(), try Pipe(), try Pipe())
            let child = try fork {
                guard (try? fork { relay(between.output, back.input, adding: 10) }) != nil else { return 1 }
                while let word = try? down.output.word() {
                    guard (try? between.input.write(word: word + 1)) != nil, let answer = try? back.output.word(),
                        (try? up.input.write(word: answer)) != nil
                    else { return 1 }
                }
                return 0
            }
            return { _ in
                try down.input.write(word: 100)
                try expect("poll", try up.output.poll(milliseconds: 2000), is: 1)
                try expect("the answer", try up.output.word(), is: 111)
                try eventually("the child waits") { try field("State", of: "/proc/\(child)/status").hasPrefix("S") }
            }
        },
        Subject("child-sharing-memory", "a child that counts in memory that it shares with its parent") {
            let shared = try Region(pages: 2, flags: MAP_SHARED | 0x20)
            let own = try Region(pages: 1)
            own.fill(seed: 5)
            let child = try Companion(each: { word in
                shared[8] = shared[0] + word
                own[0] = word
            })
            return { _ in
                shared[0] &+= 1000
                let word = try child.check()
                try expect("what the child wrote", shared[8], is: shared[0] + word)
                try own.check(seed: 5)
            }
        },
        Subject("child-ended", "a child that has ended, and for which nobody has waited yet", refused: "waited for") {
            let start: @Sendable () throws -> Int = {
                let child = try fork { 42 }
                try eventually("it ends") { try field("State", of: "/proc/\(child)/status").hasPrefix("Z") }
                return child
            }
            let current = Counter(try start())
            return { _ in
                try expect(
                    field("State", of: "/proc/\(current.value)/status").hasPrefix("Z"), "it does not wait for us")
                try expect("its status", try waitFor(current.value), is: 42 << 8)
                current.value = try start()
            }
        },
        Subject("child-killed-later", "a child that is killed after the capture: SIGCHLD and its status come") {
            try must("sigaction", zoo_handle(SIGCHLD, 0x1000_0000, 0))
            let start: @Sendable () throws -> Int = { try fork { while true { _ = call(__NR_pause) } } }
            let current = Counter(try start())
            return { _ in
                let count = zoo_notes(SIGCHLD).count
                try must("kill", call(__NR_kill, current.value, SIGTERM))
                try expect("its status", try waitFor(current.value), is: SIGTERM)
                try eventually("SIGCHLD comes") { zoo_notes(SIGCHLD).count == count + 1 }
                try expect("from whom", Int(zoo_notes(SIGCHLD).sender), is: current.value)
                current.value = try start()
            }
        },
        Subject("child-stopped", "a child that was stopped; it stays so until it is told to go on", refused: "stopped")
        {
            let child = try Companion()
            let stop: @Sendable () throws -> Void = {
                try must("kill", call(__NR_kill, child.pid, SIGSTOP))
                try eventually("it stops") { try child.state == "T" }
            }
            try stop()
            return { _ in
                try expect("its state", try child.state, is: "T")
                try must("kill", call(__NR_kill, child.pid, SIGCONT))
                try child.check()
                try stop()
            }
        },
        Subject("child-in-session", "a child that leads a session of its own") {
            let child = try Companion { try must("setsid", call(__NR_setsid)) }
            return { _ in
                try child.check()
                try expect("its session", call(__NR_getsid, child.pid), is: child.pid)
                try expect("ours", call(__NR_getsid, 0) != child.pid, is: true)
            }
        },
        Subject("child-orphaned", "a process whose parent has ended, and that its grandparent has adopted") {
            try must("PR_SET_CHILD_SUBREAPER", call(__NR_prctl, 36, 1))
            let (down, up) = (try Pipe(), try Pipe())
            let parent = try fork {
                let pid = try? fork { relay(down.output, up.input, adding: 1) }
                return pid == nil ? 1 : 0
            }
            try expect("its parent's status", try waitFor(parent), is: 0)
            return { _ in
                try down.input.write(word: 7)
                try expect("poll", try up.output.poll(milliseconds: 2000), is: 1)
                try expect("the answer", try up.output.word(), is: 8)
                let children = try text(of: "/proc/self/task/\(call(__NR_getpid))/children").split(separator: " ")
                try expect("adopted", children.count, is: 1)
            }
        },
        Subject("child-sharing-offset", "a child that reads on in a file that its parent has opened") {
            let file = try Descriptor(opening: program)
            let child = try Companion(each: { _ in _ = try file.read(100) })
            let offset = Counter()
            return { _ in
                try expect("offset", try file.offset, is: offset.value)
                try child.check()
                try expect("offset after the child has read", try file.offset, is: offset.add(100))
            }
        },
        Subject("child-elsewhere", "a child with another working directory, mask and name") {
            try makeDirectory("/tmp/child")
            let child = try Companion {
                try must("chdir", call(__NR_chdir, "/tmp/child"))
                _ = call(__NR_umask, 0o077)
                try must("PR_SET_NAME", call(__NR_prctl, 15, "the child"))
            }
            return { _ in
                try child.check()
                try expect("its directory", target(of: "/proc/\(child.pid)/cwd"), is: "/tmp/child")
                try expect("its mask", try field("Umask", of: "/proc/\(child.pid)/status"), is: "0077")
                try expect("its name", try text(of: "/proc/\(child.pid)/comm"), is: "the child\n")
                try expect("our directory", target(of: "/proc/self/cwd") == "/tmp/child", is: false)
            }
        },
        Subject("child-with-threads", "a child with three threads of its own") {
            let child = try Companion {
                for _ in 0..<2 { _ = try Worker { while true { _ = call(__NR_pause) } } }
            }
            return { _ in
                try child.check()
                try expect("its threads", try names(in: "/proc/\(child.pid)/task").count, is: 3)
            }
        },
        Subject("child-of-another-program", "a child that runs another program: a shell that answers line by line") {
            let (down, up) = (try Pipe(), try Pipe())
            let line = "n=0; while read word; do n=$((n+1)); echo $word $n; done"
            let child = try fork {
                _ = call(__NR_dup3, down.output, 0, 0)
                _ = call(__NR_dup3, up.input, 1, 0)
                let words = ["sh", "-c", line]
                var pointers = unsafe words.map { unsafe strdup($0) }
                unsafe pointers.append(nil)
                unsafe execv("/bin/sh", pointers)
                return 127
            }
            let count = Counter()
            return { _ in
                try down.input.write("hello\n")
                try expect("poll", try up.output.poll(milliseconds: 2000), is: 1)
                try expect("the answer", try up.output.text(), is: "hello \(count.add(1))\n")
                try expect("its program", target(of: "/proc/\(child)/exe") != target(of: "/proc/self/exe"), is: true)
            }
        },
    ]

    /// What a child does: answers each word with that word and something more. Ends when its parent is gone.
    private static func relay(_ input: Descriptor, _ output: Descriptor, adding: UInt64) -> Int32 {
        while let word = try? input.word() {
            guard (try? output.write(word: word + adding)) != nil else { return 1 }
        }
        return 0
    }
}

/// A child that remembers how many words it was given.
struct Companion: Sendable {
    let pid: Int
    private let down: Pipe
    private let up: Pipe
    private let count = Counter()

    /// - Parameter prepare: what the child does first
    /// - Parameter each: what it does with each word
    init(_ prepare: () throws -> Void = {}, each: (UInt64) throws -> Void = { _ in }) throws {
        let (down, up) = (try Pipe(), try Pipe())
        (self.down, self.up) = (down, up)
        pid = try fork {
            down.input.close()
            var count: UInt64 = 0
            do {
                try prepare()
                try up.input.write(word: 0)
                while true {
                    let word = try down.output.word()
                    try each(word)
                    count += 1
                    try up.input.write(word: word + count)
                }
            } catch { return 1 }
        }
        try expect("what a child says first", try up.output.word(), is: 0)
    }

    var state: String { get throws { try String(field("State", of: "/proc/\(pid)/status").prefix(1)) } }

    /// It is our child, waits, and knows how often it was asked. Gives the word that it was sent.
    @discardableResult
    func check() throws -> UInt64 {
        let status = "/proc/\(pid)/status"
        try expect("its parent", try field("PPid", of: status), is: "\(call(__NR_getpid))")
        let word = UInt64(1000)
        try down.input.write(word: word)
        try expect("an answer", try up.output.poll(milliseconds: 2000), is: 1)
        try expect("the answer", try up.output.word(), is: word + UInt64(count.add(1)))
        return word
    }
}
