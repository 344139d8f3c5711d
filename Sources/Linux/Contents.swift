// Reading and writing whole files: the kernel's small text files, and ours. A size is always set before reading.

internal import CLinux
import Glibc

extension Files {
    /// Reads at most `limit` bytes; a longer file is an error, not a cut one.
    package static func read(
        _ path: String, in directory: Directory = .working, limit: Int = 1 << 20
    ) throws(SystemError) -> [UInt8] {
        let file = try open(path, in: directory)
        return try read(file, limit: limit, named: path)
    }

    package static func read(
        _ file: borrowing FileDescriptor, limit: Int, named name: String
    ) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        let raw = Int(file.raw)
        while true {
            var count = 0
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, filled in
                count = Kernel.call(CLINUX_SYS_read, raw, Int(bitPattern: buffer.baseAddress), buffer.count)
                filled = max(0, count)
            }
            try Kernel.check(count, "read", name)
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { throw SystemError(call: "read", subject: name, code: EFBIG) }
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
        }
    }

    package static func readText(
        _ path: String, in directory: Directory = .working, limit: Int = 1 << 20
    ) throws(SystemError) -> String {
        String(decoding: try read(path, in: directory, limit: limit), as: UTF8.self)
    }

    package static func write(_ bytes: [UInt8], to raw: Int32, named name: String) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                Kernel.call(
                    CLINUX_SYS_write, Int(raw), Int(bitPattern: $0.baseAddress) + done, $0.count - done)
            }
            done += try Kernel.check(count, "write", name)
        }
    }

    /// Writes to one of the kernel's control files: in one call, because each call is a command to it.
    package static func control(
        _ path: String, in directory: Directory = .working, _ text: String
    ) throws(SystemError) {
        let file = try open(path, in: directory, .write)
        try write(Array(text.utf8), to: file.raw, named: path)
    }

    /// The names in a directory, without `.` and `..`; those alone that begin with `prefix`.
    package static func names(in path: String, prefix: String = "") throws(SystemError) -> [String] {
        guard let stream = unsafe opendir(path) else {
            throw SystemError(call: "opendir", subject: path, code: errno)
        }
        defer { unsafe closedir(stream) }
        return unsafe names(from: stream, prefix: prefix)
    }

    /// The same of a directory that is held.
    package static func names(in directory: borrowing FileDescriptor) throws(SystemError) -> [String] {
        // Of its own, so that it begins at the beginning and may be closed.
        let own = try open(".", in: Directory(directory), .directory)
        guard let stream = unsafe fdopendir(own.raw) else {
            throw SystemError(call: "fdopendir", subject: "", code: errno)
        }
        _ = own.release()
        defer { unsafe closedir(stream) }
        return unsafe names(from: stream, prefix: "")
    }

    private static func names(from stream: OpaquePointer, prefix: String) -> [String] {
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    // Before a string is made of it: a directory of the kernel's has many that nobody asks for.
                    unsafe strncmp(name, prefix, prefix.utf8.count) == 0 ? unsafe String(cString: name) : "."
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    package struct Space: Sendable {
        package let type: UInt64
        package let total: UInt64, available: UInt64
        package let inodes: UInt64, freeInodes: UInt64
    }

    package static func space(at path: String) throws(SystemError) -> Space {
        var type: UInt64 = 0, total: UInt64 = 0, available: UInt64 = 0, inodes: UInt64 = 0, free: UInt64 = 0
        try Kernel.check(unsafe clinux_statfs(path, &type, &total, &available, &inodes, &free), "statfs", path)
        return Space(type: type, total: total, available: available, inodes: inodes, freeInodes: free)
    }
}
