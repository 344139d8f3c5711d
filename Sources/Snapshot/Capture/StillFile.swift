// Opening what belongs to a function, as root and without being held up by it. A file is named first, which has no effect
// and reads nothing; its kind is looked at on that very descriptor; and the same descriptor is opened again for reading.
// Whatever stands under its name by then is not touched. Pipes, sockets and devices are never opened.

import Glibc
import Linux
import Wire

enum StillFile {
    /// The plain file under a path that may be a link of /proc.
    static func read(_ path: String, _ name: String) throws -> FileDescriptor {
        let named = try Files.open(path, .nameOnly)
        return try read(named.raw, name)
    }

    /// The plain file that a descriptor is open on or names; with a position of its own.
    static func read(_ raw: Int32, _ name: String) throws -> FileDescriptor {
        guard try FileDetails(raw).type == 0o100000 else {
            throw Refusal(.snapshot, "\(name) is no plain file")
        }
        do throws(SystemError) {
            return try Files.openAgain(raw)
        } catch {
            // Whoever has a lease is asked to give it up, and may take his time; this open does not wait.
            guard error.code == EAGAIN else { throw error }
            throw Refusal(.snapshot, "there is a lease on \(name) (F_SETLEASE)")
        }
    }

    static func directory(_ raw: Int32) throws(SystemError) -> FileDescriptor {
        try Files.openAgain(raw, .directory)
    }
}
