// The engine's run directory: working files, worth nothing after a reboot.
//
//     seccomp.filter   the compiled profile
//     stage/           empty directories to mount on, each sandbox in a mount namespace of its own

import Glibc
import Linux
package import Wire

package struct Workplace: Sendable {
    package let path: String

    package static let standardPath = "/run/martlet"

    /// A sandbox attaches its root here before it becomes the root (`newRoot`), and what overlayfs shall merge, because
    /// overlayfs takes paths (`lower`; `empty` where there is nothing to merge with). All are relative to the stage:
    /// the table of mounts inside shows these paths, and none of the host's.
    var stage: String { "\(path)/stage" }
    static let newRoot = "root"
    static let empty = "empty"
    static func lower(_ index: Int) -> String { "\(index)" }
    /// Which blocks of host uids are taken. One file for all engines of a host, whatever their run directories: the uids
    /// are the host's.
    static let locks = "/run/martlet-uids.lock"

    /// Behind those of the layers.
    static let lowerSkeleton = lower(SandboxRequest.mostLayers)
    static let lowerRoot = lower(SandboxRequest.mostLayers + 1)
    static let lowerCode = lower(SandboxRequest.mostLayers + 2)

    private static let lowerCount = SandboxRequest.mostLayers + 3

    /// Opens the run directory, made first if need be.
    package init(path: String) throws(Refusal) {
        self.path = path
        do throws(SystemError) {
            // It is root's alone, and so is all that is in it, which may be named by its path.
            _ = try Files.makeTrusted(path, mode: 0o700)
            // The last thing that is made stands for all of it.
            if !Files.exists("\(stage)/\(Self.empty)") { try make() }
        } catch {
            throw Refusal(
                .state,
                "cannot use the run directory \(path): \(error); choose a writable one with --run or MARTLET_RUN")
        }
    }

    /// Makes the stage the working directory, and with it that of every sandbox that is forked: the kernel moves it along
    /// into the new mount namespace, where its path may be out of reach.
    func enter() throws(Refusal) {
        do throws(SystemError) {
            try Mounts.changeDirectory(to: stage)
        } catch {
            throw Refusal(.state, "cannot enter the run directory \(path): \(error)")
        }
    }

    private func make() throws(SystemError) {
        for index in 0..<Self.lowerCount { try Files.makeDirectories("\(stage)/\(Self.lower(index))") }
        try Files.makeDirectories("\(stage)/\(Self.newRoot)")
        try Files.makeDirectories("\(stage)/\(Self.empty)")
    }
}
