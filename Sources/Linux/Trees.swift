// Whole trees of files: removed, or made from contents that are in memory.

import Glibc

package enum Trees {
    /// Removes a directory and all that is in it. Each directory is held while it is emptied, so that a path which
    /// somebody exchanges for a link meanwhile leads nowhere else. What is gone already is as good as removed.
    package static func remove(_ name: String, in parent: Directory = .working) throws(SystemError) {
        do throws(SystemError) {
            let directory = try Files.open(name, in: parent, [.directory, .noFollow])
            try empty(directory)
            try Files.removeDirectory(name, in: parent)
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    static func empty(_ directory: borrowing FileDescriptor) throws(SystemError) {
        for name in try Files.names(in: directory) {
            do throws(SystemError) {
                try Files.remove(name, in: Directory(directory))
            } catch {
                switch error.code {
                case ENOENT: continue
                case EISDIR, EPERM: try remove(name, in: Directory(directory))
                default: throw error
                }
            }
        }
    }

    /// Writes one file of a tree, with the directories above it, none of which may be a link.
    /// - Parameter path: relative, and checked: no `..`, nothing empty
    package static func write(
        _ bytes: [UInt8], to path: String, below root: String, isExecutable: Bool
    ) throws(SystemError) {
        try makeParents(of: path, below: root)
        let file = try Files.open(
            "\(root)/\(path)", [.write, .create, .exclusive, .noFollow], mode: isExecutable ? 0o755 : 0o644)
        try Files.write(bytes, to: file.raw, named: path)
    }

    package static func link(_ target: String, at path: String, below root: String) throws(SystemError) {
        try makeParents(of: path, below: root)
        try Files.makeLink("\(root)/\(path)", to: target, in: .working)
    }

    private static func makeParents(of path: String, below root: String) throws(SystemError) {
        guard let slash = path.lastIndex(of: "/") else { return }
        try Files.makeDirectories("\(root)/\(path[..<slash])", mode: 0o755)
    }

    /// A file's new contents, whole or not at all, whatever happens meanwhile.
    package static func replace(
        _ path: String, in directory: Directory = .working, with bytes: [UInt8], mode: Int = 0o600
    ) throws(SystemError) {
        let draft = path + ".new"
        try? Files.remove(draft, in: directory)
        let file = try Files.open(draft, in: directory, [.write, .create, .exclusive, .noFollow], mode: mode)
        try Files.write(bytes, to: file.raw, named: draft)
        try FileRegions.synchronize(file.raw)
        try Files.rename(draft, in: directory, to: path, in: directory)
        try Files.synchronizeNames(in: path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", of: directory)
    }
}
