// Which names of entries are taken, and where symbolic links may lead. The reader and the writer both ask here.

import Wire

enum EntryPath {
    static let longestPart = 255

    /// The path of an entry's name: without the "./" that some programs begin each name with, and without the slash
    /// that marks a directory. Empty for the root of the tree.
    static func checked(_ name: String, longest: Int) throws(ArchiveError) -> (path: String, isDirectory: Bool) {
        var bytes = Array(name.utf8)[...]
        guard bytes.count <= longest else { throw .badName(name, .tooLong) }
        guard !bytes.contains(0) else { throw .badName(name, .zeroByte) }
        // On Windows it separates; what meant to be in a directory would here be one strange file.
        guard !bytes.contains(UInt8(ascii: "\\")) else { throw .badName(name, .backslash) }
        guard bytes.first != UInt8(ascii: "/") else { throw .badName(name, .absolute) }
        if bytes.starts(with: "./".utf8) { bytes.removeFirst(2) }
        if bytes.isEmpty, !name.isEmpty { return ("", true) }
        let isDirectory = bytes.last == UInt8(ascii: "/")
        if isDirectory { bytes.removeLast() }
        for part in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw .badName(name, .empty) }
            guard part.count <= longestPart else { throw .badName(name, .tooLong) }
            guard !part.elementsEqual(".".utf8), !part.elementsEqual("..".utf8) else { throw .badName(name, .leadsUp) }
        }
        return (String(decoding: bytes, as: UTF8.self), isDirectory)
    }

    static let longestTarget = 4095

    /// A target may go up only at its beginning, and not beyond the root of the tree. Further on, ".." could follow
    /// another link, and then lead anywhere: where it leads can be told from the text alone only before that.
    static func isInside(target: String, ofLinkAt path: String) -> Bool {
        let bytes = Array(target.utf8)
        guard !bytes.isEmpty, bytes.count <= longestTarget, !bytes.contains(0), bytes[0] != UInt8(ascii: "/") else {
            return false
        }
        var depth = path.utf8.count { $0 == UInt8(ascii: "/") }
        var hasGoneDown = false
        for part in bytes.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            guard part.elementsEqual("..".utf8) else {
                hasGoneDown = true
                continue
            }
            depth -= 1
            guard !hasGoneDown, depth >= 0 else { return false }
        }
        return true
    }

    /// Orders paths so that what is in a directory follows it at once: a slash comes before every other byte.
    static func precedes(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8) { rank($0) < rank($1) }
    }

    private static func rank(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? 0 : byte }

    /// The first two of these paths, in that order, that cannot both be: of one name, or below what is no directory.
    static func collision(_ entries: [(path: String, isDirectory: Bool)]) -> String? {
        let sorted = entries.sorted { precedes($0.path, $1.path) }
        for (one, other) in zip(sorted, sorted.dropFirst()) {
            let isSame = one.path.hasSameBytes(as: other.path)
            if isSame, !(one.isDirectory && other.isDirectory) { return other.path }
            if !isSame, !one.isDirectory, other.path.utf8.starts(with: one.path.utf8),
                other.path.utf8.dropFirst(one.path.utf8.count).first == UInt8(ascii: "/")
            {
                return other.path
            }
        }
        return nil
    }
}
