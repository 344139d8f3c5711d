// What a program has told the kernel about its memory, and the memory that grows by itself: stack and heap.

internal import CZoo
import Glibc

extension Subject {
    static let advice: [Subject] = [
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
