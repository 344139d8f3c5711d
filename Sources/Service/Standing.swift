// From root to nobody: what root has to make first, then the drop, for good.

import Environments
import Glibc
import Linux
package import Wire

package struct Standing: ~Copyable {
    let warden: MessageSocket
    /// One or none.
    var listener: Descriptors

    /// Makes what takes root's rights, and gives them up. There must be one thread.
    package static func take(_ settings: ServiceSettings) throws(Refusal) -> Standing {
        guard Credentials.userID == 0 else {
            throw Refusal(.rights, "making sandboxes needs root: run it with sudo")
        }
        // A peer that has gone shows in the result of a write.
        Signals.ignore(SIGPIPE)
        var listener = Descriptors(owning: [])
        do throws(SystemError) {
            for name in ["functions", "logs", "passing"] {
                let path = "\(settings.engine.state)/\(name)"
                try Files.makeDirectories(path, mode: 0o700)
                let directory = try Files.open(path, [.directory, .noFollow])
                try Files.changeOwner(of: directory.raw, to: settings.user)
            }
        } catch {
            throw Refusal(
                .state, "cannot use the state directory \(settings.engine.state): \(error); choose one with --state")
        }
        if let path = settings.socket { listener.add(try listen(at: path, settings)) }
        let warden = try WardenProcess.start(settings)
        do throws(SystemError) {
            try ResourceLimit.openFiles.useAll()
            try Capabilities.dropBounds()
            try Credentials.setGroup(settings.user)
            try Credentials.setUser(UserIDs(all: settings.user))
            try Capabilities.dropAll()
            try Capabilities.forbidNewPrivileges()
        } catch {
            throw Refusal(.step, "give up root's rights: \(error)")
        }
        return Standing(warden: warden, listener: listener)
    }

    private static func listen(at path: String, _ settings: ServiceSettings) throws(Refusal) -> FileDescriptor {
        do throws(SystemError) {
            if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
                let directory = String(path[..<slash])
                try Files.makeDirectories(directory, mode: 0o755)
                // Other commands make the run directory root's alone: who may use the socket has to get there.
                if directory == settings.run { try Files.setPermissions(of: directory, 0o711) }
            }
            if Files.exists(path) {
                if (try? StreamSockets.connect(to: path)) != nil {
                    throw SystemError(call: "listen", subject: "\(path) (another engine serves it)", code: EADDRINUSE)
                }
                try Files.remove(path)
            }
            // Nobody may connect before owner and mode are what they shall be.
            Files.setCreationMask(0o177)
            let listener = try StreamSockets.listen(at: path)
            try Files.setOwner(of: path, user: settings.user, group: settings.socketGroup ?? settings.user)
            try Files.setPermissions(of: path, settings.socketMode)
            Files.setCreationMask(0)
            return listener
        } catch {
            throw Refusal(.state, "cannot listen at \(path): \(error); choose another place with --socket")
        }
    }
}
