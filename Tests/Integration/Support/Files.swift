// Files and processes of the host, as far as tests need them.

import Glibc

package enum HostFiles {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        init(_ what: String) { description = unsafe "\(what): \(String(cString: strerror(errno)))" }

        package static func system(_ call: String) -> Failure { Failure(call) }
    }

    /// A fresh directory that everybody may look into; in TMPDIR or else on a disk, because /tmp may be memory.
    package static func makeTemporaryDirectory(_ name: String) throws -> String {
        var template = Array("\(Binaries.environment("TMPDIR") ?? "/var/tmp")/\(name)-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure("mkdtemp") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        unsafe chmod(path, 0o755)
        return path
    }

    package static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws {
        guard unsafe mkdir(path, mode) == 0, unsafe chmod(path, mode) == 0 else { throw Failure("mkdir \(path)") }
    }

    package static func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    package static func copy(_ source: String, to path: String, mode: UInt32 = 0o755) throws {
        try write(try read(source), to: path, mode: mode)
    }

    package static func makeLink(_ path: String, to target: String) throws {
        guard unsafe symlink(target, path) == 0 else { throw Failure("symlink \(path)") }
    }

    package static func remove(_ path: String) {
        for name in names(in: path) { remove("\(path)/\(name)") }
        if unsafe rmdir(path) != 0 { unsafe unlink(path) }
    }

    package static func read(_ path: String) throws -> [UInt8] {
        let file = unsafe open(path, O_RDONLY)
        guard file >= 0 else { throw Failure("opening \(path)") }
        defer { close(file) }
        // As large as the file, and the end with it. Files of the kernel say that they are empty: thousands of them are
        // read, and a larger room would cost more than they do.
        var status = stat()
        let size = unsafe fstat(file, &status) == 0 ? Int(status.st_size) : 0
        var bytes: [UInt8] = []
        while case let more = readOnce(file, atMost: max(size + 1 - bytes.count, 4096)), !more.isEmpty {
            if bytes.isEmpty { bytes = more } else { bytes += more }
        }
        return bytes
    }

    /// What one read gives; nothing at the end, where nothing waits, and after an error.
    static func readOnce(_ file: Int32, atMost most: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: most) { room, count in
            unsafe count = max(0, Glibc.read(file, room.baseAddress, most))
        }
    }

    /// Nothing where there is no directory, or a link.
    package static func names(in path: String) -> [String] {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let stream = unsafe opendir(path)
        else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            var bytes = unsafe entry.pointee.d_name
            names.append(
                unsafe withUnsafeBytes(of: &bytes) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws {
        let file = unsafe open(path, O_CREAT | O_TRUNC | O_WRONLY, 0o600)
        guard file >= 0 else { throw Failure("opening \(path)") }
        defer { close(file) }
        guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count, fchmod(file, mode) == 0 else {
            throw Failure("writing \(path)")
        }
    }
}

package enum HostProcesses {
    /// The processes of the host that have `word` among their arguments.
    package static func having(_ word: String) -> [Int32] {
        HostFiles.names(in: "/proc").compactMap(Int32.init).filter { pid in
            guard pid != getpid(), let words = try? HostFiles.read("/proc/\(pid)/cmdline") else { return false }
            return words.split(separator: 0).contains { $0.elementsEqual(word.utf8) }
        }
    }
}
