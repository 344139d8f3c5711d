// The file of pages of an image while it is being written.

import Glibc
package import Linux

package final class PageFile {
    private let file: FileDescriptor
    package private(set) var size: UInt64 = 0
    /// How long it may become.
    var most = UInt64.max

    package init(_ file: consuming FileDescriptor) { self.file = file }

    package var raw: Int32 { file.raw }

    /// Where they are put: always at the start of a page.
    package func append(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> UInt64 {
        let position = size
        guard size + UInt64(bytes.count) <= most else {
            let subject = "more than \(most >> 20) MB of memory and files, counted for each process that has them"
            throw SystemError(call: "copy", subject: subject, code: EFBIG)
        }
        try FileRegions.write(file.raw, bytes, at: position)
        size += (UInt64(bytes.count) + 4095) & ~4095
        return position
    }

    /// The data of a file, as far as it has any; `room` is what may still be taken.
    func copyFile(_ raw: Int32, size: UInt64, room: inout UInt64) throws(SystemError) -> [PageRun]? {
        var runs: [PageRun] = []
        for range in try FileRegions.data(of: raw, size: size) {
            guard range.lowerBound & 4095 == 0, UInt64(range.count) <= room else { return nil }
            room -= UInt64(range.count)
            var done = range.lowerBound
            while done < range.upperBound {
                let count = Int(min(range.upperBound - done, 1 << 20))
                let bytes = try FileRegions.read(raw, at: done, count: count)
                if bytes.isEmpty { break }
                let position = try append(bytes[...])
                runs.append(PageRun(address: done, pages: (UInt64(bytes.count) + 4095) >> 12, position: position))
                done += UInt64(bytes.count)
            }
        }
        return runs
    }

    func shorten(to size: UInt64) { self.size = size }

    /// All that was written, on the disk, and long enough for its last page.
    package func finish() throws(SystemError) {
        try FileRegions.setSize(file.raw, size)
        try FileRegions.synchronize(file.raw)
    }
}
