// Starts the warden: the program beside ours, with one end of a socket and nothing else.

import Environments
import Glibc
import Linux
import Wire

enum WardenProcess {
    static func start(_ settings: ServiceSettings) throws(Refusal) -> MessageSocket {
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
            if let cgroup = settings.cgroup { words += ["--cgroup", cgroup] }
            if let socket = settings.socket { words += ["--remove", socket] }
            words += settings.wardenOptions
            _ = try Spawn.start(path, arguments: words, environment: [], streams: [(there.raw, 3)], ownSession: true)
            return here
        } catch {
            throw Refusal(.step, "start the warden: \(error)")
        }
    }
}
