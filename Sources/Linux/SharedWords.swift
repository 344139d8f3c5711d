// Words of memory that two processes have in common: one writes them, the other reads. The file behind them cannot change
// its size any more, or the reader would die of a page that is gone; that is checked before it is mapped. What is read is
// whatever the other side has put there: each word is read once, as a whole.

internal import CLinux
import Glibc

@safe package final class SharedWords {
    package let count: Int
    private let words: UnsafeMutablePointer<UInt64>

    /// The file of those that were made here, to be given to whoever reads them; one or none.
    private var files = Descriptors(owning: [])
    package var file: Int32? { files.numbers.first }
    package func closeFile() { files = Descriptors(owning: []) }

    /// Fresh ones, all zero, to write to.
    package convenience init(_ count: Int, named name: String) throws(SystemError) {
        let (closeOnExec, allowsSeals) = (1, 2)
        let result = name.withAddress { Kernel.call(CLINUX_SYS_memfd_create, $0, closeOnExec | allowsSeals) }
        let file = FileDescriptor(owning: Int32(try Kernel.check(result, "memfd_create", name)))
        try FileRegions.setSize(file.raw, UInt64(count * Self.wordSize))
        try Kernel.check(clinux_seal_size(file.raw), "seal", name)
        try self.init(file.raw, count, PROT_READ | PROT_WRITE)
        files.add(file)
    }

    /// Those of somebody else, to read.
    package convenience init(reading raw: Int32, count: Int) throws(SystemError) {
        guard clinux_size_is_sealed(raw) == 1, try FileDetails(raw).size >= UInt64(count * Self.wordSize) else {
            throw SystemError(call: "map", subject: "a file whose size may change", code: EINVAL)
        }
        try self.init(raw, count, PROT_READ)
    }

    private init(_ raw: Int32, _ count: Int, _ protection: Int32) throws(SystemError) {
        let place = unsafe mmap(nil, count * Self.wordSize, protection, MAP_SHARED, raw, 0)
        guard unsafe place != MAP_FAILED, let place = unsafe place else {
            throw SystemError(call: "mmap", subject: "", code: errno)
        }
        // It is this process's affair alone: no sandbox inherits it, and no template has it in the way of a snapshot's memory.
        unsafe madvise(place, count * Self.wordSize, MADV_DONTFORK)
        self.count = count
        unsafe words = unsafe place.bindMemory(to: UInt64.self, capacity: count)
    }

    deinit { unsafe munmap(words, count * Self.wordSize) }

    private static let wordSize = MemoryLayout<UInt64>.size

    package subscript(index: Int) -> UInt64 {
        get {
            precondition(index >= 0 && index < count)
            return unsafe clinux_load_word(words + index)
        }
        set {
            precondition(index >= 0 && index < count)
            unsafe clinux_store_word(words + index, newValue)
        }
    }
}
