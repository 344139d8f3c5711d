// Descriptors and files, as far as subjects need them. Nothing is closed by itself: what is open is the state.

internal import CZoo
import Glibc
internal import SubjectCalls

struct Descriptor: Argument, Sendable, Equatable {
    let number: Int

    init(_ number: Int) { self.number = number }

    /// The result of a call that makes one.
    init(_ what: String, _ result: Int) throws { number = try must(what, result) }

    init(opening path: String, _ flags: Int32 = O_RDONLY, mode: Int = 0o600) throws {
        try self.init("opening \(path)", call(__NR_openat, -100, path, flags | O_CLOEXEC, mode))
    }

    func withWord(_ body: (Int) -> Int) -> Int { body(number) }

    /// Up to so many bytes.
    func read(_ count: Int = 4096) throws -> [UInt8] {
        let buffer = Buffer(count)
        return buffer.bytes(try must("read", call(__NR_read, self, buffer, count)))
    }

    func text(_ count: Int = 4096) throws -> String { String(decoding: try read(count), as: UTF8.self) }

    func read(_ count: Int, at offset: Int) throws -> [UInt8] {
        let buffer = Buffer(count)
        return buffer.bytes(try must("pread", call(__NR_pread64, self, buffer, count, offset)))
    }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try must("write", call(__NR_write, self, Buffer(Array(rest)), rest.count)))
        }
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(word: UInt64) throws { try must("write", call(__NR_write, self, Buffer(words: [word]), 8)) }

    func word() throws -> UInt64 {
        let buffer = Buffer(8)
        try expect("bytes read", try must("read", call(__NR_read, self, buffer, 8)), is: 8)
        return buffer[0]
    }

    func close() { _ = call(__NR_close, self) }

    var offset: Int { get throws { try must("lseek", call(__NR_lseek, self, 0, SEEK_CUR)) } }
    var flags: Int { get throws { try must("F_GETFL", call(__NR_fcntl, self, F_GETFL)) } }
    var descriptorFlags: Int { get throws { try must("F_GETFD", call(__NR_fcntl, self, F_GETFD)) } }
    var link: String? { target(of: "/proc/self/fd/\(number)") }

    /// What poll says of it, within this time.
    func poll(_ events: UInt64 = 1, milliseconds: Int = 0) throws -> UInt64 {
        let entry = Buffer(words: [UInt64(number) | events << 32])
        try must("poll", call(__NR_poll, entry, 1, milliseconds))
        return entry[0] >> 48
    }
}

struct Pipe: Sendable {
    let output: Descriptor
    let input: Descriptor

    init(_ flags: Int32 = 0) throws { (output, input) = try pair { call(__NR_pipe2, $0, flags | O_CLOEXEC) } }
}

/// Two descriptors that one call makes.
func pair(_ make: (Buffer) -> Int) throws -> (Descriptor, Descriptor) {
    let numbers = Buffer(8)
    try must("making a pair", make(numbers))
    return (Descriptor(Int(numbers.half(0))), Descriptor(Int(numbers.half(4))))
}

// MARK: - Files

func target(of link: String) -> String? {
    let buffer = Buffer(4096)
    let count = call(__NR_readlinkat, -100, link, buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer.bytes(count), as: UTF8.self)
}

func contents(of path: String) throws -> [UInt8] {
    let file = try Descriptor(opening: path)
    defer { file.close() }
    var all: [UInt8] = []
    while case let part = try file.read(65_536), !part.isEmpty { all += part }
    return all
}

func text(of path: String) throws -> String { String(decoding: try contents(of: path), as: UTF8.self) }

func makeFile(_ path: String, _ bytes: [UInt8], mode: Int = 0o600) throws {
    let file = try Descriptor(opening: path, O_CREAT | O_TRUNC | O_WRONLY, mode: mode)
    defer { file.close() }
    try file.write(bytes)
}

func makeDirectory(_ path: String, mode: Int = 0o700) throws { try must("mkdir", call(__NR_mkdir, path, mode)) }

func remove(_ path: String) throws { try must("unlink", call(__NR_unlink, path)) }

func names(in path: String) throws -> Set<String> {
    let directory = try Descriptor(opening: path, O_DIRECTORY)
    defer { directory.close() }
    var names: Set<String> = []
    while case let some = try directory.names(room: 32_768), !some.isEmpty { names.formUnion(some) }
    return names.subtracting([".", ".."])
}

extension Descriptor {
    /// The next names in a directory, as many as one call gives.
    func names(room: Int) throws -> [String] {
        let buffer = Buffer(room)
        let count = try must("getdents", call(__NR_getdents64, self, buffer, room))
        let bytes = buffer.bytes(count)
        var names: [String] = []
        var at = 0
        while at < count {
            names.append(String(decoding: bytes[(at + 19)...].prefix { $0 != 0 }, as: UTF8.self))
            at += Int(bytes[at + 16]) | Int(bytes[at + 17]) << 8
        }
        return names
    }
}

/// What stat says of a file.
struct Status: Equatable {
    let device, inode, links: UInt64
    let mode, user: UInt32
    let size, blocks: UInt64
    /// When it was modified.
    let time: Int

    init(_ path: String) throws {
        let buffer = Buffer(144)
        try must("stat \(path)", call(__NR_newfstatat, -100, path, buffer, 0x100))
        self.init(buffer)
    }

    init(of descriptor: Descriptor) throws {
        let buffer = Buffer(144)
        try must("fstat", call(__NR_fstat, descriptor, buffer))
        self.init(buffer)
    }

    private init(_ buffer: Buffer) {
        (device, inode, links) = (buffer[0], buffer[1], buffer[2])
        (mode, user) = (buffer.half(24), buffer.half(28))
        (size, blocks) = (buffer[6], buffer[8])
        time = Int(buffer[11]) * second + Int(buffer[12])
    }
}

/// The value of a line `NAME: VALUE` of a file of /proc's.
func field(_ name: String, of path: String = "/proc/self/status") throws -> String {
    let line = try text(of: path).split(separator: "\n").first { $0.hasPrefix("\(name):") }
    guard let line else { throw Lost("\(path) has no \(name)") }
    return line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).joined(separator: " ")
}

/// 127.0.0.1 with a port, as a `struct sockaddr_in`.
func loopback(_ port: UInt16) -> [UInt8] {
    [2, 0, UInt8(port >> 8), UInt8(port & 0xff), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
}
