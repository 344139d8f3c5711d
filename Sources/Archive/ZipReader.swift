// Zip archives with the code of functions, from anyone. The whole directory is judged before the first entry is given
// out: names, kinds, sizes, where the data stands, and where links lead. What an entry unpacks to is then checked
// against its declaration as it is read. No file is touched here.

package struct ZipReader {
    package struct Limits: Sendable {
        /// All that the entries unpack to.
        package var totalSize: Int
        package var entries: Int
        package var nameLength: Int

        package init(totalSize: Int, entries: Int = 65_535, nameLength: Int = 1024) {
            self.totalSize = totalSize
            self.entries = min(entries, 65_535)
            self.nameLength = nameLength
        }
    }

    package enum Kind: Equatable, Sendable {
        case file
        case directory
        case symlink(target: String)
    }

    package struct Entry: Sendable {
        /// Relative, without a slash at its end.
        package let path: String
        package internal(set) var kind: Kind
        package let isExecutable: Bool
        /// Unpacked.
        package let size: Int
        package let sum: UInt32
        let isDeflated: Bool
        let data: Range<Int>
        /// With its header.
        let extent: Range<Int>
    }

    /// In the order of the archive; directories that have no entry of their own are not among them.
    package private(set) var entries: [Entry] = []
    private let bytes: [UInt8]

    package init(_ bytes: [UInt8], limits: Limits) throws(ArchiveError) {
        self.bytes = bytes
        let end = try ZipEnd(bytes.span)
        guard end.entryCount <= limits.entries else { throw .tooManyEntries(limits.entries) }
        var left = limits.totalSize
        var position = end.directory.lowerBound
        for _ in 0..<end.entryCount {
            let (entry, count) = try Self.entry(in: bytes, at: position, end.directory, limits)
            position += count
            guard let entry else { continue }
            guard entry.size <= left else { throw .tooLarge(limit: limits.totalSize) }
            left -= entry.size
            entries.append(entry)
        }
        guard position == end.directory.upperBound else { throw .badDirectory }
        try checkExtents()
        if let path = EntryPath.collision(entries.map { ($0.path, $0.kind == .directory) }) { throw .collision(path) }
        try readTargets()
    }

    /// What an entry unpacks to, in pieces.
    package func contents(of entry: Entry) -> ZipContents { ZipContents(entry, in: bytes) }

    /// All that an entry unpacks to.
    package func bytes(of entry: Entry) throws(ArchiveError) -> [UInt8] {
        var contents = contents(of: entry)
        var out: [UInt8] = []
        while let piece = try contents.next() { out += piece }
        return out
    }

    /// The entry that a record of the directory stands for, nil for the root of the tree, and the record's length.
    private static func entry(
        in bytes: [UInt8], at start: Int, _ directory: Range<Int>, _ limits: Limits
    ) throws(ArchiveError) -> (Entry?, Int) {
        guard directory.upperBound - start >= ZipFormat.centralCount,
            let record = ZipRecord(bytes.span, at: start), directory.upperBound - start >= record.count
        else { throw .badDirectory }
        let nameStart = start + ZipFormat.centralCount
        let nameBytes = bytes[nameStart..<nameStart + record.nameCount]
        guard let name = String(validating: nameBytes, as: UTF8.self) else {
            throw .badName(String(decoding: nameBytes, as: UTF8.self), .notText)
        }
        let (path, endsInSlash) = try EntryPath.checked(name, longest: limits.nameLength)
        guard record.flags & ZipFormat.encryptedFlags == 0 else { throw .encrypted(path) }
        guard record.disk == 0 else { throw .inSeveralParts }
        guard record.size != .max, record.packedSize != .max, record.localOffset != .max else { throw .zip64 }
        guard record.method == ZipFormat.stored || record.method == ZipFormat.deflated else {
            throw .unknownMethod(path, record.method)
        }
        let isDeflated = record.method == ZipFormat.deflated
        guard isDeflated || record.size == record.packedSize else { throw .wrongSize(path) }
        let (kind, isExecutable) = try Self.kind(of: record, path, endsInSlash: endsInSlash)
        guard kind != .directory || record.size == 0 else { throw .wrongSize(path) }
        let local = try ZipLocalHeader(bytes.span, record, nameStart, path, end: directory.lowerBound)
        guard !path.isEmpty else { return (nil, record.count) }
        let entry = Entry(
            path: path, kind: kind, isExecutable: isExecutable, size: Int(record.size), sum: record.sum,
            isDeflated: isDeflated, data: local.data, extent: Int(record.localOffset)..<local.data.upperBound)
        return (entry, record.count)
    }

    /// A link's target is what the entry unpacks to, and is not known yet.
    private static func kind(
        of record: ZipRecord, _ path: String, endsInSlash: Bool
    ) throws(ArchiveError) -> (Kind, isExecutable: Bool) {
        let mode = ZipFormat.unixSystems.contains(record.system) ? record.mode : 0
        let isExecutable = mode & 0o111 != 0
        switch mode & ZipFormat.kindMask {
        case 0: return endsInSlash ? (.directory, true) : (.file, isExecutable)
        case ZipFormat.directoryKind where endsInSlash: return (.directory, true)
        case ZipFormat.fileKind where !endsInSlash: return (.file, isExecutable)
        case ZipFormat.linkKind where !endsInSlash: return (.symlink(target: ""), true)
        default: throw .unknownKind(path)
        }
    }

    /// No byte belongs to two entries: a few that share theirs could otherwise unpack to any size.
    private func checkExtents() throws(ArchiveError) {
        let sorted = entries.sorted { $0.extent.lowerBound < $1.extent.lowerBound }
        for (one, other) in zip(sorted, sorted.dropFirst()) where one.extent.upperBound > other.extent.lowerBound {
            throw .overlap(other.path)
        }
    }

    private mutating func readTargets() throws(ArchiveError) {
        for index in entries.indices {
            let entry = entries[index]
            guard case .symlink = entry.kind else { continue }
            guard entry.size <= EntryPath.longestTarget,
                let target = String(validating: try bytes(of: entry), as: UTF8.self),
                EntryPath.isInside(target: target, ofLinkAt: entry.path)
            else { throw .badTarget(entry.path) }
            entries[index].kind = .symlink(target: target)
        }
    }
}
