// What stands in /tmp and /dev/shm, and where the program is in the tree.

internal import CZoo
import Glibc

extension Subject {
    static let files: [Subject] = [
        Subject("tmp-modes", "files and directories of /tmp with all kinds of modes") {
            let modes: [UInt32] = [0o600, 0o755, 0o444, 0o4711, 0o2750, 0o1777, 0o000]
            _ = call(__NR_umask, 0)
            for mode in modes {
                try makeFile("/tmp/file-\(mode)", Array("\(mode)".utf8), mode: 0o600)
                try must("chmod", call(__NR_chmod, "/tmp/file-\(mode)", Int(mode)))
                try makeDirectory("/tmp/directory-\(mode)")
                try must("chmod", call(__NR_chmod, "/tmp/directory-\(mode)", Int(mode)))
            }
            return { _ in
                for mode in modes {
                    let file = try Status("/tmp/file-\(mode)")
                    try expect("mode of a file", file.mode, is: 0o100000 | mode)
                    try expect("its owner", file.user, is: UInt32(call(__NR_getuid)))
                    try expect("mode of a directory", try Status("/tmp/directory-\(mode)").mode, is: 0o040000 | mode)
                    if mode & 0o400 != 0 { try expect("contents", try text(of: "/tmp/file-\(mode)"), is: "\(mode)") }
                }
            }
        },
        Subject("tmp-links", "symbolic links, dangling ones too, and files with several names") {
            try makeFile("/tmp/one", Array("linked".utf8))
            try makeDirectory("/tmp/below")
            try must("link", call(__NR_link, "/tmp/one", "/tmp/below/two"))
            try must("symlink", call(__NR_symlink, "below/two", "/tmp/relative"))
            try must("symlink", call(__NR_symlink, "/nowhere/at/all", "/tmp/dangling"))
            return { _ in
                let (one, two) = (try Status("/tmp/one"), try Status("/tmp/below/two"))
                try expect(one == two && one.links == 2, "the two names are of two files: \(one) \(two)")
                try expect("relative", target(of: "/tmp/relative"), is: "below/two")
                try expect("by it", try text(of: "/tmp/relative"), is: "linked")
                try expect("dangling", target(of: "/tmp/dangling"), is: "/nowhere/at/all")
            }
        },
        Subject("tmp-times", "files, directories and links with times of their own") {
            try makeFile("/tmp/dated", [])
            try makeDirectory("/tmp/dated-directory")
            try makeFile("/tmp/dated-directory/inside", [])
            try must("symlink", call(__NR_symlink, "dated", "/tmp/dated-link"))
            let time = 1_000_000_123 * second + 456_789_012
            let all = ["/tmp/dated", "/tmp/dated-directory", "/tmp/dated-link", "/tmp/dated-directory/inside"]
            for path in all { try must("utimensat", call(__NR_utimensat, -100, path, timespecs(time, time), 0x100)) }
            return { _ in for path in all { try expect("time of \(path)", try Status(path).time, is: time) } }
        },
        Subject("tmp-large", "a file of 5 MB") {
            let bytes = (0..<5 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try makeFile("/tmp/large", bytes)
            return { _ in try expect(contents(of: "/tmp/large") == bytes, "its contents are others") }
        },
        Subject("tmp-sparse", "a file of 1 GB with three pages in it; it does not grow") {
            let file = try Descriptor(opening: "/tmp/sparse", O_RDWR | O_CREAT)
            try must("ftruncate", call(__NR_ftruncate, file, 1 << 30))
            for offset in [0, 1 << 20, (1 << 30) - 8] {
                try must("pwrite", call(__NR_pwrite64, file, Buffer(words: [UInt64(offset + 5)]), 8, offset))
            }
            file.close()
            return { _ in
                let status = try Status("/tmp/sparse")
                try expect("its size", status.size, is: 1 << 30)
                try expect(status.blocks <= 24, "it takes \(status.blocks) blocks")
                let file = try Descriptor(opening: "/tmp/sparse")
                for offset in [0, 1 << 20, (1 << 30) - 8] {
                    try expect("a word", Buffer(try file.read(8, at: offset))[0], is: UInt64(offset + 5))
                }
                try expect("a hole", try file.read(8, at: 5 << 20), is: [UInt8](repeating: 0, count: 8))
                file.close()
            }
        },
        Subject("tmp-many", "2,000 files in 20 directories") {
            for number in 0..<2000 {
                if number % 100 == 0 { try makeDirectory("/tmp/\(number / 100)") }
                try makeFile("/tmp/\(number / 100)/\(number)", Array("\(number)".utf8))
            }
            return { _ in
                try expect("directories", try names(in: "/tmp").count, is: 20)
                for number in 0..<2000 {
                    try expect("a file", try text(of: "/tmp/\(number / 100)/\(number)"), is: "\(number)")
                }
            }
        },
        Subject("tmp-names", "names with spaces, line ends, quotes and no letters at all", refused: "UTF-8") {
            let odd = [
                "a b", "line\nend", "quote\"'", "\u{1}", " ", "-rf", String(repeating: "n", count: 255), "%s", "\\",
            ]
            for name in odd { try makeFile("/tmp/\(name)", Array(name.utf8)) }
            // Bytes that are no text.
            try must("mknod", call(__NR_mknod, Buffer(Array("/tmp/".utf8) + [0xff, 0xfe, 0]), 0o100600, 0))
            return { _ in
                try expect("how many", try names(in: "/tmp").count, is: odd.count + 1)
                for name in odd { try expect("a file", try text(of: "/tmp/\(name)"), is: name) }
                let nameless = Buffer(Array("/tmp/".utf8) + [0xff, 0xfe, 0])
                try must("what has no text for a name", call(__NR_faccessat, -100, nameless, 0))
            }
        },
        Subject("tmp-special", "a named pipe, the file of a socket, an empty directory and an empty file") {
            try must("mknod", call(__NR_mknod, "/tmp/fifo", 0o010640, 0))
            let socket = try Descriptor("socket", call(__NR_socket, AF_UNIX, 1, 0))
            let address = unixAddress("/tmp/socket")
            try must("bind", call(__NR_bind, socket, Buffer(address), address.count))
            socket.close()
            try makeDirectory("/tmp/empty")
            try makeFile("/tmp/nothing", [])
            return { _ in
                try expect("the pipe", try Status("/tmp/fifo").mode & 0o170000, is: 0o010000)
                try expect("the socket", try Status("/tmp/socket").mode & 0o170000, is: 0o140000)
                try expect("the directory", try names(in: "/tmp/empty"), is: [])
                try expect("the file", try contents(of: "/tmp/nothing"), is: [])
            }
        },
        Subject(
            "tmp-attributes", "an extended attribute of a file, where the file system has them",
            refused: "extended attributes"
        ) {
            try makeFile("/tmp/attributed", [])
            let made = call(__NR_setxattr, "/tmp/attributed", "user.zoo", "value", 5, 0)
            return { _ in
                if made == -Int(EOPNOTSUPP) { return }
                try must("setxattr", made)
                let value = Buffer(16)
                let count = call(__NR_getxattr, "/tmp/attributed", "user.zoo", value, 16)
                try expect("its length", try must("getxattr", count), is: 5)
                try expect("its value", value.bytes(5), is: Array("value".utf8))
            }
        },
        Subject("tmp-own", "what a clone writes to /tmp is seen by itself alone") {
            return { event in
                let isThere = try names(in: "/tmp").contains("written")
                try expect(!(event.isFirstOfClone && isThere), "another clone's file is there")
                try makeFile("/tmp/written", [1])
            }
        },
        Subject("shared-memory-file", "a file of /dev/shm, and one that is mapped") {
            try makeFile("/dev/shm/plain", Array("shared".utf8))
            let file = try Descriptor(opening: "/dev/shm/mapped", O_RDWR | O_CREAT)
            try must("ftruncate", call(__NR_ftruncate, file, 4 * page))
            let region = try Region(pages: 4, flags: MAP_SHARED, file: file)
            file.close()
            region.fill()
            return { _ in
                try expect("the plain one", try text(of: "/dev/shm/plain"), is: "shared")
                try region.check()
                try expect(contents(of: "/dev/shm/mapped") == region.bytes(0..<4 * page), "file and mapping differ")
            }
        },
        Subject("working-directory", "a directory of /tmp as working directory") {
            try makeDirectory("/tmp/place")
            try must("chdir", call(__NR_chdir, "/tmp/place"))
            return { _ in
                try expect("cwd", target(of: "/proc/self/cwd"), is: "/tmp/place")
                try makeFile("relative", [1])
                try expect("a relative path", try contents(of: "/tmp/place/relative"), is: [1])
                try remove("/tmp/place/relative")
            }
        },
        Subject("working-directory-deleted", "the working directory was deleted", refused: "was deleted") {
            try makeDirectory("/tmp/place")
            try must("chdir", call(__NR_chdir, "/tmp/place"))
            try must("rmdir", call(__NR_rmdir, "/tmp/place"))
            return { _ in
                try mustFail("getcwd", ENOENT, call(__NR_getcwd, Buffer(4096), 4096))
                try expect("cwd", target(of: "/proc/self/cwd"), is: "/tmp/place (deleted)")
            }
        },
        Subject("umask", "the mask of modes of new files") {
            _ = call(__NR_umask, 0o137)
            return { _ in
                try makeFile("/tmp/masked", [], mode: 0o777)
                try expect("mode of a new file", try Status("/tmp/masked").mode & 0o777, is: 0o640)
                try remove("/tmp/masked")
            }
        },
    ]
}
