// Anonymous memory: that it holds what it held, that what was never touched is zero, and that what is done to it later
// has the effect it would have had.

internal import CZoo
import Glibc

extension Subject {
    static let memory: [Subject] = [
        Subject("memory-private", "4 MB of anonymous memory, every word another; writes stay") {
            let region = try Region(pages: 1024)
            let seed = Counter(1)
            region.fill(seed: 1)
            return { _ in
                try region.check(seed: seed.value)
                region.fill(seed: seed.add(1))
            }
        },
        Subject("memory-untouched", "pages that were never touched, between some that were") {
            let region = try Region(pages: 256)
            for number in stride(from: 0, to: 256, by: 4) { region.fill(number..<number + 1) }
            return { _ in
                for number in stride(from: 0, to: 256, by: 4) {
                    try region.check(number..<number + 1)
                    try region.checkZero(number + 1..<number + 4)
                }
                region.fill(2..<3)
                try region.advise(MADV_DONTNEED, 2..<3)
            }
        },
        Subject("memory-equal-pages", "256 pages with the same contents, each its own") {
            let region = try Region(pages: 256)
            let same: UInt64 = 0x5a5a_1234_5a5a_1234
            for offset in stride(from: 0, to: region.size, by: 8) { region[offset] = same }
            return { _ in
                for number in 0..<256 {
                    region[number * page] = UInt64(number)
                    try expect("its neighbour", region[(number + 1) % 256 * page + 8], is: same)
                }
                for number in 0..<256 {
                    try expect("page \(number)", region[number * page], is: UInt64(number))
                    region[number * page] = same
                }
            }
        },
        Subject("memory-large", "40 MB, every page another") {
            let region = try Region(pages: 10_240)
            region.fill(seed: 7)
            return { _ in try region.check(seed: 7) }
        },
        Subject("memory-dropped-later", "MADV_DONTNEED gives zeros, of memory that had data at the capture") {
            let region = try Region(pages: 64)
            region.fill()
            return { _ in
                try region.check()
                try region.advise(MADV_DONTNEED, 16..<48)
                try region.checkZero(16..<48, "dropped memory")
                try region.check(0..<16)
                try region.check(48..<64)
                region.fill()
            }
        },
        Subject("memory-grown-later", "mremap makes a mapping larger by pages of zeros") {
            let region = try Region(pages: 16)
            // What is mapped next must not come into view.
            let next = try Region(pages: 64)
            region.fill()
            next.fill(seed: 9)
            return { _ in
                try region.check()
                try region.resize(pages: 64)
                try region.check(0..<16)
                try region.checkZero(16..<64, "new memory")
                try region.resize(pages: 16)
                try next.check(seed: 9)
            }
        },
        Subject("memory-moved-later", "mremap moves a mapping with its contents") {
            let region = try Region(pages: 32)
            region.fill()
            return { _ in
                try region.move()
                try region.check()
            }
        },
        Subject("memory-read-only", "memory that mprotect has made read-only") {
            let region = try Region(pages: 4)
            region.fill()
            try region.protect(PROT_READ)
            return { _ in
                try region.check()
                try expect(region.faults(writing: true), "it can be written")
            }
        },
        Subject("memory-guard", "PROT_NONE, over data and over nothing") {
            let region = try Region(pages: 4)
            region.fill(0..<2)
            try region.protect(PROT_NONE)
            return { _ in
                for number in 0..<4 {
                    try expect(region.faults(page: number, writing: false), "page \(number) can be read")
                }
                try region.protect(PROT_READ)
                try region.check(0..<2)
                try region.checkZero(2..<4)
                try region.protect(PROT_NONE)
            }
        },
        Subject("memory-executable", "a function in anonymous memory, as a compiler makes at run time") {
            let region = try Region(pages: 1)
            // mov eax, 0x2a5e; ret
            region.put([0xb8, 0x5e, 0x2a, 0, 0, 0xc3])
            try region.protect(PROT_READ | PROT_EXEC)
            return { _ in
                try expect("the function", zoo_run(UInt64(region.address)), is: 0x2a5e)
                try expect(region.faults(writing: true), "it can be written")
                try region.protect(PROT_READ | PROT_WRITE | PROT_EXEC)
                let number = UInt8(truncatingIfNeeded: zoo_run(UInt64(region.address)) + 1)
                region.put([number], at: 1)
                try expect("the changed function", zoo_run(UInt64(region.address)), is: 0x2a5f)
                region.put([number - 1], at: 1)
                try region.protect(PROT_READ | PROT_EXEC)
            }
        },
        Subject("memory-split", "one mapping whose 96 pages may be used in three ways") {
            let region = try Region(pages: 96)
            region.fill()
            for number in stride(from: 0, to: 96, by: 3) {
                try region.protect(PROT_READ, number..<number + 1)
                try region.protect(PROT_NONE, number + 1..<number + 2)
            }
            return { _ in
                for number in stride(from: 0, to: 96, by: 3) {
                    try region.check(number..<number + 1)
                    try region.check(number + 2..<number + 3)
                    try expect(region.faults(page: number, writing: true), "page \(number) can be written")
                    try expect(region.faults(page: number + 1, writing: false), "page \(number + 1) can be read")
                    try expect(!region.faults(page: number + 2, writing: true), "page \(number + 2) is not writable")
                }
            }
        },
        Subject("memory-many-mappings", "2,000 mappings, none of which can be joined to the next") {
            let region = try Region(pages: 4000)
            for number in stride(from: 0, to: 4000, by: 2) {
                region[number * page] = UInt64(number + 1)
                try region.protect(PROT_READ, number..<number + 1)
            }
            return { _ in
                for number in stride(from: 0, to: 4000, by: 2) {
                    try expect("page \(number)", region[number * page], is: UInt64(number + 1))
                }
                for number in [0, 1998, 3998] {
                    try expect(region.faults(page: number, writing: true), "page \(number) can be written")
                    try expect(!region.faults(page: number + 1, writing: true), "page \(number + 1) is not writable")
                }
            }
        },
        Subject("memory-sparse", "1 GB of address space with five pages in it") {
            let region = try Region(pages: 1 << 18, flags: MAP_PRIVATE | 0x20 | 0x4000)
            let used = [0, 511, 512, 100_000, 262_143]
            for number in used { region.fill(number..<number + 1) }
            return { _ in
                for number in used { try region.check(number..<number + 1) }
                for number in [1, 510, 513, 99_999, 100_001, 262_142] { try region.checkZero(number..<number + 1) }
                try region.advise(MADV_DONTNEED)
                for number in used {
                    try region.checkZero(number..<number + 1, "dropped memory")
                    region.fill(number..<number + 1)
                }
            }
        },
    ]
}
