// From root to nobody: what root has to make first, then the drop, for good.

import Environments
import Glibc
import Linux
package import Wire

package struct Standing: ~Copyable {
    let warden: MessageSocket
    let latestEnds: SharedWords
    /// One or none.
    var listener: Descriptors

    /// Makes what takes root's rights, and gives them up. There must be one thread.
    package static func take(_ settings: ServiceSettings) throws(Refusal) -> Standing {
        guard Credentials.userID == 0 else {
            throw Refusal(.rights, "making sandboxes needs root: run it with sudo")
        }
        // A peer that has gone shows in the result of a write.
        Signals.ignore(SIGPIPE)
        try makePlaces(settings)
        var listener = Descriptors(owning: [])
        var file = Descriptors(owning: [])
        if let path = settings.socket {
            var socket = try listen(at: path, settings)
            if let next = socket.next() { listener.add(next) }
            if let next = socket.next() { file.add(next) }
        }
        let latestEnds: SharedWords
        do throws(SystemError) {
            latestEnds = try SharedWords(LatestEnds.count, named: "latest-ends")
        } catch {
            throw Refusal(.step, "make memory for the warden to read: \(error)")
        }
        let warden = try WardenProcess.start(settings, latestEnds: latestEnds, socketFile: file.numbers.first)
        latestEnds.closeFile()
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
        return Standing(warden: warden, latestEnds: latestEnds, listener: listener)
    }

    /// The directories of the engine's own user, below the state directory, which is root's alone.
    private static func makePlaces(_ settings: ServiceSettings) throws(Refusal) {
        do throws(SystemError) {
            let state = try Files.makeTrusted(settings.engine.state)
            for name in ["functions", "logs", "passing"] {
                do throws(SystemError) {
                    try Files.makeDirectory(name, in: Directory(state), mode: 0o700)
                } catch {
                    if error.code != EEXIST { throw error }
                }
                let directory = try Files.open(name, in: Directory(state), [.directory, .noFollow])
                try Files.changeOwner(of: directory.raw, to: settings.user)
            }
        } catch {
            throw Refusal(
                .state, "cannot use the state directory \(settings.engine.state): \(error); choose one with --state")
        }
    }

    private static func listen(at path: String, _ settings: ServiceSettings) throws(Refusal) -> Descriptors {
        do throws(SystemError) {
            let slash = path.lastIndex(of: "/")
            let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
            // The run directory is root's alone; another place may be whoever's.
            if parent == settings.run { _ = try Files.makeTrusted(parent) }
            try Files.makeDirectories(parent, mode: 0o755)
            let directory = try Files.open(parent, .directory)
            // Other commands make the run directory root's alone: who may use the socket has to get there.
            if parent == settings.run { try Files.setPermissions(of: directory, 0o711) }
            return try PublicSocket.listen(
                at: slash.map { String(path[path.index(after: $0)...]) } ?? path, in: directory,
                PublicSocket.Access(
                    mode: settings.socketMode, user: settings.user, group: settings.socketGroup ?? settings.user))
        } catch {
            throw Refusal(.state, "cannot listen at \(path): \(error); choose another place with --socket")
        }
    }
}
