// Descriptors of files, directories, pipes and devices: what they are open on, where they stand, and their flags.

internal import CZoo
import Glibc

extension Subject {
    /// The program itself: read-only, larger than a few pages, and the same in every clone.
    static let program = "/proc/self/exe"

    static let descriptors: [Subject] = [
        Subject("file-at-offset", "a file of the function's code, half read") {
            let file = try Descriptor(opening: program)
            _ = try file.read(1000)
            return { _ in
                let next = try expectOffset(file, 1000).read(500)
                try expect(next == file.read(500, at: 1000), "other bytes than stand there")
                try must("lseek", call(__NR_lseek, file, 1000, SEEK_SET))
            }
        },
        Subject("file-written", "a file in /tmp, open to read and write, in its middle") {
            let file = try Descriptor(opening: "/tmp/file", O_RDWR | O_CREAT)
            try file.write("0123456789")
            try must("lseek", call(__NR_lseek, file, 4, SEEK_SET))
            return { _ in
                try expect("offset", try file.offset, is: 4)
                try expect("the rest", try file.text(), is: "456789")
                try must("pwrite", call(__NR_pwrite64, file, "X", 1, 4))
                try expect("the file by its name", try text(of: "/tmp/file"), is: "0123X56789")
                try must("pwrite", call(__NR_pwrite64, file, "4", 1, 4))
                try must("lseek", call(__NR_lseek, file, 4, SEEK_SET))
            }
        },
        Subject("file-appended", "a file in /tmp that is only appended to") {
            let file = try Descriptor(opening: "/tmp/log", O_WRONLY | O_CREAT | O_APPEND)
            try file.write("line\n")
            let lines = Counter(1)
            return { _ in
                try expect("O_APPEND and O_WRONLY", try file.flags & 0o2003, is: 0o2001)
                try must("lseek", call(__NR_lseek, file, 0, SEEK_SET))
                try file.write("line\n")
                try expect("the file", try contents(of: "/tmp/log").count, is: 5 * lines.add(1))
            }
        },
        Subject("file-deleted", "a file in /tmp that has lost its name, with contents") {
            let file = try Descriptor(opening: "/tmp/lost", O_RDWR | O_CREAT)
            try file.write([UInt8](repeating: 9, count: 70_000))
            try must("lseek", call(__NR_lseek, file, 69_990, SEEK_SET))
            try remove("/tmp/lost")
            return { _ in
                let status = try Status(of: file)
                try expect("size and names", [status.size, status.links], is: [70_000, 0])
                try expect("the rest", try file.read(), is: [UInt8](repeating: 9, count: 10))
                try expect(!names(in: "/tmp").contains("lost"), "it has a name again")
                try must("lseek", call(__NR_lseek, file, 69_990, SEEK_SET))
            }
        },
        Subject("file-without-name", "a file made with O_TMPFILE, which never had a name") {
            let file = try Descriptor("open", call(__NR_openat, -100, "/tmp", O_RDWR | 0o20200000, 0o600))
            try file.write("nameless")
            return { _ in
                try expect("contents", try file.read(100, at: 0), is: Array("nameless".utf8))
                try expect("offset and names", [try file.offset, Int(try Status(of: file).links)], is: [8, 0])
                try expect("names in /tmp", try names(in: "/tmp"), is: [])
            }
        },
        Subject("file-replaced", "a file whose name has since been given to another") {
            let file = try Descriptor(opening: "/tmp/name", O_RDWR | O_CREAT)
            try file.write("old")
            try makeFile("/tmp/new", Array("new".utf8))
            try must("rename", call(__NR_rename, "/tmp/new", "/tmp/name"))
            return { _ in
                try expect("by its descriptor", try file.read(10, at: 0), is: Array("old".utf8))
                try expect("by its name", try text(of: "/tmp/name"), is: "new")
            }
        },
        Subject("directory-half-read", "a directory of the root, half read") {
            let directory = try Descriptor(opening: "/etc", O_DIRECTORY)
            let before = try directory.names(room: 200)
            let all = try names(in: "/etc")
            return { _ in try expectRest(of: directory, before: before, all: all) }
        },
        Subject("directory-in-tmp-half-read", "a directory of /tmp, half read", refused: "half read") {
            try makeDirectory("/tmp/many")
            for number in 0..<100 { try makeFile("/tmp/many/\(number)", []) }
            let directory = try Descriptor(opening: "/tmp/many", O_DIRECTORY)
            let before = try directory.names(room: 1024)
            let all = try names(in: "/tmp/many")
            return { _ in try expectRest(of: directory, before: before, all: all) }
        },
        Subject("duplicates", "descriptors that share one offset, beside one that does not") {
            let one = try Descriptor(opening: program)
            let same = try Descriptor("dup", call(__NR_dup, one))
            let moved = try Descriptor("F_DUPFD", call(__NR_fcntl, one, F_DUPFD, 60))
            let other = try Descriptor(opening: program)
            return { _ in
                try must("lseek", call(__NR_lseek, one, 123, SEEK_SET))
                for copy in [same, moved] { try expectOffset(copy, 123) }
                try expectOffset(other, 0)
                try must("lseek", call(__NR_lseek, moved, 77, SEEK_SET))
                try expectOffset(one, 77)
            }
        },
        Subject("close-on-exec", "descriptors with and without FD_CLOEXEC") {
            let file = try Descriptor(opening: program)
            let copies = try (0..<6).map { number in
                try Descriptor("F_DUPFD", call(__NR_fcntl, file, number % 2 == 0 ? F_DUPFD : 1030, 10))
            }
            return { _ in
                for (number, copy) in copies.enumerated() {
                    try expect("flags of \(copy.number)", try copy.descriptorFlags, is: number % 2)
                }
            }
        },
        Subject("same-descriptors", "exactly these are open, each on what it was") {
            _ = try Descriptor("dup", call(__NR_dup3, Descriptor(opening: program), 100, 0))
            _ = try (Pipe(), Descriptor("eventfd", call(__NR_eventfd2, 0, 0)))
            try Runtime.connect()
            let before = try open()
            return { _ in
                let wrong = try open().symmetricDifference(before)
                try expect(wrong.isEmpty, "open then or now: \(wrong.sorted())")
            }
        },
        Subject("descriptor-900", "a descriptor with a high number") {
            let file = try Descriptor("dup", call(__NR_dup3, Descriptor(opening: program), 900, 0))
            return { _ in
                try expect("its contents", try file.read(4, at: 0), is: [0x7f, 0x45, 0x4c, 0x46])
                try expect(call(__NR_fcntl, 899, F_GETFD) == -Int(EBADF), "899 is open")
            }
        },
        Subject("standard-descriptors-closed", "descriptors 0 to 2 are closed") {
            // Otherwise the connection takes one of their numbers.
            try Runtime.connect()
            for number in 0..<3 { Descriptor(number).close() }
            return { _ in
                for number in 0..<3 { try mustFail("descriptor \(number)", EBADF, call(__NR_fcntl, number, F_GETFD)) }
            }
        },
        Subject("path-descriptor", "O_PATH: a name of a file, nothing more") {
            try makeFile("/tmp/path", [1, 2, 3])
            let file = try Descriptor(opening: "/tmp/path", 0o10000000)
            return { _ in
                try expect("its size", try Status(of: file).size, is: 3)
                try mustFail("reading it", EBADF, call(__NR_read, file, Buffer(8), 1))
                try expect("by it", try contents(of: "/proc/self/fd/\(file.number)"), is: [1, 2, 3])
            }
        },
        Subject("directory-descriptor", "a directory of /tmp, by which files are opened") {
            try makeDirectory("/tmp/place")
            let directory = try Descriptor(opening: "/tmp/place", O_DIRECTORY)
            return { _ in
                let file = try Descriptor("openat", call(__NR_openat, directory, "inside", O_CREAT | O_WRONLY, 0o600))
                file.close()
                try expect("its names", try names(in: "/tmp/place"), is: ["inside"])
                try must("unlinkat", call(__NR_unlinkat, directory, "inside", 0))
            }
        },
        Subject("proc-descriptors", "files of /proc about the process itself") {
            let stat = try Descriptor(opening: "/proc/self/stat")
            let status = try Descriptor(opening: "/proc/self/status")
            return { _ in
                let pid = call(__NR_getpid)
                try expect("stat", try stat.text().hasPrefix("\(pid) ("), is: true)
                try expect("status", try status.text().contains("\nPid:\t\(pid)\n"), is: true)
                for file in [stat, status] { try must("lseek", call(__NR_lseek, file, 0, SEEK_SET)) }
            }
        },
        Subject("memory-descriptor", "its own memory, opened as a file of /proc", refused: "/mem") {
            let memory = try Descriptor(opening: "/proc/self/mem")
            let word = Buffer(words: [4321])
            return { _ in
                try expect("a word of it", Buffer(try memory.read(8, at: Int(word.location)))[0], is: 4321)
            }
        },
        Subject("namespace-descriptor", "its network namespace, opened as a file of /proc", refused: "namespace") {
            let namespace = try Descriptor(opening: "/proc/self/ns/net")
            return { _ in try expect("its link", namespace.link, is: target(of: "/proc/self/ns/net")) }
        },
        Subject("devices", "/dev/null, zero, full and urandom") {
            let files = try ["null", "zero", "full", "urandom"].map { try Descriptor(opening: "/dev/\($0)", O_RDWR) }
            return { _ in
                try files[0].write("away")
                try expect("null", try files[0].read(), is: [])
                try expect("zero", try files[1].read(100), is: [UInt8](repeating: 0, count: 100))
                try mustFail("full", ENOSPC, call(__NR_write, files[2], "x", 1))
                try expect(files[3].read(32) != files[3].read(32), "urandom repeats itself")
            }
        },
        Subject("memfd-sealed", "a memfd with contents, an offset and seals") {
            let file = try Descriptor("memfd_create", call(__NR_memfd_create, "zoo-sealed", 2))
            try file.write("sealed contents")
            try must("lseek", call(__NR_lseek, file, 7, SEEK_SET))
            try must("F_ADD_SEALS", call(__NR_fcntl, file, 1033, 2 | 4 | 8))
            return { _ in
                try expect("seals", try must("F_GET_SEALS", call(__NR_fcntl, file, 1034)), is: 14)
                try expect("its name", file.link, is: "/memfd:zoo-sealed (deleted)")
                try expect("the rest", try file.text(), is: "contents")
                try mustFail("writing it", EPERM, call(__NR_pwrite64, file, "x", 1, 0))
                try must("lseek", call(__NR_lseek, file, 7, SEEK_SET))
            }
        },
        Subject("pipe-with-data", "a pipe of 256 KB with 70,000 bytes in it") {
            let pipe = try Pipe()
            let data = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try must("F_SETPIPE_SZ", call(__NR_fcntl, pipe.input, 1031, 262_144))
            try pipe.input.write(data)
            return { _ in
                try expect("its size", try must("F_GETPIPE_SZ", call(__NR_fcntl, pipe.output, 1032)), is: 262_144)
                var found: [UInt8] = []
                while found.count < data.count, try pipe.output.poll() & 1 == 1 {
                    found += try pipe.output.read(65_536)
                }
                try expect(found == data, "\(found.count) bytes, not the ones that were written")
                try expect("poll", try pipe.output.poll(), is: 0)
                try pipe.input.write(data)
            }
        },
        Subject("pipe-of-packets", "a pipe in packet mode, with three packets in it", refused: "packets") {
            let pipe = try Pipe(0o40000)
            let packets = ["one", "two more", "3"]
            for packet in packets { try pipe.input.write(packet) }
            return { _ in
                for packet in packets {
                    try expect("poll", try pipe.output.poll(), is: 1)
                    try expect("a packet", try pipe.output.text(), is: packet)
                }
                for packet in packets { try pipe.input.write(packet) }
            }
        },
        Subject("pipe-nonblocking", "a pipe one end of which does not block") {
            let pipe = try Pipe()
            try must("F_SETFL", call(__NR_fcntl, pipe.output, F_SETFL, O_NONBLOCK))
            return { _ in
                try mustFail("reading", EAGAIN, call(__NR_read, pipe.output, Buffer(8), 1))
                try expect("O_NONBLOCK of the other end", try pipe.input.flags & Int(O_NONBLOCK), is: 0)
            }
        },
        Subject("pipe-broken", "pipes with one end closed, one of them with data in it") {
            try must("sigaction", call(__NR_rt_sigaction, SIGPIPE, Buffer(words: [1, 0, 0, 0]), 0, 8))
            let (written, unread) = (try Pipe(), try Pipe())
            try written.input.write("last words")
            written.input.close()
            unread.output.close()
            let isRead = Counter()
            return { _ in
                if isRead.add(1) == 1 { try expect("its data", try written.output.text(), is: "last words") }
                try expect("its end", try written.output.read(), is: [])
                try mustFail("writing", EPIPE, call(__NR_write, unread.input, "x", 1))
            }
        },
        Subject("named-pipe", "a named pipe in /tmp with data in it") {
            try must("mknod", call(__NR_mknod, "/tmp/fifo", 0o010600, 0))
            let fifo = try Descriptor(opening: "/tmp/fifo", O_RDWR)
            try fifo.write("in the pipe")
            return { _ in
                let other = try Descriptor(opening: "/tmp/fifo", O_RDONLY | O_NONBLOCK)
                try expect("its data", try other.text(), is: "in the pipe")
                other.close()
                try fifo.write("in the pipe")
            }
        },
    ]

    private static func open() throws -> Set<String> {
        let all = try names(in: "/proc/self/fd").compactMap { name in
            // Numbers of pipes and sockets are the kernel's, and may be others.
            target(of: "/proc/self/fd/\(name)").map { link in "\(name) \(link.prefix { $0 != "[" })" }
        }
        return Set(all)
    }

    @discardableResult
    private static func expectOffset(_ file: Descriptor, _ offset: Int) throws -> Descriptor {
        try expect("offset of \(file.number)", try file.offset, is: offset)
        return file
    }

    /// Reads the rest, and then all of it up to where it was before.
    private static func expectRest(of directory: Descriptor, before: [String], all: Set<String>) throws {
        let offset = try directory.offset
        var rest: [String] = []
        while case let some = try directory.names(room: 1024), !some.isEmpty { rest += some }
        let read = (before + rest).filter { $0 != "." && $0 != ".." }
        try expect("names", read.sorted(), is: all.sorted())
        try must("lseek", call(__NR_lseek, directory, offset, SEEK_SET))
    }
}
