// A stretch of memory of one process, and the pages of it that the snapshot holds.

package import Wire

package struct Mapping: Visited, Sendable {
    package enum Kind: UInt8, Sendable {
        case anonymous = 0
        /// A private mapping of a file in the root, the code or a layer: pages that were not written to come from there.
        case file
        /// A private mapping of a file below /tmp or /dev/shm, which the clone has to make first.
        case ownFile
        /// Seen by all who map it: an open file of the plan.
        case shared
        /// One of the kernel's own pages.
        case kernel
    }

    package var start: UInt64 = 0
    package var end: UInt64 = 0
    /// 1 read, 2 write, 4 execute.
    package var protection: UInt8 = 0
    package var kind = Kind.anonymous
    package var flags: UInt32 = 0
    package var path = ""
    package var offset: UInt64 = 0
    /// Of the file when it was captured.
    package var fileSize: UInt64 = 0
    package var fileTime: Int64 = 0
    /// The open file of a shared one.
    package var file: UInt32 = 0
    package var runs: [PageRun] = []

    package static let growsDown: UInt32 = 1
    package static let wipedOnFork: UInt32 = 2
    package static let keptFromChildren: UInt32 = 4
    package static let leftOutOfDumps: UInt32 = 8
    package static let locked: UInt32 = 16
    package static let huge: UInt32 = 32
    package static let notHuge: UInt32 = 64
    package static let reservesNothing: UInt32 = 128
    package static let seenByAll: UInt32 = 256
    package static let mergeable: UInt32 = 512

    package init() {}

    package var range: Range<UInt64> { start..<max(start, end) }
    package func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&start)
        try visitor.visit(&end)
        try visitor.visit(&protection)
        try visitor.visit(kind: &kind)
        try visitor.visit(&flags)
        try visitor.visit(&path)
        try visitor.visit(&offset)
        try visitor.visit(&fileSize)
        try visitor.visit(&fileTime)
        try visitor.visit(&file)
        try visitor.visit(&runs, most: 1 << 20)
        // What is mapped is mapped without looking at it again.
        guard start < end, end <= Self.top, start & 0xfff == 0, end & 0xfff == 0, offset & 0xfff == 0 else {
            throw .outOfRange
        }
        for run in runs {
            guard run.address >= start, run.address < end, run.address & 0xfff == 0,
                run.pages <= (end - run.address) >> 12, run.position < 1 << 40
            else { throw .outOfRange }
        }
    }

    /// Where addresses of programs end.
    static let top: UInt64 = 0x7fff_ffff_f000
}

/// Pages that lie one after the other, in memory and in the image.
package struct PageRun: Visited, Sendable {
    package var address: UInt64 = 0
    package var pages: UInt64 = 0
    package var position: UInt64 = 0
    package init() {}
    package init(address: UInt64, pages: UInt64, position: UInt64) {
        (self.address, self.pages, self.position) = (address, pages, position)
    }
    package var range: Range<UInt64> { address..<address + pages << 12 }
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&address)
        try visitor.visit(&pages)
        try visitor.visit(&position)
    }
}
