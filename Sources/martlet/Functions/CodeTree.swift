// The files of a function or a layer, from wherever a person has them: a directory, one file, or a zip. Read with the
// caller's own rights, whole, into memory; packed as a zip, which is what the engine takes.

import Archive
import Environments
import Glibc
import Linux
import Wire

struct CodeTree {
    enum Origin: Equatable {
        case directory, zip
        /// The name of the one file.
        case file(String)
    }

    struct File {
        let path: String
        let isExecutable: Bool
    }

    let path: String
    let origin: Origin
    let zip: [UInt8]
    private let reader: ZipReader
    private(set) var files: [File] = []

    init(reading path: String) throws(CommandFailure) { try self.init(path, mayBeFile: true) }
    init(readingLayer path: String) throws(CommandFailure) { try self.init(path, mayBeFile: false) }

    private init(_ path: String, mayBeFile: Bool) throws(CommandFailure) {
        self.path = path
        let about = try Self.reading(path) { () throws(SystemError) in
            let file = try Files.open(path, [.nameOnly])
            return try Files.kind(of: file.raw)
        }
        switch about.kind {
        case .directory:
            origin = .directory
            var packer = TreePacker()
            try packer.addDirectory(path, as: "")
            zip = try packer.finish()
        case .file:
            let bytes = try Self.reading(path) { () throws(SystemError) in try Self.contents(of: path) }
            if bytes.starts(with: [0x50, 0x4b, 3, 4]) || bytes.starts(with: [0x50, 0x4b, 5, 6]) {
                (origin, zip) = (.zip, bytes)
            } else if mayBeFile {
                let name = Self.name(ofSingle: path, isExecutable: about.permissions & 0o111 != 0, bytes)
                origin = .file(name)
                var packer = TreePacker()
                try packer.add(bytes, as: name, isExecutable: name == "bootstrap")
                zip = try packer.finish()
            } else {
                throw CommandFailure(ExitStatus.noInput, "\(path) is neither a directory nor a zip")
            }
        default: throw CommandFailure(ExitStatus.noInput, "\(path) is neither a directory nor a file")
        }
        do throws(ArchiveError) {
            reader = try ZipReader(zip, limits: ZipReader.Limits(totalSize: Deployment.mostUnpacked))
        } catch {
            throw CommandFailure(ExitStatus.usage, "\(path) is not a zip that can be used: \(error)")
        }
        for entry in reader.entries where entry.kind != .directory {
            files.append(File(path: entry.path, isExecutable: entry.isExecutable))
        }
        if files.isEmpty { throw CommandFailure(ExitStatus.usage, "there are no files in \(path)") }
    }

    /// The text of a file, for a look at it.
    func text(of path: String) -> String? {
        guard let entry = reader.entries.first(where: { $0.path == path }), entry.kind == .file,
            let bytes = try? reader.bytes(of: entry)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    func has(_ path: String) -> Bool { files.contains { $0.path == path } }

    // MARK: reading

    static func reading<Value: ~Copyable>(
        _ path: String, _ body: () throws(SystemError) -> Value
    ) throws(CommandFailure) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            switch error.code {
            case ENOENT: throw CommandFailure(ExitStatus.noInput, "there is nothing at \(path)")
            case EFBIG: throw TreePacker.tooLarge
            default: throw CommandFailure(ExitStatus.noInput, "cannot read \(path): \(error.reason)")
            }
        }
    }

    static func contents(of path: String) throws(SystemError) -> [UInt8] {
        try Files.read(path, limit: Deployment.mostUnpacked)
    }

    /// A program of whatever language, alone, is the function's bootstrap.
    private static func name(ofSingle path: String, isExecutable: Bool, _ bytes: [UInt8]) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let isSource = Guess.languages.contains { $0.extensions.contains { name.hasSuffix($0) } }
        let isProgram = isExecutable || bytes.starts(with: "#!".utf8) || bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46])
        return isProgram && !isSource ? "bootstrap" : name
    }
}
