// Where this engine keeps things. Every command may be told of other places.

import Glibc
import Linux
import Wire

struct Places {
    var state = environment("MARTLET_STATE") ?? "/var/lib/martlet"
    var run = environment("MARTLET_RUN") ?? "/run/martlet"
    var cgroup = environment("MARTLET_CGROUP")

    /// Where the engine listens, when that was said apart.
    var givenSocket = environment("MARTLET_SOCKET")

    var socket: String { givenSocket ?? "\(run)/control.sock" }

    /// A path as the engine must have it: it may have another working directory.
    static func absolute(_ path: String) throws(UsageError) -> String {
        if path.isEmpty { throw UsageError(message: "an empty path names nothing") }
        return path.hasPrefix("/") ? path : Files.workingDirectory() + "/" + path
    }

    /// The directory of a runtime's root, or why there is none.
    func root(of runtime: String) throws(Refusal) -> String {
        let path = "\(state)/roots/\(runtime)"
        if !runtime.isEmpty, !runtime.hasPrefix("."), !runtime.contains("/"), Files.exists(path) { return path }
        let known = ((try? Files.names(in: "\(state)/roots")) ?? []).filter { !$0.hasPrefix(".") }.sorted()
        throw Refusal(
            .input,
            known.isEmpty
                ? "there is no runtime '\(runtime)': no root file system was built in \(state)/roots; run scripts/roots"
                : "there is no runtime '\(runtime)' in \(state)/roots; there are \(known.joined(separator: ", "))")
    }

    private static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }
}
