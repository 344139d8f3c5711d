// Puts the files of a function where sandboxes will see them; on the worker's thread. Whatever fails leaves nothing.

import Archive
import Linux
import Wire

enum Unpacking {
    static func unpack(
        _ deployment: Deployment, to directory: String
    ) -> Result<ContentFigures, FunctionStore.Failure> {
        do throws(FunctionStore.Failure) {
            return .success(try write(deployment, to: directory))
        } catch {
            try? Trees.remove(directory)
            return .failure(error)
        }
    }

    private static func write(
        _ deployment: Deployment, to directory: String
    ) throws(FunctionStore.Failure) -> ContentFigures {
        var figures = ContentFigures()
        var room = Deployment.mostUnpacked
        guard let code = deployment.code else { throw .invalid("there is no code") }
        try inStorage { () throws(SystemError) in try Files.makeDirectories("\(directory)/layers", mode: 0o755) }
        let all =
            [(code, "\(directory)/code", "the code")]
            + (deployment.layers ?? []).enumerated().map { ($1, "\(directory)/layers/\($0)", "layer \($0 + 1)") }
        for (tree, path, what) in all {
            try inStorage { () throws(SystemError) in try Files.makeDirectory(path, mode: 0o755) }
            let size = try write(tree, to: path, what, room: room)
            room -= size
        }
        figures.layers = deployment.layers?.count ?? 0
        (figures.size, figures.sha256) = digest(code)
        figures.extensions = extensions(in: (0..<figures.layers).map { "\(directory)/layers/\($0)" })
        figures.bootstrap = bootstrap(directory, layers: figures.layers)
        return figures
    }

    private static func inStorage(
        _ body: () throws(SystemError) -> Void
    ) throws(FunctionStore.Failure) {
        do throws(SystemError) {
            try body()
        } catch {
            throw .storage("\(error)")
        }
    }

    // MARK: the kinds of trees

    /// How many bytes it has, unpacked.
    private static func write(
        _ tree: Deployment.Tree, to path: String, _ what: String, room: Int
    ) throws(FunctionStore.Failure) -> Int {
        switch tree {
        case .files(let files):
            var size = 0
            for (file, text) in files {
                let bytes = Array(text.utf8)
                size += bytes.count
                if size > room { throw tooLarge }
                try inStorage { () throws(SystemError) in
                    try Trees.write(
                        bytes, to: file, below: path, isExecutable: bytes.starts(with: [35, 33]))
                }
            }
            return size
        case .zip(let bytes): return try unzip(bytes, to: path, what, room: room)
        }
    }

    private static let tooLarge = FunctionStore.Failure.invalid(
        "code and layers are more than \(Deployment.mostUnpacked) bytes unpacked")

    // MARK: what is in them

    private static func digest(_ tree: Deployment.Tree) -> (size: Int, sha256: String) {
        let bytes: [UInt8]
        switch tree {
        case .zip(let zip): bytes = zip
        case .files(let files):
            bytes = files.flatMap { Array("\($0.path)\u{0}\($0.text.utf8.count)\u{0}\($0.text)".utf8) }
        }
        return (bytes.count, String(decoding: Base64.encode(SHA256.digest(of: bytes)), as: UTF8.self))
    }

    private static func extensions(in layers: [String]) -> [String] {
        var names: [String] = []
        for layer in layers {
            for name in ((try? Files.names(in: "\(layer)/extensions")) ?? []).sorted() where !names.contains(name) {
                let path = "\(layer)/extensions/\(name)"
                guard let file = try? Files.open(path, [.nameOnly, .noFollow]),
                    let about = try? Files.kind(of: file.raw), about.kind == .file, about.permissions & 0o111 != 0
                else { continue }
                names.append(name)
            }
        }
        return Array(names.prefix(10))
    }

    private static func bootstrap(_ directory: String, layers: Int) -> String? {
        if Files.exists("\(directory)/code/bootstrap") { return "/var/task/bootstrap" }
        let isInLayer = (0..<layers).contains { Files.exists("\(directory)/layers/\($0)/bootstrap") }
        return isInLayer ? "/opt/bootstrap" : nil
    }
}

extension Unpacking {
    fileprivate static func unzip(
        _ bytes: [UInt8], to path: String, _ what: String, room: Int
    ) throws(FunctionStore.Failure) -> Int {
        let zip: ZipReader = try readable(what) { () throws(ArchiveError) in
            try ZipReader(bytes, limits: ZipReader.Limits(totalSize: room))
        }
        var size = 0
        for entry in zip.entries {
            switch entry.kind {
            case .directory:
                // Those above files are made with them; an empty one is made here.
                try inStorage { () throws(SystemError) in try Files.makeDirectories("\(path)/\(entry.path)") }
            case .file:
                let contents = try readable(what) { () throws(ArchiveError) in try zip.bytes(of: entry) }
                size += contents.count
                try inStorage { () throws(SystemError) in
                    try Trees.write(contents, to: entry.path, below: path, isExecutable: entry.isExecutable)
                }
            case .symlink: break
            }
        }
        // Links last: nothing is ever written through one.
        for entry in zip.entries {
            guard case .symlink(let target) = entry.kind else { continue }
            try inStorage { () throws(SystemError) in try Trees.link(target, at: entry.path, below: path) }
        }
        return size
    }

    private static func readable<Value>(
        _ what: String, _ body: () throws(ArchiveError) -> Value
    ) throws(FunctionStore.Failure) -> Value {
        do throws(ArchiveError) {
            return try body()
        } catch {
            throw .invalid("\(what) is not a zip that can be used: \(error)")
        }
    }
}
