// The records of a zip archive, as they stand in the bytes. What they claim is judged elsewhere.

enum ZipFormat {
    static let localSignature: UInt32 = 0x0403_4b50
    static let centralSignature: UInt32 = 0x0201_4b50
    static let endSignature: UInt32 = 0x0605_4b50
    static let zip64LocatorSignature: UInt32 = 0x0706_4b50

    static let localCount = 30
    static let centralCount = 46
    static let endCount = 22
    static let zip64LocatorCount = 20

    static let stored: UInt16 = 0
    static let deflated: UInt16 = 8

    /// Encrypted, strongly encrypted, and with headers masked.
    static let encryptedFlags: UInt16 = 1 | 1 << 6 | 1 << 13
    /// Sizes and check sum follow the data.
    static let sizesFollowFlag: UInt16 = 1 << 3
    static let utf8Flag: UInt16 = 1 << 11

    /// Systems whose modes are Unix modes: Unix itself, and Darwin.
    static let unixSystems: [UInt8] = [3, 19]
    static let kindMask: UInt16 = 0o170000
    static let directoryKind: UInt16 = 0o040000
    static let fileKind: UInt16 = 0o100000
    static let linkKind: UInt16 = 0o120000
}

/// One record of the central directory.
struct ZipRecord {
    let system: UInt8
    let flags: UInt16
    let method: UInt16
    let sum: UInt32
    let packedSize: UInt32
    let size: UInt32
    let nameCount: Int
    let extraCount: Int
    let commentCount: Int
    let disk: UInt16
    let mode: UInt16
    let localOffset: UInt32

    var count: Int { ZipFormat.centralCount + nameCount + extraCount + commentCount }

    /// The fixed part, which must be there in full.
    init?(_ bytes: Span<UInt8>, at start: Int) {
        guard bytes.long(at: start) == ZipFormat.centralSignature else { return nil }
        system = bytes[start + 5]
        flags = bytes.half(at: start + 8)
        method = bytes.half(at: start + 10)
        sum = bytes.long(at: start + 16)
        packedSize = bytes.long(at: start + 20)
        size = bytes.long(at: start + 24)
        nameCount = Int(bytes.half(at: start + 28))
        extraCount = Int(bytes.half(at: start + 30))
        commentCount = Int(bytes.half(at: start + 32))
        disk = bytes.half(at: start + 34)
        mode = UInt16(bytes.long(at: start + 38) >> 16)
        localOffset = bytes.long(at: start + 42)
    }
}

/// The end of the central directory, by which everything else is found.
struct ZipEnd {
    let entryCount: Int
    let directory: Range<Int>

    init(_ bytes: Span<UInt8>) throws(ArchiveError) {
        guard let end = Self.find(in: bytes) else {
            // A text that begins as an archive and does not end as one was cut.
            let isCut = bytes.count >= 4 && bytes.long(at: 0) == ZipFormat.localSignature
            throw isCut ? .truncated : .notAnArchive
        }
        let locator = end - ZipFormat.zip64LocatorCount
        if locator >= 0, bytes.long(at: locator) == ZipFormat.zip64LocatorSignature { throw .zip64 }
        let (size, offset) = (bytes.long(at: end + 12), bytes.long(at: end + 16))
        if size == .max || offset == .max { throw .zip64 }
        entryCount = Int(bytes.half(at: end + 10))
        guard bytes.half(at: end + 4) == 0, bytes.half(at: end + 6) == 0, Int(bytes.half(at: end + 8)) == entryCount
        else { throw .inSeveralParts }
        // It stands just before its end: where something is between them, programs differ in which one they believe.
        guard Int(offset) + Int(size) == end else { throw .badDirectory }
        directory = Int(offset)..<end
    }

    /// The last place where the record stands and its comment reaches exactly to the end.
    private static func find(in bytes: Span<UInt8>) -> Int? {
        var start = bytes.count - ZipFormat.endCount
        let first = max(0, start - Int(UInt16.max))
        while start >= first {
            if bytes.long(at: start) == ZipFormat.endSignature,
                start + ZipFormat.endCount + Int(bytes.half(at: start + 20)) == bytes.count
            {
                return start
            }
            start -= 1
        }
        return nil
    }
}

extension Span where Element == UInt8 {
    func half(at position: Int) -> UInt16 { UInt16(self[position]) | UInt16(self[position + 1]) << 8 }
    func long(at position: Int) -> UInt32 { UInt32(half(at: position)) | UInt32(half(at: position + 2)) << 16 }
}
