// Where the directories of a request must lie when whoever asks is not root: a path is opened with root's rights, and must
// not become a way to read what only root may. The kernel walks it, and refuses the first step that leads out; nothing
// here decides by the text alone.

import Glibc
import Linux
import Wire

final class Confinement {
    private let path: String
    private let directory: FileDescriptor

    init(to path: String) throws(Refusal) {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let opened: FileDescriptor
        do throws(SystemError) {
            // Whoever could exchange it would choose what root opens.
            opened = try Files.openTrusted(String(path))
        } catch {
            throw Refusal(.state, "cannot use the state directory: \(error)")
        }
        self.path = String(path)
        directory = opened
    }

    /// Opens a directory below the one that this confines to. Links are followed as long as they stay within.
    func open(_ path: String, as role: String) throws(Refusal) -> FileDescriptor {
        guard path.hasPrefix(self.path + "/") else { throw outside(path, role) }
        let inside = path.utf8.dropFirst(self.path.utf8.count).drop { $0 == UInt8(ascii: "/") }
        guard !inside.isEmpty else { throw outside(path, role) }
        let opened: FileDescriptor
        do throws(SystemError) {
            opened = try Files.openDirectory(String(Substring(inside)), beneath: Directory(directory))
        } catch {
            if error.code == EXDEV { throw outside(path, role) }
            throw Inputs.refusal(path, role, error)
        }
        // `.` does not lead out, and is all of it.
        if Files.isSame(opened, directory) { throw outside(path, role) }
        return opened
    }

    private func outside(_ path: String, _ role: String) -> Refusal {
        Refusal(.input, "the \(role) \(path) does not lie below the state directory \(self.path)")
    }
}
