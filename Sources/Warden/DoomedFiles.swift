// Sockets of the supervisor's that go with the warden. Root named them at the start and gave each one along, held open:
// what has the name at the end is removed only if it still is that file, and never one that another engine has put there
// since. Their directories are held as well: whoever owns one may rename it and put a link in its place, and must not
// thereby choose what is removed.

import Linux
import Wire

final class DoomedFiles {
    private var directories = Descriptors(owning: [])
    private var files = Descriptors(owning: [])
    private var names: [String] = []

    /// - Parameter words: `NUMBER:PATH`, the number of a descriptor that is open on the file
    func add(_ words: String) throws(Refusal) {
        guard let colon = words.firstIndex(of: ":"), let raw = Int32(words[..<colon]),
            raw > Warden.controlDescriptor
        else { throw Refusal(.request, "--remove \(words): give the number of a descriptor, a colon, and a path") }
        let path = words[words.index(after: colon)...]
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/"), path[slash...].count > 1 else {
            throw Refusal(.request, "--remove \(words): give the absolute path of a file")
        }
        do throws(SystemError) {
            _ = try Files.kind(of: raw)
            let parent = slash == path.startIndex ? "/" : String(path[..<slash])
            directories.add(try Files.open(parent, [.nameOnly, .directory]))
        } catch {
            throw Refusal(.state, "--remove \(words): \(error)")
        }
        // Nobody else has use for it: not what is forked, and not what is executed.
        files.add(FileDescriptor(owning: raw))
        names.append(String(path[path.index(after: slash)...]))
    }

    /// One that is gone already is as good as removed.
    func remove() {
        for (index, name) in names.enumerated() {
            let file = FileDescriptor(owning: files[index])
            try? PublicSocket.remove(name, in: Directory(raw: directories[index]), ifStill: file)
            _ = file.release()
        }
    }
}
