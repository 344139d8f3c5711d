// What one entry unpacks to, piece by piece, so that a large file need not stand in memory whole. Size and check sum
// are known to be right once there is no further piece: what was made of the pieces before counts only then.

package struct ZipContents {
    private let entry: ZipReader.Entry
    private let bytes: [UInt8]
    private var inflate: Inflate?
    private var sum = CRC32()
    private var position: Int
    private var produced = 0

    /// Of what is not packed, this much is given at once.
    private static let piece = 256 << 10

    init(_ entry: ZipReader.Entry, in bytes: [UInt8]) {
        self.entry = entry
        self.bytes = bytes
        position = entry.data.lowerBound
        inflate = entry.isDeflated ? Inflate(bytes[entry.data], limit: entry.size) : nil
    }

    /// The next piece; nil after the last, when all was as declared.
    package mutating func next() throws(ArchiveError) -> ArraySlice<UInt8>? {
        guard let piece = try piece() else {
            guard produced == entry.size else { throw .wrongSize(entry.path) }
            guard sum.value == entry.sum else { throw .wrongCheckSum(entry.path) }
            return nil
        }
        produced += piece.count
        sum.update(piece)
        return piece
    }

    private mutating func piece() throws(ArchiveError) -> ArraySlice<UInt8>? {
        guard inflate != nil else {
            let end = min(position + Self.piece, entry.data.upperBound)
            defer { position = end }
            return position < end ? bytes[position..<end] : nil
        }
        do {
            if let piece = try inflate!.next() { return piece }
        } catch .tooLarge {
            throw .wrongSize(entry.path)
        } catch {
            throw .badData(entry.path, error)
        }
        // Behind the packed text there is nothing: it would be a place to hide things in.
        guard inflate!.consumed == entry.data.count else { throw .wrongSize(entry.path) }
        return nil
    }
}

/// The header before an entry's data. It repeats what the directory says, and programs differ in which they believe:
/// here both must say the same.
struct ZipLocalHeader {
    let data: Range<Int>

    init(
        _ bytes: Span<UInt8>, _ record: ZipRecord, _ nameStart: Int, _ path: String, end: Int
    ) throws(ArchiveError) {
        let start = Int(record.localOffset)
        guard end - start >= ZipFormat.localCount else { throw .overlap(path) }
        guard bytes.long(at: start) == ZipFormat.localSignature else { throw .headersDiffer(path) }
        let nameCount = Int(bytes.half(at: start + 26))
        let dataStart = start + ZipFormat.localCount + nameCount + Int(bytes.half(at: start + 28))
        guard end - dataStart >= Int(record.packedSize) else { throw .overlap(path) }
        let flags = bytes.half(at: start + 6)
        guard flags & ZipFormat.encryptedFlags == 0 else { throw .encrypted(path) }
        guard nameCount == record.nameCount, bytes.half(at: start + 8) == record.method else {
            throw .headersDiffer(path)
        }
        for offset in 0..<nameCount
        where bytes[start + ZipFormat.localCount + offset] != bytes[nameStart + offset] {
            throw .headersDiffer(path)
        }
        // A program that could not go back to its header, or did not know whether zip64 would be needed, leaves these
        // to the directory.
        let (packedSize, size) = (bytes.long(at: start + 18), bytes.long(at: start + 22))
        let isLeft = flags & ZipFormat.sizesFollowFlag != 0 || packedSize == .max && size == .max
        guard
            isLeft || packedSize == record.packedSize && size == record.size && bytes.long(at: start + 14) == record.sum
        else { throw .headersDiffer(path) }
        data = dataStart..<dataStart + Int(record.packedSize)
    }
}
