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
        Subject("memory-wiped-on-fork", "MADV_WIPEONFORK: empty in a clone, as in a child; random state relies on it") {
            let region = try Region(pages: 4)
            try region.advise(18)
            region.fill()
            return { event in
                if event.isFirstOfClone { try region.checkZero(0..<4, "in a clone") } else { try region.check() }
                region.fill()
                let child = try fork { (try? region.checkZero()) == nil ? 1 : 0 }
                try expect("a child finds zeros", try waitFor(child), is: 0)
            }
        },
        Subject("memory-kept-from-children", "MADV_DONTFORK: a child does not have it") {
            let region = try Region(pages: 4)
            region.fill()
            try region.advise(MADV_DONTFORK)
            return { _ in
                try region.check()
                let child = try fork { region.faults(writing: false) ? 0 : 1 }
                try expect("a child faults", try waitFor(child), is: 0)
            }
        },
        Subject("memory-not-for-dumps", "MADV_DONTDUMP keeps memory out of core dumps, not out of snapshots") {
            let region = try Region(pages: 16)
            region.fill()
            try region.advise(MADV_DONTDUMP)
            return { _ in
                try region.check()
                try region.expectFlag("dd")
            }
        },
        Subject("memory-locked", "two pages locked into memory") {
            let region = try Region(pages: 2)
            region.fill()
            try must("mlock", call(__NR_mlock, region, region.size))
            return { _ in
                try region.check()
                try expect("VmLck", try field("VmLck"), is: "8 kB")
                try region.expectFlag("lo")
            }
        },
        Subject("memory-huge", "MADV_HUGEPAGE and MADV_NOHUGEPAGE, 4 MB each") {
            let (huge, small) = (try Region(pages: 1024), try Region(pages: 1024))
            try huge.advise(MADV_HUGEPAGE)
            try small.advise(MADV_NOHUGEPAGE)
            huge.fill(seed: 3)
            small.fill(seed: 4)
            return { _ in
                try huge.check(seed: 3)
                try small.check(seed: 4)
                try huge.expectFlag("hg")
                try small.expectFlag("nh")
            }
        },
        Subject("memory-free", "MADV_FREE: each page is as it was, or zero") {
            let region = try Region(pages: 64)
            region.fill()
            try region.advise(MADV_FREE)
            return { _ in
                for number in 0..<64 where region[number * page] != 0 { try region.check(number..<number + 1) }
                region.fill()
                try region.check()
                try region.advise(MADV_FREE)
            }
        },
        Subject("memory-mergeable", "MADV_MERGEABLE") {
            let region = try Region(pages: 16)
            region.fill()
            try region.advise(12)
            return { _ in
                try region.check()
                try region.expectFlag("mg")
            }
        },
        Subject("stack-grows-later", "the stack of the first thread, used 6 MB deep") {
            let sum = zoo_deep(64 << 10, 5)
            return { _ in
                try expect("its contents", zoo_deep(64 << 10, 5), is: sum)
                let deep: UInt64 = 6 << 20
                try expect("its contents below", zoo_deep(deep, 5), is: zoo_deep(deep, 5))
                let maps = try text(of: "/proc/self/maps").split(separator: "\n")
                try expect(maps.contains { $0.hasSuffix("[stack]") }, "no mapping is the stack")
            }
        },
        Subject("memory-grows-down", "MAP_GROWSDOWN, touched below its beginning") {
            let room = try Region(pages: 2048, PROT_NONE)
            let region = try Region(pages: 8, flags: MAP_PRIVATE | 0x20 | MAP_GROWSDOWN)
            // Above enough that is free for it, and for the gap that the kernel keeps.
            let place = room.address + 2000 * page
            room.unmap()
            try must("mremap", call(__NR_mremap, region, region.size, region.size, 3, place))
            let base = Counter(place)
            let mapped = UnsafeWords(place)
            mapped[0] = 77
            return { _ in
                try expect("its contents", mapped[0], is: 77)
                let below = base.add(-4 * page)
                try expect(zoo_faults(UInt64(below), 1) == 0, "it does not grow")
            }
        },
        Subject("heap-break", "the heap's end, moved up and down again") {
            zoo_settle_heap()
            let start = try must("brk", call(__NR_brk, 0))
            let end = start + 64 * page
            try expect("brk", call(__NR_brk, end), is: end)
            let heap = UnsafeWords(start)
            for word in 0..<64 * 512 { heap[word] = UInt64(word + 1) }
            return { _ in
                try expect("the end", call(__NR_brk, 0), is: end)
                for word in 0..<64 * 512 { try expect("word \(word)", heap[word], is: UInt64(word + 1)) }
                try expect("the end, moved up", call(__NR_brk, end + 256 * page), is: end + 256 * page)
                for word in 64 * 512..<320 * 512 { try expect("new word \(word)", heap[word], is: 0) }
                for word in 64 * 512..<320 * 512 { heap[word] = 5 }
                try expect("the end, moved down", call(__NR_brk, end), is: end)
                try expect(zoo_faults(UInt64(end + page), 0) != 0, "what was given back is still there")
            }
        },
        Subject("vdso", "the kernel's own page of code, where the auxiliary vector says; clocks are read through it") {
            let place = Int(zoo_auxiliary(33))
            return { _ in
                try expect("the auxiliary vector", Int(zoo_auxiliary(33)), is: place)
                let line = try text(of: "/proc/self/maps").split(separator: "\n").first { $0.hasSuffix("[vdso]") }
                try expect(line?.hasPrefix(hexadecimal(place) + "-") == true, "the mapping is \(line ?? "missing")")
                var time = timespec()
                try expect("clock_gettime", unsafe clock_gettime(CLOCK_MONOTONIC, &time), is: 0)
                let far = time.tv_sec * second + time.tv_nsec - now()
                try expect(abs(far) < second, "it tells another time than the kernel: \(far) ns off")
            }
        },
    ]
}

/// Words of memory at an address that is not a mapping's beginning.
@safe struct UnsafeWords: Sendable {
    let address: Int
    init(_ address: Int) { self.address = address }

    subscript(index: Int) -> UInt64 {
        get { unsafe UnsafePointer<UInt64>(bitPattern: address)![index] }
        nonmutating set { unsafe UnsafeMutablePointer<UInt64>(bitPattern: address)![index] = newValue }
    }
}
