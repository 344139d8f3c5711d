// Mappings of files and of memory that is shared: what is changed is seen by whoever else has it.

internal import CZoo
import Glibc

extension Subject {
    static let mappings: [Subject] = [
        Subject("mapping-of-file", "a private mapping of a file, unmodified") {
            let file = try Descriptor(opening: program)
            let region = try Region(pages: 32, PROT_READ, flags: MAP_PRIVATE, file: file, offset: 16 * page)
            return { _ in
                try expect(region.bytes(0..<32 * page) == file.read(32 * page, at: 16 * page), "not the file's")
            }
        },
        Subject("mapping-of-file-modified", "a private mapping of a file, some pages modified") {
            let file = try Descriptor(opening: program)
            let region = try Region(pages: 32, flags: MAP_PRIVATE, file: file, offset: 16 * page)
            region.fill(3..<5)
            return { _ in
                try region.check(3..<5)
                for number in [0, 2, 5, 31] {
                    let there = region.bytes(number * page..<(number + 1) * page)
                    try expect(there == file.read(page, at: (16 + number) * page), "page \(number) is not the file's")
                }
                try region.advise(MADV_DONTNEED, 4..<5)
                let dropped = region.bytes(4 * page..<5 * page)
                try expect(dropped == file.read(page, at: 20 * page), "a page that was dropped is not the file's")
                region.fill(3..<5)
            }
        },
        Subject("mapping-of-file-shared", "a shared mapping of a file in /tmp") {
            let file = try Descriptor(opening: "/tmp/shared", O_RDWR | O_CREAT)
            try must("ftruncate", call(__NR_ftruncate, file, 8 * page))
            let region = try Region(pages: 8, flags: MAP_SHARED, file: file)
            let seed = Counter(1)
            region.fill(seed: 1)
            return { _ in
                try region.check(seed: seed.value)
                try expect(file.read(8 * page, at: 0) == region.bytes(0..<8 * page), "read() sees something else")
                region.fill(seed: seed.add(1))
                let fresh = try contents(of: "/tmp/shared")
                try expect(fresh == region.bytes(0..<8 * page), "what is written does not reach the file")
                try must("pwrite", call(__NR_pwrite64, file, Buffer(words: [1234]), 8, 5 * page))
                try expect("a write to the file, mapped", region[5 * page], is: 1234)
                region.fill(seed: seed.value)
            }
        },
        Subject("mapping-of-deleted-file", "a shared mapping of a file in /tmp that is deleted and closed") {
            let file = try Descriptor(opening: "/tmp/deleted", O_RDWR | O_CREAT)
            try must("ftruncate", call(__NR_ftruncate, file, 4 * page))
            let region = try Region(pages: 4, flags: MAP_SHARED, file: file)
            region.fill()
            file.close()
            try remove("/tmp/deleted")
            return { _ in
                try region.check()
                try expect(!names(in: "/tmp").contains("deleted"), "the file has a name again")
                try expectSharedWithChildren(region, pageNumber: 2)
            }
        },
        Subject("mapping-shared-anonymous", "shared anonymous memory; a child and its parent see each other's writes") {
            let region = try Region(pages: 16, flags: MAP_SHARED | 0x20)
            region.fill(0..<12)
            return { _ in
                try region.check(0..<12)
                try region.checkZero(12..<16)
                try expectSharedWithChildren(region, pageNumber: 3)
            }
        },
        Subject("mapping-of-memfd", "a memfd, mapped twice and written through its descriptor") {
            let file = try Descriptor("memfd_create", call(__NR_memfd_create, "zoo", 1))
            try must("ftruncate", call(__NR_ftruncate, file, 4 * page))
            let one = try Region(pages: 4, flags: MAP_SHARED, file: file)
            let other = try Region(pages: 4, PROT_READ, flags: MAP_SHARED, file: file)
            let number = Counter(1)
            one.fill()
            return { _ in
                try one.check()
                try other.check()
                let word = UInt64(number.add(1))
                one[8] = word
                try expect("the other mapping", other[8], is: word)
                try must("pwrite", call(__NR_pwrite64, file, Buffer(words: [word + 1]), 8, 16))
                try expect("a write by the descriptor", one[16], is: word + 1)
                one.fill()
                try expect(other.faults(writing: true), "the other can be written")
            }
        },
        Subject("mapping-private-of-tmp", "a private mapping of a file in /tmp, one page modified") {
            let file = try Descriptor(opening: "/tmp/private", O_RDWR | O_CREAT)
            try file.write([UInt8](repeating: 7, count: 4 * page))
            let region = try Region(pages: 4, flags: MAP_PRIVATE, file: file)
            region.fill(1..<2)
            return { _ in
                try region.check(1..<2)
                try expect("an unmodified page", region[2 * page], is: 0x0707_0707_0707_0707)
                try expect("the file", try file.read(1, at: page), is: [7])
                try must("pwrite", call(__NR_pwrite64, file, Buffer(words: [99]), 8, 3 * page))
                try expect("a write to the file, mapped", region[3 * page], is: 99)
                try must("pwrite", call(__NR_pwrite64, file, Buffer(words: [0x0707_0707_0707_0707]), 8, 3 * page))
            }
        },
        Subject("mapping-shared-read-only", "a shared mapping of a file in /tmp, opened to read") {
            try makeFile("/tmp/read", [UInt8](repeating: 3, count: page))
            let file = try Descriptor(opening: "/tmp/read")
            let region = try Region(pages: 1, PROT_READ, flags: MAP_SHARED, file: file)
            file.close()
            return { _ in
                try expect("its contents", region[0], is: 0x0303_0303_0303_0303)
                try mustFail("mprotect", EACCES, call(__NR_mprotect, region, page, PROT_READ | PROT_WRITE))
                try makeFile("/tmp/other", [1])
                let writer = try Descriptor(opening: "/tmp/read", O_RDWR)
                try writer.write([4])
                try expect("a write to the file, mapped", region[0], is: 0x0303_0303_0303_0304)
                try must("pwrite", call(__NR_pwrite64, writer, Buffer([3]), 1, 0))
                writer.close()
            }
        },
        Subject("mapping-of-zero-device", "a private mapping of /dev/zero") {
            let file = try Descriptor(opening: "/dev/zero", O_RDWR)
            let region = try Region(pages: 8, flags: MAP_PRIVATE, file: file)
            file.close()
            region.fill(2..<4)
            return { _ in
                try region.check(2..<4)
                try region.checkZero(4..<8)
            }
        },
    ]

    private static func expectSharedWithChildren(_ region: Region, pageNumber: Int) throws {
        let offset = pageNumber * page
        let kept = region[offset]
        let child = try fork {
            let seen = region[offset] == kept
            region[offset] = 4321
            return seen ? 0 : 1
        }
        try expect("a child sees it", try waitFor(child), is: 0)
        try expect("what a child wrote", region[offset], is: 4321)
        region[offset] = kept
    }
}
