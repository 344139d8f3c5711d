// Files that root named at the start and that go with the warden. Their directories are held open from then on: whoever
// owns one may rename it and put a link in its place, and must not thereby choose what is removed.

import Linux
import Wire

final class DoomedFiles {
    private var directories = Descriptors(owning: [])
    private var names: [String] = []

    func add(_ path: String) throws(Refusal) {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), path[slash...].count > 1 else {
            throw Refusal(.request, "--remove \(path): give the absolute path of a file")
        }
        do throws(SystemError) {
            let parent = slash == path.startIndex ? "/" : String(path[..<slash])
            directories.add(try Files.open(parent, [.nameOnly, .directory]))
        } catch {
            throw Refusal(.state, "--remove \(path): \(error)")
        }
        names.append(String(path[path.index(after: slash)...]))
    }

    /// One that is gone already is as good as removed.
    func remove() {
        for (index, name) in names.enumerated() {
            try? Files.remove(name, in: Directory(raw: directories[index]))
        }
    }
}
