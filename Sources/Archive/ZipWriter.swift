// Writes zip archives: nothing packed, no dates but the first that the format has, entries in the order they are
// given. The same tree gives the same bytes, and so the same digest, on every machine.

package struct ZipWriter {
    private var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var entries: [(path: String, isDirectory: Bool)] = []

    /// The numbers that a reader would take for a sign of zip64 are left out.
    private static let mostEntries = Int(UInt16.max) - 1
    private static let longestName = 1024
    /// The first of January 1980.
    private static let date: UInt16 = 1 << 5 | 1
    /// Of the format that has directories, and no more.
    private static let version: UInt16 = 20

    package init() {}

    package mutating func addFile(_ path: String, _ contents: [UInt8], isExecutable: Bool) throws(ArchiveError) {
        try add(path, contents, ZipFormat.fileKind | (isExecutable ? 0o755 : 0o644))
    }

    package mutating func addDirectory(_ path: String) throws(ArchiveError) {
        try add(path + "/", [], ZipFormat.directoryKind | 0o755)
    }

    /// The target must lead to a place in the tree.
    package mutating func addSymlink(_ path: String, target: String) throws(ArchiveError) {
        guard EntryPath.isInside(target: target, ofLinkAt: path) else { throw .badTarget(path) }
        try add(path, Array(target.utf8), ZipFormat.linkKind | 0o777)
    }

    /// The archive. Entries that cannot stand in one tree are refused here.
    package consuming func finish() throws(ArchiveError) -> [UInt8] {
        if let path = EntryPath.collision(entries) { throw .collision(path) }
        guard bytes.count + directory.count < Int(UInt32.max) else { throw .zip64 }
        let start = bytes.count
        bytes += directory
        bytes.put(ZipFormat.endSignature)
        bytes.put(UInt32(0))
        bytes.put(UInt16(entries.count))
        bytes.put(UInt16(entries.count))
        bytes.put(UInt32(directory.count))
        bytes.put(UInt32(start))
        bytes.put(UInt16(0))
        return bytes
    }

    private mutating func add(_ name: String, _ contents: [UInt8], _ mode: UInt16) throws(ArchiveError) {
        let (path, isDirectory) = try EntryPath.checked(name, longest: Self.longestName)
        guard entries.count < Self.mostEntries else { throw .tooManyEntries(Self.mostEntries) }
        guard bytes.count + contents.count < Int(UInt32.max) else { throw .zip64 }
        guard !path.isEmpty, isDirectory == (mode & ZipFormat.kindMask == ZipFormat.directoryKind) else {
            throw .badName(name, .empty)
        }
        entries.append((path, isDirectory))

        let offset = UInt32(bytes.count)
        let stored = isDirectory ? path + "/" : path
        var common: [UInt8] = []
        common.put(Self.version)
        common.put(ZipFormat.utf8Flag)
        common.put(ZipFormat.stored)
        common.put(UInt16(0))
        common.put(Self.date)
        common.put(CRC32.of(contents))
        common.put(UInt32(contents.count))
        common.put(UInt32(contents.count))
        common.put(UInt16(stored.utf8.count))
        common.put(UInt16(0))

        bytes.put(ZipFormat.localSignature)
        bytes += common
        bytes += stored.utf8
        bytes += contents

        directory.put(ZipFormat.centralSignature)
        directory.put(UInt16(ZipFormat.unixSystems[0]) << 8 | Self.version)
        directory += common
        // No comment, the first disk, no attributes of the file's inside.
        for _ in 0..<3 { directory.put(UInt16(0)) }
        directory.put(UInt32(mode) << 16)
        directory.put(offset)
        directory += stored.utf8
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ value: UInt16) { append(contentsOf: [UInt8(value & 255), UInt8(value >> 8)]) }

    fileprivate mutating func put(_ value: UInt32) {
        put(UInt16(truncatingIfNeeded: value))
        put(UInt16(truncatingIfNeeded: value >> 16))
    }
}
