// Where this engine keeps things, and the conversation with its warden.

import Glibc
import Linux
import Warden
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

/// A warden of our own: a fork of this process, which is small and has one thread. It lives for one sandbox.
struct WardenProcess: ~Copyable {
    private let socket: MessageSocket
    private let pid: Int32
    var raw: Int32 { socket.raw }

    /// Starts one; the first messages may be sent at once, they wait in the socket.
    init(_ places: Places) throws(Refusal) {
        do throws(SystemError) {
            let ends = try MessageSocket.pair()
            switch try Processes.fork(into: [], cgroup: nil) {
            case .child:
                Self.become(places, ends)
            case .parent(let pid, _):
                _ = FileDescriptor(owning: ends.there)
                socket = MessageSocket(raw: ends.here)
                self.pid = pid
            }
        } catch {
            throw Refusal(.step, "cannot start the warden: \(error)")
        }
    }

    /// In a session of its own, so that a terminal's signals reach only the command line, which passes them on.
    private static func become(_ places: Places, _ ends: (here: Int32, there: Int32)) -> Never {
        // Our copy of the other end: while it is open, the warden would not see the command line go.
        _ = FileDescriptor(owning: ends.here)
        Processes.startSession()
        Processes.setName("martlet-warden")
        if ends.there != Warden.controlDescriptor {
            guard (try? FileDescriptor.duplicate(ends.there, onto: Warden.controlDescriptor, closeOnExec: true)) != nil
            else { _exit(ExitStatus.step) }
            _ = FileDescriptor(owning: ends.there)
        }
        Warden.run(directory: places.run, cgroup: places.cgroup, once: true)
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

    enum Word {
        case reply(WardenReply)
        case nothing
        case gone
    }

    /// The next word of the warden.
    func reply(block: Bool = true) throws(Refusal) -> Word {
        guard let reception = try? socket.receive(block: block, limit: WardenReply.longest) else { return .gone }
        switch consume reception {
        case .nothing: return .nothing
        case .closed: return .gone
        case .message(let message):
            do throws(DecodingError) {
                return .reply(try WardenReply(decoding: message.bytes))
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
