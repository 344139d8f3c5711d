// Finds out which pages a restored process has used: of its own memory those that it alone has, of all that it had from its
// template; of files those that are in its table of pages.

package import Linux

package enum Learning {
    /// More than this is not worth having at once.
    private static let mostPages = 8192

    /// - Parameter pagemap: that of the first process of the plan
    package static func touched(_ plan: Plan, pagemap: Int32) throws(SystemError) -> TouchedPages {
        var pages = TouchedPages()
        var total = 0
        for mapping in plan.processes.first?.mappings ?? [] where Compiler.isInherited(mapping) {
            let isWritten = mapping.protection & 2 != 0 && !mapping.runs.isEmpty
            guard isWritten || mapping.kind == .file, mapping.range.count <= 256 << 20 else { continue }
            let entries = try FileRegions.read(
                pagemap, at: mapping.start >> 12 * 8, count: mapping.range.count >> 12 * 8)
            for page in 0..<entries.count / 8 {
                let top = entries[page * 8 + 7]
                let isOfFile = top & 0x20 != 0
                // Present; and of a file, or else written to and mapped by nobody else.
                guard top & 0x80 != 0, isOfFile ? mapping.kind == .file : top & 0x01 != 0 && isWritten else { continue }
                let address = mapping.start + UInt64(page) << 12
                if isOfFile {
                    TouchedPages.add(address, to: &pages.read, gap: 4, within: mapping.start)
                } else {
                    TouchedPages.add(address, to: &pages.written, gap: 0, within: mapping.start)
                }
                total += 1
                if total == mostPages || max(pages.read.count, pages.written.count) == TouchedPages.most {
                    return pages
                }
            }
        }
        return pages
    }
}
