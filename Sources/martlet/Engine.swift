// Where this engine keeps things, and the conversation with its warden.

import Glibc
import Linux
import Wire

/// The places that every command may be told of.
struct Places {
    var state = environment("MARTLET_STATE") ?? "/var/lib/martlet"
    var run = environment("MARTLET_RUN") ?? "/run/martlet"
    var cgroup = environment("MARTLET_CGROUP")

    /// The directory of a runtime's root, or why there is none.
    func root(of runtime: String) throws(Refusal) -> String {
        let path = "\(state)/roots/\(runtime)"
        if !runtime.contains("/"), Files.exists(path) { return path }
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

/// A warden of our own.
struct WardenProcess: ~Copyable {
    private let socket: MessageSocket
    private let pid: Int32
    var raw: Int32 { socket.raw }

    /// Starts one; the first messages may be sent at once, they wait in the socket.
    init(_ places: Places) throws(Refusal) {
        var arguments = ["martlet-warden", "--run", places.run]
        if let cgroup = places.cgroup { arguments += ["--cgroup", cgroup] }
        do throws(SystemError) {
            let ends = try MessageSocket.pair()
            let here = MessageSocket(raw: ends.here)
            let there = FileDescriptor(owning: ends.there)
            let null = try Files.open("/dev/null", .readWrite)
            let pid = try Spawn.start(
                Self.path, arguments: arguments, environment: [],
                streams: [(null.raw, 0), (null.raw, 1), (there.raw, 3)], ownSession: true)
            self.init(socket: here, pid: pid)
        } catch {
            throw Refusal(.step, "cannot start the warden: \(error)")
        }
    }

    private init(socket: consuming MessageSocket, pid: Int32) {
        self.socket = socket
        self.pid = pid
    }

    /// Beside this program.
    private static var path: String {
        let own = (try? Files.readLink("/proc/self/exe")) ?? CommandLine.arguments[0]
        return own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + "martlet-warden"
    }

    func send(_ request: WardenRequest, descriptors: [Int32] = []) throws(Refusal) {
        do throws(SystemError) {
            try socket.send(request.encoded(), descriptors: descriptors)
        } catch {
            // EPIPE: it has ended, and what it said before can still be read.
            if error.code == EPIPE || error.code == ECONNRESET { return }
            if error.code == EMSGSIZE { throw Refusal(.request, "the command and its environment are too long") }
            throw Refusal(.step, "cannot ask the warden: \(error)")
        }
    }

    /// The next word of the warden, nil when it is gone.
    func reply() throws(Refusal) -> WardenReply? {
        guard let reception = try? socket.receive() else { return nil }
        switch consume reception {
        case .nothing: return nil
        case .closed: return nil
        case .message(let message):
            do throws(DecodingError) {
                return try WardenReply(decoding: message.bytes)
            } catch {
                throw Refusal(.step, "the warden answered what is no message (\(error)): are both of one build?")
            }
        }
    }

    /// Lets it go and waits until it is gone.
    consuming func finish() {
        let pid = pid
        drop()
        _ = try? Processes.wait(for: pid)
    }

    private consuming func drop() {}
}
