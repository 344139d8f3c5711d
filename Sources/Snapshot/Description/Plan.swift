// What a snapshot is, but for the pages: everything that steers how its processes are made again.

package import Wire

package struct Plan: Visited, Sendable {
    package var binding = Binding()
    /// The supervisor's own words.
    package var memo = ""
    /// Monotonic and boot time, as the processes saw them, in nanoseconds.
    package var monotonic: Int64 = 0
    package var bootTime: Int64 = 0
    /// Parents before their children.
    package var processes: [ProcessState] = []
    package var files: [OpenFile] = []
    package var entries: [TreeEntry] = []
    /// How long the file of pages is, and what it sums up to.
    package var pagesSize: UInt64 = 0
    package var pagesSum: UInt64 = 0
    package var capturedAtMS: UInt64 = 0
    package var stoppedUS: UInt64 = 0
    /// What was not taken along, in words.
    package var leftOut: [Remark] = []

    package init() {}

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try binding.visit(&visitor)
        try visitor.visit(&memo)
        try visitor.visit(&monotonic)
        try visitor.visit(&bootTime)
        try visitor.visit(&processes, most: Limits.processes)
        try visitor.visit(&files, most: Limits.files)
        try visitor.visit(&entries, most: Limits.entries)
        try visitor.visit(&pagesSize)
        try visitor.visit(&pagesSum)
        try visitor.visit(&capturedAtMS)
        try visitor.visit(&stoppedUS)
        try visitor.visit(&leftOut, most: Limits.files)
    }

    /// More than these are refused when a snapshot is made, and when one is read.
    enum Limits {
        static let processes = 64
        static let threads = 1024
        static let mappings = 16_384
        static let files = 4096
        static let entries = 65_536
        static let payload = 1 << 20
        static let vector = 16_384
        static let pending = 64
    }
}

/// Words about something that a clone will not have.
package struct Remark: Visited, Equatable, Sendable {
    package var words = ""
    package init() {}
    package init(_ words: String) { self.words = words }
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) { try visitor.visit(&words) }
}

/// What must be the same where the snapshot is used.
package struct Binding: Visited, Equatable, Sendable {
    package var kernel = ""
    package var processor = ""
    package var root = ""
    package var code = ""
    package var layers: [Remark] = []

    package init() {}

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&kernel)
        try visitor.visit(&processor)
        try visitor.visit(&root)
        try visitor.visit(&code)
        try visitor.visit(&layers, most: 8)
    }
}
