// The file of pages of an image while it is being written.

package import Linux

package final class PageFile {
    private let file: FileDescriptor
    package private(set) var size: UInt64 = 0

    package init(_ file: consuming FileDescriptor) { self.file = file }

    package var raw: Int32 { file.raw }

    /// Where they are put: always at the start of a page.
    package func append(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> UInt64 {
        let position = size
        try FileRegions.write(file.raw, bytes, at: position)
        size += (UInt64(bytes.count) + 4095) & ~4095
        return position
    }

    /// All that was written, on the disk, and long enough for its last page.
    package func finish() throws(SystemError) {
        try FileRegions.setSize(file.raw, size)
        try FileRegions.synchronize(file.raw)
    }
}
