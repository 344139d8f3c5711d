// Starts the warden: the program beside ours, with one end of a socket and nothing else.

import Environments
import Glibc
import Linux
import Wire

enum WardenProcess {
    /// The numbers under which the warden finds what it is given.
    private static let link: Int32 = 3
    private static let latestEnds: Int32 = 4
    private static let socketFile: Int32 = 5

    /// - Parameter latestEnds: the words that tell it when sandboxes must end
    /// - Parameter socketFile: the name of the control socket, held; the warden removes it at its end
    static func start(_ settings: ServiceSettings, latestEnds: SharedWords, socketFile: Int32?) throws(Refusal)
        -> MessageSocket
    {
        do throws(SystemError) {
            let own = try Files.readLink("/proc/self/exe")
            let path = String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/martlet-warden"
            guard Files.exists(path) else {
                throw SystemError(call: "find", subject: "\(path), which belongs beside martlet", code: ENOENT)
            }
            let ends = try MessageSocket.pair()
            let here = MessageSocket(raw: ends.here)
            let there = FileDescriptor(owning: ends.there)
            var words = ["martlet-warden", "--state", settings.engine.state, "--run", settings.run]
            // None of these may have a number that another one gets.
            let link = try FileDescriptor.duplicate(there.raw, from: 64)
            var held = Descriptors(owning: [])
            var given = [(from: link.raw, to: Self.link)]
            if let file = latestEnds.file {
                words += ["--latest-ends", String(Self.latestEnds)]
                held.add(try FileDescriptor.duplicate(file, from: 64))
                given.append((held[0], Self.latestEnds))
            }
            if let cgroup = settings.cgroup { words += ["--cgroup", cgroup] }
            if let path = settings.socket, let socketFile {
                words += ["--remove", "\(Self.socketFile):\(path)"]
                held.add(try FileDescriptor.duplicate(socketFile, from: 64))
                given.append((held[held.count - 1], Self.socketFile))
            }
            // A command for one event stays where its caller has put it.
            if settings.socket != nil, !settings.engine.waived.contains(Limit.memory.rawValue) {
                words += ["--supervisor", "\(getpid()):\(settings.engine.supervisorMemoryMB)"]
            }
            words += settings.wardenOptions
            _ = try Spawn.start(path, arguments: words, environment: [], streams: given, ownSession: true)
            return here
        } catch {
            throw Refusal(.step, "start the warden: \(error)")
        }
    }
}
