// A mapping, what stands in it, and what may be done to it.

internal import CZoo
import Glibc
internal import SubjectCalls

let page = 4096

@safe final class Region: Argument, @unchecked Sendable {
    private(set) var address: Int
    private(set) var size: Int

    init(
        pages: Int, _ protection: Int32 = PROT_READ | PROT_WRITE, flags: Int32 = MAP_PRIVATE | 0x20,
        file: Descriptor? = nil, offset: Int = 0
    ) throws {
        size = pages * page
        let descriptor: any Argument = file ?? Descriptor(-1)
        address = try must("mmap", call(__NR_mmap, 0, size, protection, flags, descriptor, offset))
    }

    func withWord(_ body: (Int) -> Int) -> Int { body(address) }

    private var base: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(bitPattern: address)! }

    subscript(offset: Int) -> UInt64 {
        get { unsafe base.load(fromByteOffset: offset, as: UInt64.self) }
        set { unsafe base.storeBytes(of: newValue, toByteOffset: offset, as: UInt64.self) }
    }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func put(_ bytes: [UInt8], at offset: Int = 0) {
        for (index, byte) in bytes.enumerated() {
            unsafe base.storeBytes(of: byte, toByteOffset: offset + index, as: UInt8.self)
        }
    }

    // MARK: what stands in it

    /// Never zero, and another in every word.
    private static func word(_ offset: Int, _ seed: Int) -> UInt64 {
        (UInt64(offset) &+ UInt64(seed) << 40 &+ 1) &* 0x9e37_79b9_7f4a_7c15 | 1
    }

    func fill(_ pages: Range<Int>? = nil, seed: Int = 1) {
        for offset in stride(of: pages) { self[offset] = Self.word(offset, seed) }
    }

    func check(_ pages: Range<Int>? = nil, seed: Int = 1, _ what: String = "memory") throws {
        for offset in stride(of: pages) where self[offset] != Self.word(offset, seed) {
            throw Lost("\(what): page \(offset / page) holds \(self[offset]) at \(offset % page)")
        }
    }

    func checkZero(_ pages: Range<Int>? = nil, _ what: String = "memory") throws {
        for offset in stride(of: pages) where self[offset] != 0 {
            throw Lost("\(what): page \(offset / page) is not zero: \(self[offset]) at \(offset % page)")
        }
    }

    private func stride(of pages: Range<Int>?) -> StrideTo<Int> {
        let pages = pages ?? 0..<size / page
        return Swift.stride(from: pages.lowerBound * page, to: pages.upperBound * page, by: 8)
    }

    // MARK: what may be done to it

    func protect(_ protection: Int32, _ pages: Range<Int>? = nil) throws {
        let pages = pages ?? 0..<size / page
        try must(
            "mprotect", call(__NR_mprotect, address + pages.lowerBound * page, pages.count * page, protection))
    }

    func advise(_ advice: Int32, _ pages: Range<Int>? = nil) throws {
        let pages = pages ?? 0..<size / page
        try must("madvise", call(__NR_madvise, address + pages.lowerBound * page, pages.count * page, advice))
    }

    /// Makes it larger or smaller, and moves it if it has to be.
    func resize(pages: Int) throws {
        address = try must("mremap", call(__NR_mremap, address, size, pages * page, 1))
        size = pages * page
    }

    func move() throws {
        let room = try Region(pages: size / page, PROT_NONE)
        address = try must("mremap", call(__NR_mremap, address, size, size, 3, room.address))
    }

    func unmap() { _ = call(__NR_munmap, address, size) }

    func faults(page number: Int = 0, writing: Bool) -> Bool {
        zoo_faults(UInt64(address + number * page), writing ? 1 : 0) != 0
    }

    /// A line of its entry in smaps, such as `VmFlags`.
    func detail(_ name: String) throws -> String {
        let start = hexadecimal(address) + "-"
        var isHere = false
        for line in try text(of: "/proc/self/smaps").split(separator: "\n") {
            if line.hasPrefix(start) { isHere = true }
            if isHere, line.hasPrefix("\(name):") { return String(line.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
        throw Lost("no mapping begins at \(start)")
    }

    func expectFlag(_ flag: Substring) throws {
        let flags = try detail("VmFlags")
        try expect(flags.split(separator: " ").contains(flag), "the mapping lacks '\(flag)': \(flags)")
    }
}

/// As maps writes addresses.
func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
