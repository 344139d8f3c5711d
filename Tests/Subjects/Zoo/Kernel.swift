// System calls as a subject makes them: by number, with whatever arguments, and without anything of glibc's in between
// that would keep a state of its own. A negative result is an errno.

internal import CZoo
import Glibc
internal import SubjectCalls

/// Room for what the kernel answers, or wants to be told at length.
@safe final class Buffer: Argument, @unchecked Sendable {
    let count: Int
    private let address: UnsafeMutableRawPointer
    /// Whoever was told where it is may come back to it.
    private var isLent = false

    init(_ count: Int) {
        self.count = count
        unsafe address = .allocate(byteCount: max(count, 8), alignment: 64)
        unsafe address.initializeMemory(as: UInt8.self, repeating: 0, count: max(count, 8))
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(bytes.count)
        for (index, byte) in bytes.enumerated() {
            unsafe address.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
    }

    convenience init(words: [UInt64]) {
        self.init(8 * words.count)
        for (index, word) in words.enumerated() { self[index] = word }
    }

    deinit {
        if !isLent { unsafe address.deallocate() }
    }

    var location: UInt64 {
        isLent = true
        return unsafe UInt64(UInt(bitPattern: address))
    }

    var pointer: UnsafeMutableRawPointer { unsafe address }

    func withWord(_ body: (Int) -> Int) -> Int { body(unsafe Int(bitPattern: address)) }

    /// By words of eight bytes.
    subscript(index: Int) -> UInt64 {
        get { unsafe address.load(fromByteOffset: 8 * index, as: UInt64.self) }
        set { unsafe address.storeBytes(of: newValue, toByteOffset: 8 * index, as: UInt64.self) }
    }

    /// Four bytes at an offset in bytes.
    func half(_ offset: Int) -> UInt32 { unsafe address.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }

    var words: [UInt64] { (0..<count / 8).map { self[$0] } }

    func bytes(_ count: Int) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: address, count: min(count, self.count)))
    }
}

func call(_ number: Int32, _ arguments: any Argument...) -> Int {
    withWords(arguments) { zoo_call(Int(number), $0[0], $0[1], $0[2], $0[3], $0[4], $0[5]) }
}

/// Throws unless the call succeeded.
@discardableResult
func must(_ what: String, _ result: Int) throws -> Int {
    guard result < 0 else { return result }
    throw Lost("\(what): \(reason(result))")
}

/// Throws unless the call failed, in this way.
func mustFail(_ what: String, _ error: Int32, _ result: Int) throws {
    guard result != -Int(error) else { return }
    throw Lost("\(what): \(result < 0 ? reason(result) : "succeeded with \(result)"), not \(reason(-Int(error)))")
}

private func reason(_ result: Int) -> String {
    guard let text = unsafe strerror(Int32(-result)) else { return "error \(-result)" }
    return unsafe String(cString: text).lowercased()
}

/// Makes a call again that has ended with EINTR. A few calls do so whenever their process was frozen in between, though
/// nobody handles a signal: epoll_wait, sigtimedwait, reading an inotify, sockets with a time limit (signal(7)).
func again(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result != -Int(EINTR) { return result }
    }
}

// MARK: - Time

/// The time of one of the kernel's clocks, in nanoseconds.
func now(_ clock: Int32 = CLOCK_MONOTONIC) -> Int {
    let time = Buffer(16)
    _ = call(__NR_clock_gettime, clock, time)
    return Int(time[0]) * 1_000_000_000 + Int(time[1])
}

let millisecond = 1_000_000
let second = 1_000_000_000

/// A `struct timespec`, or two of them.
func timespecs(_ nanoseconds: Int...) -> Buffer {
    Buffer(words: nanoseconds.flatMap { [UInt64($0 / second), UInt64($0 % second)] })
}

func pause(milliseconds: Int) {
    let until = timespecs(now() + milliseconds * millisecond)
    while call(__NR_clock_nanosleep, CLOCK_MONOTONIC, 1, until, 0) == -Int(EINTR) {}
}

/// Waits for something that other threads or the kernel are to bring about.
func eventually(_ what: String, within seconds: Int = 3, _ holds: () throws -> Bool) throws {
    let limit = now() + seconds * second
    while try !holds() {
        guard now() < limit else { throw Lost("\(what): not within \(seconds) s") }
        pause(milliseconds: 1)
    }
}

// MARK: - Children

/// Runs `body` in a child.
func fork(_ body: () -> Int32) throws -> Int {
    let pid = zoo_fork()
    if pid == 0 { _exit(body()) }
    return try must("fork", pid)
}

/// Waits for the end of a child and gives its status as wait4 does: the exit status times 256, or a signal.
func waitFor(_ pid: Int) throws -> Int32 {
    let status = Buffer(8)
    try must("wait4", call(__NR_wait4, pid, status, 0, 0))
    return Int32(bitPattern: status.half(0))
}
