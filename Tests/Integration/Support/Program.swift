// Running a program and seeing what it did. Used by every suite that drives the built programs. What is started ends: at
// its time limit it is killed, and a companion when its owner lets go of it.

import Glibc
import Synchronization

/// What a program left: its exit status (128 and the number of a signal that ended it) and what it wrote.
package struct Outcome: Sendable, CustomStringConvertible {
    package let status: Int32
    package let output: String
    package let errors: String
    package let timedOut: Bool

    package var description: String {
        let words = [output, errors].map(trimmed).filter { !$0.isEmpty }.joined(separator: " | ")
        return (timedOut ? "killed at its time limit" : "status \(status)") + (words.isEmpty ? "" : ": \(words)")
    }
}

package struct Program: Sendable {
    package let words: [String]
    /// Nothing but this is passed on.
    package var environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    /// Descriptors of the caller and the numbers under which the program finds them.
    package var inherited: [Int32: Int32] = [:]
    package var input = ""

    package init(_ words: [String]) { self.words = words }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(description: String) { self.description = description }
    }

    /// Runs it to its end. What it leaves running may hold its output open: that is not waited for.
    package func run(limit: Duration = .seconds(30)) throws -> Outcome {
        let running = try start()
        let clock = ContinuousClock()
        let deadline = clock.now + limit * Binaries.patience
        running.feed(input)
        var timedOut = false
        while !running.collect() {
            if !timedOut && clock.now >= deadline {
                timedOut = true
                kill(running.pid, SIGKILL)
            }
        }
        return running.outcome(timedOut: timedOut)
    }

    /// Starts it and leaves it running until `finish`.
    package func start() throws -> RunningProgram {
        // A pipe is born without close-on-exec: no other program may be started before it has it.
        try Self.starting.withLock { _ in
            let pipes = try (0..<3).map { _ in try Self.pipe() }
            // The child reads the first and writes the others.
            let inside = [pipes[0].read, pipes[1].write, pipes[2].write]
            defer { for descriptor in inside { close(descriptor) } }
            let pid = try spawn(inside)
            return RunningProgram(pid: pid, input: pipes[0].write, output: pipes[1].read, errors: pipes[2].read)
        }
    }

    private static let starting = Mutex(())

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private func spawn(_ streams: [Int32]) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, stream) in streams.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, stream, Int32(number))
        }
        for (from, to) in inherited { unsafe posix_spawn_file_actions_adddup2(&actions, from, to) }
        // The threads that tests run on block signals; what is started shall die of them like any program.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        let result = unsafe withPointers(words) { arguments in
            unsafe withPointers(environment.map { "\($0)=\($1)" }) { environment in
                unsafe posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environment)
            }
        }
        guard result == 0 else { throw Failure(description: "cannot start \(words[0]): errno \(result)") }
        return pid
    }
}

/// A program that runs beside the test. All use is from one task at a time.
package final class RunningProgram: @unchecked Sendable {
    package let pid: Int32
    private var input: Int32
    private let streams: [Int32]
    private var written: [[UInt8]] = [[], []]
    private var status: Int32?

    init(pid: Int32, input: Int32, output: Int32, errors: Int32) {
        self.pid = pid
        self.input = input
        streams = [output, errors]
        for stream in streams { _ = fcntl(stream, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        if status == nil { finish() }
        for stream in streams { close(stream) }
    }

    /// The first line that it writes.
    package func firstLine(limit: Duration = .seconds(10)) throws -> String {
        let deadline = ContinuousClock().now + limit * Binaries.patience
        while !written[0].contains(UInt8(ascii: "\n")) {
            let hasEnded = collect()
            guard written[0].contains(UInt8(ascii: "\n")) || !hasEnded && ContinuousClock().now < deadline else {
                throw Program.Failure(description: "nothing was said; \(outcome(timedOut: false))")
            }
        }
        return String(decoding: written[0].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Closes its input and gives it a moment to end by itself.
    package func finish(limit: Duration = .seconds(2)) {
        closeInput()
        let deadline = ContinuousClock().now + limit
        while !collect() {
            if ContinuousClock().now >= deadline { kill(pid, SIGKILL) }
        }
    }

    package func feed(_ text: String) {
        let bytes = Array(text.utf8)
        if !bytes.isEmpty { _ = unsafe write(input, bytes, bytes.count) }
        closeInput()
    }

    func outcome(timedOut: Bool) -> Outcome {
        let code = status ?? 0
        return Outcome(
            status: code & 0x7f == 0 ? code >> 8 & 0xff : 128 + code & 0x7f,
            output: String(decoding: written[0], as: UTF8.self),
            errors: String(decoding: written[1], as: UTF8.self), timedOut: timedOut)
    }

    /// Takes what was written within the next moment; true when the program has ended.
    func collect() -> Bool {
        if status == nil {
            var code: Int32 = 0
            if unsafe waitpid(pid, &code, WNOHANG) == pid { status = code }
        }
        let hasEnded = status != nil
        var polls = streams.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // What it writes and its end, which closes its streams, are noticed at once: a longer wait costs no time, and
        // whoever waits for a program takes no processor from it. One that leaves its streams to others is seen to have
        // ended at the next look.
        let found = unsafe poll(&polls, nfds_t(polls.count), hasEnded ? 0 : 10)
        if !hasEnded, found > 0, polls.allSatisfy({ $0.revents & Int16(POLLIN) == 0 }) {
            // A stream is closed and it still runs.
            usleep(1000)
        }
        for (index, poll) in polls.enumerated() where poll.revents & Int16(POLLIN) != 0 {
            while case let bytes = HostFiles.readOnce(poll.fd, atMost: 65_536), !bytes.isEmpty {
                written[index] += bytes
            }
        }
        return hasEnded
    }

    /// Waits for its end, however long that takes.
    func waitForEnd() {
        closeInput()
        while !collect() {}
    }

    private func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }
}

package func trimmed(_ text: String) -> String {
    let isSpace = { (character: Character) in character.isWhitespace }
    return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
}

/// The strings as C wants them: an array of pointers, ended by a null.
private func withPointers<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
}
