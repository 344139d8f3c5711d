// The engine's run directory: what must be the same for every keeper on this host, and is worth nothing after a reboot.
//
//     uids.lock        which blocks of host uids are taken
//     seccomp.filter   the compiled profile
//     stage/           empty directories to mount on, each sandbox in a mount namespace of its own

import Glibc
import Linux
package import Wire

package struct Workplace: Sendable {
    package let path: String

    package static let standardPath = "/run/martlet"

    /// A sandbox attaches its root here before it becomes the root (`newRoot`), and what overlayfs shall merge, because
    /// overlayfs takes paths (`lower`). Both are relative to the stage.
    var stage: String { "\(path)/stage" }
    static let newRoot = "root"
    static func lower(_ index: Int) -> String { "\(index)" }
    var locks: String { "\(path)/uids.lock" }

    private static let lowerCount = SandboxRequest.mostLayers + 2

    /// Opens the run directory, made first if need be.
    package init(path: String) throws(Refusal) {
        self.path = path
        do throws(SystemError) {
            // The last thing that is made stands for all of it.
            if !Files.exists("\(stage)/\(Self.newRoot)") { try make() }
            let directory = try Files.open(path, [.directory, .noFollow])
            let about = try Files.kind(of: directory.raw)
            guard about.owner == 0, about.permissions & 0o022 == 0 else {
                throw SystemError(call: "open", subject: "\(path) (others may write to it)", code: EPERM)
            }
        } catch {
            throw Refusal(
                .state,
                "cannot use the run directory \(path): \(error); choose a writable one with --run or MARTLET_RUN")
        }
    }

    private func make() throws(SystemError) {
        try Files.makeDirectories(path, mode: 0o700)
        for index in 0..<Self.lowerCount { try Files.makeDirectories("\(stage)/\(Self.lower(index))") }
        try Files.makeDirectories("\(stage)/\(Self.newRoot)")
    }
}
