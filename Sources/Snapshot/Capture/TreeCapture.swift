// The files of /tmp and /dev/shm, which every environment has of its own. How they are opened is in StillFile.

import Glibc
import Linux
import Wire

final class TreeCapture {
    private(set) var entries: [TreeEntry] = []
    private var inodes: [UInt64: String] = [:]
    private let pages: PageFile
    var room: UInt64 = 512 << 20
    /// No name that a restore could give in one call is longer. Directories may lie in each other without such an end.
    private static let longestPath = 4095

    private let spending: Spending

    init(_ pages: PageFile, _ spending: Spending) { (self.pages, self.spending) = (pages, spending) }

    func path(ofInode inode: UInt64) -> String? { inodes[inode] }

    /// - Parameter root: the sandbox's root directory, as seen from here
    func capture(below root: String) throws {
        for place in ["/tmp", "/dev/shm"] {
            let directory = try Files.open(root + place, [.nameOnly, .directory, .noFollow])
            inodes[try FileDetails(directory.raw).inode] = place
            try capture(try StillFile.directory(directory.raw), place)
        }
    }

    private func capture(_ directory: consuming FileDescriptor, _ path: String) throws {
        let most = spending.left(.entries)
        guard let names = try Files.names(in: "/proc/self/fd/\(directory.raw)", most: most) else {
            return try spending.take(.entries, most + 1)
        }
        for name in names.sorted() {
            try spending.take(.entries)
            try spending.take(.pathBytes, path.utf8.count + name.utf8.count + 1)
            guard !name.unicodeScalars.contains("\u{fffd}") else {
                throw Refusal(.snapshot, "a name in \(path) is not UTF-8")
            }
            let own = try Files.open(name, in: Directory(directory), [.nameOnly, .noFollow])
            let about = try FileDetails(own.raw)
            if about.type != 0o120000, FileRegions.hasAttributes("/proc/self/fd/\(own.raw)") {
                throw Refusal(.snapshot, "\(path)/\(name) has extended attributes")
            }
            var entry = TreeEntry()
            entry.path = "\(path)/\(name)"
            guard entry.path.utf8.count <= Self.longestPath else {
                throw Refusal(.snapshot, "a path below \(path.prefix(64)) is longer than \(Self.longestPath) bytes")
            }
            entry.mode = UInt32(about.mode & 0o7777)
            (entry.seconds, entry.nanoseconds) = (about.modifiedSeconds, about.modifiedNanoseconds)
            if about.links > 1, about.type != 0o040000, let first = inodes[about.inode] {
                (entry.kind, entry.target) = (.hardLink, first)
                try spending.take(.pathBytes, first.utf8.count)
                entries.append(entry)
                continue
            }
            inodes[about.inode] = entry.path
            switch about.type {
            case 0o040000:
                entry.kind = .directory
                entries.append(entry)
                try capture(try StillFile.directory(own.raw), entry.path)
                continue
            case 0o100000:
                entry.size = about.size
                let file = try StillFile.read(own.raw, entry.path)
                guard let contents = try pages.copyFile(file.raw, size: about.size, room: &room) else {
                    throw Refusal(.snapshot, "there are more than 512 MB of files in /tmp")
                }
                entry.contents = contents
            case 0o120000:
                entry.kind = .link
                entry.target = try Files.readLink(own.raw)
                try spending.take(.pathBytes, entry.target.utf8.count)
            case 0o010000: entry.kind = .pipe
            case 0o140000: entry.kind = .socket
            default: throw Refusal(.snapshot, "\(entry.path) is of a kind that cannot be captured")
            }
            entries.append(entry)
        }
    }
}
