// A directory as a zip: everything in it, in an order that does not depend on the machine. Links stay links.

import Archive
import Environments
import Linux

struct TreePacker {
    private var writer = ZipWriter()
    private var size = 0

    static let tooLarge = CommandFailure(
        ExitStatus.usage, "code has at most \(Deployment.mostUnpacked) bytes, with its layers")

    mutating func add(_ bytes: [UInt8], as path: String, isExecutable: Bool) throws(CommandFailure) {
        size += bytes.count
        if size > Deployment.mostUnpacked { throw Self.tooLarge }
        do throws(ArchiveError) {
            try writer.addFile(path, bytes, isExecutable: isExecutable)
        } catch {
            throw Self.failure(path, error)
        }
    }

    /// - Parameter prefix: the path of this directory in the archive, with a slash behind it, or nothing
    mutating func addDirectory(_ path: String, as prefix: String) throws(CommandFailure) {
        let names = try CodeTree.reading(path) { () throws(SystemError) in try Files.names(in: path) }
        if names.isEmpty, !prefix.isEmpty { try addEmptyDirectory(String(prefix.dropLast())) }
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            let (source, target) = ("\(path)/\(name)", prefix + name)
            let about = try CodeTree.reading(source) { () throws(SystemError) in
                let file = try Files.open(source, [.nameOnly, .noFollow])
                return try Files.kind(of: file.raw)
            }
            switch about.kind {
            case .directory: try addDirectory(source, as: target + "/")
            case .file:
                let bytes = try CodeTree.reading(source) { () throws(SystemError) in
                    try CodeTree.contents(of: source)
                }
                try add(bytes, as: target, isExecutable: about.permissions & 0o111 != 0)
            case .link: try addLink(source, as: target)
            default:
                throw CommandFailure(
                    ExitStatus.noInput, "\(source) is neither a file, a directory nor a link: it cannot be deployed")
            }
        }
    }

    private mutating func addEmptyDirectory(_ path: String) throws(CommandFailure) {
        do throws(ArchiveError) {
            try writer.addDirectory(path)
        } catch {
            throw Self.failure(path, error)
        }
    }

    private mutating func addLink(_ source: String, as path: String) throws(CommandFailure) {
        let target = try CodeTree.reading(source) { () throws(SystemError) in try Files.readLink(source) }
        do throws(ArchiveError) {
            try writer.addSymlink(path, target: target)
        } catch {
            if case .badTarget = error {
                throw CommandFailure(
                    ExitStatus.usage,
                    "\(source) is a link that leads out of the directory: put what it names there instead")
            }
            throw Self.failure(path, error)
        }
    }

    private static func failure(_ path: String, _ error: ArchiveError) -> CommandFailure {
        CommandFailure(ExitStatus.usage, "\(path) cannot be packed: \(error)")
    }

    consuming func finish() throws(CommandFailure) -> [UInt8] {
        do throws(ArchiveError) {
            return try writer.finish()
        } catch {
            throw Self.failure("the code", error)
        }
    }
}
