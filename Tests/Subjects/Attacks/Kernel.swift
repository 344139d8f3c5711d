// System calls, as an attack makes them: by number, with whatever arguments, and without the checks that a well-meant
// wrapper would add. A negative result is an errno.

internal import CAttacks
import Glibc
internal import SubjectCalls

extension [UInt64]: Argument {
    func withWord(_ body: (Int) -> Int) -> Int {
        unsafe withUnsafeBytes { body(Int(bitPattern: $0.baseAddress)) }
    }
}

/// Room for what the kernel answers.
@safe final class Buffer: Argument {
    let count: Int
    let address: UnsafeMutableRawPointer

    init(_ count: Int) {
        self.count = count
        unsafe address = .allocate(byteCount: count, alignment: 16)
        unsafe address.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }

    deinit { unsafe address.deallocate() }

    func withWord(_ body: (Int) -> Int) -> Int { body(unsafe Int(bitPattern: address)) }

    func bytes(_ count: Int) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: address, count: min(count, self.count)))
    }

    func text(_ count: Int) -> String { String(decoding: bytes(count), as: UTF8.self) }
}

func call(_ number: Int32, _ arguments: any Argument...) -> Int {
    withWords(arguments) { attack_call(Int(number), $0[0], $0[1], $0[2], $0[3], $0[4], $0[5]) }
}

// MARK: - Files

/// A relative path starts at the working directory.
let here: Int32 = -100

func openFile(_ path: String, _ flags: Int32 = O_RDONLY, in directory: Int32 = here) -> Int {
    call(__NR_openat, directory, path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
}

func closeFile(_ descriptor: Int) { _ = call(__NR_close, descriptor) }

/// The beginning of a file, or why it could not be read.
func contents(of path: String, in directory: Int32 = here, room: Int = 65_536) -> Result<String, Errno> {
    let file = openFile(path, in: directory)
    guard file >= 0 else { return .failure(Errno(file)) }
    defer { closeFile(file) }
    return contents(of: file, room: room)
}

func contents(of descriptor: Int, room: Int = 65_536) -> Result<String, Errno> {
    let buffer = Buffer(room)
    let count = call(__NR_pread64, descriptor, buffer, room, 0)
    return count < 0 ? .failure(Errno(count)) : .success(buffer.text(count))
}

func names(in directory: String) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
        var bytes = unsafe entry.pointee.d_name
        let name = unsafe withUnsafeBytes(of: &bytes) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != "." && name != ".." { names.append(name) }
    }
    return names
}

func target(of link: String) -> String? {
    let buffer = Buffer(4096)
    let count = call(__NR_readlinkat, here, link, buffer, buffer.count)
    return count < 0 ? nil : buffer.text(count)
}

/// Removed at the end if it is empty, and only then: by a mistake it might have something of the host's mounted on it.
let scratchPath = "/tmp/attack-\(getpid())"

/// Makes a directory to play in; fails only where nothing can be written at all.
func scratchDirectory() throws -> String {
    let path = scratchPath
    let made = call(__NR_mkdir, path, 0o700)
    guard made == 0 || made == -Int(EEXIST) else { throw Broken("mkdir \(path): \(Errno(made))") }
    return path
}

// MARK: - Children

enum Ending: Equatable {
    case exited(Int32)
    case signalled(Int32)
}

/// Runs `body` in a child, whose exit status is what it returns, and tells how the child ended.
func child(_ body: () -> Int32) throws -> Ending {
    let pid = attack_fork()
    if pid == 0 { _exit(body()) }
    guard pid > 0 else { throw Broken("fork: \(Errno(pid))") }
    var status: Int32 = 0
    guard unsafe attack_wait(Int32(pid), 0, &status) == pid else { throw Broken("lost a child") }
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
}

/// Makes a call in a child, which keeps nothing of what it may have gained; the result is 0 or a negative errno.
func callInChild(_ body: () -> Int) throws -> Int {
    switch try child({ Int32(min(255, -min(0, body()))) }) {
    case .exited(let code): -Int(code)
    case .signalled(let number): throw Broken("the child was ended by signal \(number)")
    }
}

/// Replaces the program by `path`; comes back only when that fails.
func execute(_ path: String, _ arguments: [String]) -> Int {
    var pointers = unsafe ([path] + arguments).map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    unsafe execv(path, pointers)
    return -Int(errno)
}
