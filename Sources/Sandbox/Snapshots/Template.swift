// A template: a process that has the memory of a snapshot at its place in its own, and does nothing but give birth to
// sandboxes. Their pid 1 has that memory from it, and so has what is restored in them, without a page being copied until
// somebody writes to it. It is real anonymous memory: what a program may do with its memory, a clone may.
//
// One for each snapshot that sandboxes are made from; a fork of the warden, and as privileged as that. It never runs or
// reads what it holds.

import Glibc
import Linux
import Snapshot
package import Wire

package final class Template {
    package let name: String
    private let pid: Int32
    let process: FileDescriptor
    let channel: MessageSocket
    package private(set) var isReady = false
    private let request: SandboxRequest

    /// Whom it makes for: descriptors to watch.
    package var watched: (channel: Int32, process: Int32) { (channel.raw, process.raw) }

    /// Forks it; when it has loaded the snapshot it says so.
    /// - Parameter request: one of those that it will make; all name the same directories
    package init(
        _ name: String, _ request: SandboxRequest, _ foundations: Foundations
    ) throws(Refusal) {
        let image = try foundations.openSnapshots().open(name)
        let inputs = try Inputs(request, within: foundations.confinement)
        self.name = name
        self.request = request
        do throws(SystemError) {
            let ends = try MessageSocket.pair()
            channel = MessageSocket(raw: ends.here)
            // The child's own: here it is closed when there is a child, and in the child never.
            let there = ends.there
            switch try Processes.fork(into: [], cgroup: nil) {
            case .child:
                TemplateProcess(image, inputs, request, foundations, there).run()
            case .parent(let pid, let handle):
                self.pid = pid
                process = handle
                _ = FileDescriptor(owning: there)
            }
        } catch {
            throw Refusal(.step, "make a template: \(error)")
        }
    }

    deinit {
        try? Processes.signal(SIGKILL, to: process)
        _ = try? Processes.wait(for: pid)
    }

    /// What it has to say about its loading: nil as long as it has not.
    package func hear() -> Result<Void, Refusal>? {
        guard let reception = try? channel.receive(block: false, limit: TemplateMessage.longest) else {
            return .failure(Self.gone)
        }
        switch consume reception {
        case .nothing: return nil
        case .closed: return .failure(Self.gone)
        case .message(let message):
            switch try? TemplateMessage(decoding: message.bytes) {
            case .ready?:
                isReady = true
                return .success(())
            case .refused(let refusal)?: return .failure(refusal)
            default: return .failure(Self.gone)
            }
        }
    }

    private static let gone = Refusal(.snapshot, "the template has ended")

    /// What was loaded belongs to these directories, and to no others.
    package func serves(_ other: SandboxRequest) -> Bool {
        other.root == request.root && other.code == request.code && other.layers == request.layers
    }

    /// A pid 1 in namespaces of its own, born into the group. It is a child of ours, not of the template.
    func giveBirth(
        _ request: SandboxRequest, _ block: UserBlock, null: Int32, channel end: Int32,
        group: borrowing FileDescriptor?
    ) throws(SystemError) -> Processes.Fork {
        var raws = [null, end]
        switch group {
        case .some(let group): raws.append(group.raw)
        case .none: break
        }
        try channel.send(TemplateMessage.birth(request, block: block.index).encoded(), descriptors: raws)
        guard case .message(var message) = try channel.receive(limit: TemplateMessage.longest),
            case .born(let pid)? = try? TemplateMessage(decoding: message.bytes),
            let handle = message.descriptors.next()
        else { throw SystemError(call: "give birth", subject: "from the template of \(name)", code: ECHILD) }
        return .parent(pid: pid, handle: handle)
    }
}

/// What a keeper and a template say to each other.
enum TemplateMessage {
    case ready
    case refused(Refusal)
    /// Comes with /dev/null, the end of the channel, and the group if there is one.
    case birth(SandboxRequest, block: UInt32)
    /// Comes with a pidfd.
    case born(Int32)

    static let longest = MessageSocket.longest

    func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .ready: encoder.put(UInt8(1))
        case .refused(let refusal):
            encoder.put(UInt8(2))
            refusal.encode(into: &encoder)
        case .birth(let request, let block):
            encoder.put(UInt8(3))
            encoder.put(block)
            request.encode(into: &encoder)
        case .born(let pid):
            encoder.put(UInt8(4))
            encoder.put(pid)
        }
        return encoder.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .ready
        case 2: self = .refused(try Refusal(from: &decoder))
        case 3:
            let block: UInt32 = try decoder.integer()
            self = .birth(try SandboxRequest(from: &decoder), block: block)
        case 4: self = .born(try decoder.integer())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}
