// Whole trees of files: removed, or made from contents that are in memory.

import Glibc

package enum Trees {
    /// Removes a directory and all that is in it; no link is followed. What is gone already is as good as removed.
    package static func remove(_ path: String) throws(SystemError) {
        let names: [String]
        do throws(SystemError) {
            names = try Files.names(in: path)
        } catch {
            if error.code == ENOENT { return }
            throw error
        }
        for name in names {
            let child = "\(path)/\(name)"
            do throws(SystemError) {
                try Files.remove(child)
            } catch {
                guard error.code == EISDIR || error.code == EPERM else { throw error }
                try remove(child)
            }
        }
        try Files.removeDirectory(path)
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
    package static func replace(_ path: String, with bytes: [UInt8], mode: Int = 0o600) throws(SystemError) {
        let draft = path + ".new"
        try? Files.remove(draft)
        let file = try Files.open(draft, [.write, .create, .exclusive, .noFollow], mode: mode)
        try Files.write(bytes, to: file.raw, named: draft)
        try FileRegions.synchronize(file.raw)
        try Files.rename(draft, to: path)
        try Files.synchronizeNames(in: path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".")
    }
}
