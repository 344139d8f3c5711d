// The warden's side of the socket to its supervisor. Nothing here waits: what the supervisor does not read is kept, up to
// a bound, and written when it does.

import Glibc
import Linux
import Sandbox
import Wire

final class ControlSocket {
    private let socket = MessageSocket(raw: Warden.controlDescriptor)
    private var unsent: [Unsent] = []
    private var unsentBytes = 0

    private final class Unsent {
        let bytes: [UInt8]
        let descriptors: Descriptors

        init(_ bytes: [UInt8], _ descriptors: consuming Descriptors) {
            self.bytes = bytes
            self.descriptors = descriptors
        }
    }

    /// More than all sandboxes can have to tell at once. Whoever leaves that much unread reads no more.
    private static let mostUnsent = 16_384
    private static let mostUnsentBytes = 16 << 20
    /// So many requests are taken at a time; then the sandboxes have their turn.
    private static let mostAtATime = 64

    var hasUnsent: Bool { !unsent.isEmpty }
    /// The supervisor does not read what it is told.
    var isStuck: Bool { unsent.count > Self.mostUnsent || unsentBytes > Self.mostUnsentBytes }
    /// Requests may be there that were not taken yet.
    private(set) var hasMore = false

    func send(_ reply: WardenReply, _ descriptors: consuming Descriptors = Descriptors(owning: [])) {
        let bytes = reply.encoded()
        if unsent.isEmpty, write(bytes, descriptors) { return }
        unsentBytes += bytes.count
        unsent.append(Unsent(bytes, descriptors))
    }

    /// Writes what can be written of what was kept.
    func flush() {
        var written = 0
        for one in unsent {
            guard write(one.bytes, one.descriptors) else { break }
            unsentBytes -= one.bytes.count
            written += 1
        }
        unsent.removeFirst(written)
    }

    /// False when it has to wait.
    private func write(_ bytes: [UInt8], _ descriptors: borrowing Descriptors) -> Bool {
        do throws(SystemError) {
            try socket.send(bytes, descriptors: descriptors.numbers, block: false)
            return true
        } catch {
            // When nobody listens any more, the next event says so.
            return ![EAGAIN, ENOBUFS, ENOMEM].contains(error.code)
        }
    }

    /// False when the other side is gone, or speaks another language: there is no sense in going on with it.
    func takeRequests(for keeper: Keeper) -> Bool {
        hasMore = false
        for _ in 0..<Self.mostAtATime {
            guard let reception = try? socket.receive(block: false) else { return false }
            switch consume reception {
            case .closed: return false
            case .nothing: return true
            case .message(let message):
                guard let request = try? WardenRequest(decoding: message.bytes) else { return false }
                answer(request, message.takeDescriptors(), keeper)
            }
        }
        hasMore = true
        return true
    }

    private func answer(_ request: WardenRequest, _ descriptors: borrowing Descriptors, _ keeper: Keeper) {
        switch request {
        case .create(let request):
            if !request.without.isEmpty {
                // Experiments are root's own: a supervisor has no business with less isolation.
                send(.refused(id: request.id, Refusal(.request, "the warden takes no measure of isolation away")))
            } else if descriptors.count == (request.waits ? 0 : 3) {
                keeper.create(request, streams: descriptors.numbers)
            } else {
                let who = request.waits ? "a sandbox without a command has no" : "a command needs three"
                send(.refused(id: request.id, Refusal(.request, "\(who) standard streams")))
            }
        case .start(let id, let request): keeper.start(request, in: id, streams: descriptors.numbers)
        case .signal(let id, let process, let number): keeper.signal(number, to: process, in: id)
        case .killAll(let id): keeper.killAll(in: id)
        case .settle(let id): keeper.settle(id)
        case .socket(let id): keeper.socket(in: id)
        case .kill(let id): keeper.kill(id)
        case .sweep: keeper.sweep()
        case .capture(let id, let request): keeper.capture(request, in: id, logs: descriptors.numbers)
        case .restore(let id): keeper.restore(id, logs: descriptors.numbers)
        case .describeSnapshot(let name): keeper.describeSnapshot(name)
        case .removeSnapshot(let name): keeper.removeSnapshot(name)
        case .releaseSnapshot(let name): keeper.releaseSnapshot(name)
        case .listSnapshots: keeper.listSnapshots()
        case .learn(let id): keeper.learn(id)
        }
    }
}
