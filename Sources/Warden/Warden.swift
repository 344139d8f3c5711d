// The privileged half of a supervisor that has no rights: makes and ends sandboxes as it is asked to over a socket, and
// ends with everything it made when the other side is gone. One thread, no shell, no Foundation.
//
// What it is told is checked as if the caller were hostile (Wire decodes, SandboxRequest.problem and Sandbox check).

import Glibc
import Linux
import Sandbox
import Wire

package enum Warden {
    /// The socket to the other side.
    package static let controlDescriptor: Int32 = 3

    /// Serves the socket under `controlDescriptor` until the other side is gone.
    package static func run(directory: String, cgroup: String?) -> Never {
        // The modes that the code names are the modes it means.
        Files.setCreationMask(0)
        let control = ControlSocket()
        do throws(Refusal) {
            var log = StepLog(.outside)
            let keeper = try Keeper(try Foundations(run: directory, cgroup: cgroup, &log)) { control.send($0) }
            try keeper.watch(controlDescriptor, token: 0)
            _ = keeper.sweep()
            while !(try keeper.wait().contains(0)) || control.takeRequests(for: keeper) {}
            keeper.endAll()
        } catch {
            // Before there is any request to answer: the caller waits for the first word.
            control.send(.refused(id: 0, error))
        }
        _exit(0)
    }
}

private final class ControlSocket {
    private let socket = MessageSocket(raw: Warden.controlDescriptor)

    func send(_ reply: WardenReply) {
        // When nobody listens any more, the next event says so.
        try? socket.send(reply.encoded())
    }

    /// False when the other side is gone, or speaks another language: there is no sense in going on with it.
    func takeRequests(for keeper: Keeper) -> Bool {
        while true {
            guard let reception = try? socket.receive(block: false) else { return false }
            switch consume reception {
            case .closed: return false
            case .nothing: return true
            case .message(let message):
                guard let request = try? WardenRequest(decoding: message.bytes) else { return false }
                answer(request, message.takeDescriptors(), keeper)
            }
        }
    }

    private func answer(_ request: WardenRequest, _ descriptors: borrowing Descriptors, _ keeper: Keeper) {
        switch request {
        case .create(let request):
            if !request.without.isEmpty {
                // Experiments are root's own: a supervisor has no business with less isolation.
                send(.refused(id: request.id, Refusal(.request, "the warden takes no measure of isolation away")))
            } else if descriptors.count == 3 {
                keeper.create(request, streams: [descriptors[0], descriptors[1], descriptors[2]])
            } else {
                send(.refused(id: request.id, Refusal(.request, "a command needs three standard streams")))
            }
        case .signal(let id, let number): keeper.forward(signal: number, to: id)
        case .kill(let id): keeper.kill(id)
        case .sweep: send(.swept(keeper.sweep()))
        }
    }
}
