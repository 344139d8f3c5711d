// The files of /tmp and /dev/shm, which every environment has of its own.

import Glibc
import Linux
import Wire

final class TreeCapture {
    private(set) var entries: [TreeEntry] = []
    private var inodes: [UInt64: String] = [:]
    private let pages: PageFile
    private var room = 512 << 20

    init(_ pages: PageFile) { self.pages = pages }

    func path(ofInode inode: UInt64) -> String? { inodes[inode] }

    /// - Parameter root: the sandbox's root directory, as seen from here
    func capture(below root: String) throws {
        for place in ["/tmp", "/dev/shm"] {
            let directory = try Files.open(root + place, [.directory, .noFollow])
            inodes[try FileDetails(directory.raw).inode] = place
            try capture(directory, place)
        }
    }

    private func capture(_ directory: consuming FileDescriptor, _ path: String) throws {
        for name in try Files.names(in: "/proc/self/fd/\(directory.raw)").sorted() {
            guard entries.count < Plan.Limits.entries else {
                throw Refusal(.snapshot, "there are too many files in /tmp")
            }
            let own = try Files.open(name, in: Directory(directory), [.nameOnly, .noFollow])
            let about = try FileDetails(own.raw)
            var entry = TreeEntry()
            entry.path = "\(path)/\(name)"
            entry.mode = UInt32(about.mode & 0o7777)
            (entry.seconds, entry.nanoseconds) = (about.modifiedSeconds, about.modifiedNanoseconds)
            if about.links > 1, about.type != 0o040000, let first = inodes[about.inode] {
                (entry.kind, entry.target) = (.hardLink, first)
                entries.append(entry)
                continue
            }
            inodes[about.inode] = entry.path
            switch about.type {
            case 0o040000:
                entry.kind = .directory
                entries.append(entry)
                try capture(try Files.open(name, in: Directory(directory), [.directory, .noFollow]), entry.path)
                continue
            case 0o100000:
                entry.size = about.size
                let file = try Files.open(name, in: Directory(directory), [.noFollow])
                entry.position = try copy(file.raw, size: about.size)
            case 0o120000:
                entry.kind = .link
                entry.target = try Files.readLink("/proc/self/fd/\(directory.raw)/\(name)")
            case 0o010000: entry.kind = .pipe
            // Made again by whoever listens there.
            case 0o140000: entry.kind = .socket
            default: throw Refusal(.snapshot, "\(entry.path) is of a kind that cannot be captured")
            }
            entries.append(entry)
        }
    }

    private func copy(_ raw: Int32, size: UInt64) throws -> UInt64 {
        room -= Int(min(size, 1 << 40))
        if room < 0 { throw Refusal(.snapshot, "there are more than 512 MB of files in /tmp") }
        var start: UInt64?
        var done: UInt64 = 0
        while done < size {
            let bytes = try FileRegions.read(raw, at: done, count: Int(min(size - done, 1 << 20)))
            if bytes.isEmpty { break }
            let position = try pages.append(bytes[...])
            start = start ?? position
            done += UInt64(bytes.count)
        }
        return start ?? 0
    }
}
