// Keeps the compiled profile from one start to the next, in the run directory: root's own, gone with a reboot. It opens
// with the identity of the program that made it, so another build never uses it.

import Glibc
import Linux

package struct FilterStore {
    let path: String

    package init(directory: String) { path = "\(directory)/seccomp.filter" }

    /// The filter as a BPF program. A store that cannot be read or written only costs time.
    package func filter() throws -> [UInt8] {
        let identity = Self.identity()
        if let kept = load(identity) { return kept }
        let program = try SystemCallProgram.compile()
        keep(identity + program)
        return program
    }

    private static let limit = 32 * 1024

    /// Only a file that root alone can have written is believed, and only if it is whole.
    private func load(_ identity: [UInt8]) -> [UInt8]? {
        guard let file = try? Files.open(path, .noFollow),
            let about = try? Files.kind(of: file.raw),
            about.kind == .file, about.owner == Credentials.userID, about.permissions & 0o077 == 0,
            let bytes = try? Files.read(file, limit: Self.limit, named: path),
            bytes.count > identity.count, bytes.count % 8 == 0, bytes.starts(with: identity)
        else { return nil }
        return Array(bytes[identity.count...])
    }

    private func keep(_ bytes: [UInt8]) {
        let part = "\(path).\(getpid())"
        do {
            let file = try Files.open(part, [.write, .create, .exclusive, .noFollow], mode: 0o600)
            try Files.write(bytes, to: file.raw, named: part)
            try Files.rename(part, to: path)
        } catch {
            try? Files.remove(part)
        }
    }

    /// Which build this program is: its file, size and time. The profile and libseccomp are both linked into it.
    private static func identity() -> [UInt8] {
        var about = stat()
        _ = unsafe stat("/proc/self/exe", &about)
        var identity: [UInt8] = []
        func add(_ part: Int) {
            for shift in 0..<8 { identity.append(UInt8(truncatingIfNeeded: part >> (shift * 8))) }
        }
        add(Int(about.st_dev))
        add(Int(about.st_ino))
        add(Int(about.st_size))
        add(about.st_mtim.tv_sec)
        add(about.st_mtim.tv_nsec)
        return identity
    }
}
