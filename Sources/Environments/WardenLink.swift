// The supervisor's end of the socket to the warden: requests out, replies to whom they are about.

package import Linux
package import Reactor
package import Wire

/// Hears what becomes of a sandbox.
package protocol SandboxOwner: AnyObject {
    func sandboxStarted(steps: [Step], _ given: inout GivenDescriptors)
    func sandboxRefused(_ refusal: Refusal)
    func sandboxEnded(_ outcome: Outcome)
    func processStarted(_ number: UInt32)
    func processRefused(_ number: UInt32, _ refusal: Refusal)
    func processEnded(_ number: UInt32, _ ending: ProcessEnding)
    func socketCame(_ socket: consuming FileDescriptor)
    func sandboxCaptured(_ figures: CaptureFigures)
    func sandboxNotCaptured(_ refusal: Refusal)
    func sandboxRestored()
    func sandboxNotRestored(_ refusal: Refusal)
}

/// What the warden gave, each to be taken once.
package struct GivenDescriptors: ~Copyable {
    private let kinds: [Given]
    private var descriptors: [Int32]

    init(_ kinds: [Given], _ received: consuming Descriptors) {
        self.kinds = kinds
        var descriptors: [Int32] = []
        while let next = received.next() { descriptors.append(next.release()) }
        self.descriptors = descriptors
    }

    package mutating func take(_ kind: Given) -> FileDescriptor? {
        guard let index = kinds.firstIndex(of: kind), index < descriptors.count, descriptors[index] >= 0 else {
            return nil
        }
        defer { descriptors[index] = -1 }
        return FileDescriptor(owning: descriptors[index])
    }

    deinit {
        for raw in descriptors where raw >= 0 { _ = FileDescriptor(owning: raw) }
    }
}

package final class WardenLink: Watched {
    private let socket: MessageSocket
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    private var owners: [UInt32: any SandboxOwner] = [:]
    private var lastID: UInt32 = 0
    /// What the warden reads of its own accord: see `LatestEnds`.
    private let latestEnds: SharedWords?
    private var placesInUse = Set<Int>()
    private var descriptions: [(name: String, done: ([UInt8]?) -> Void)] = []
    /// Called when the warden has gone: nothing works without it.
    package var whenGone: (Refusal) -> Void = { _ in }

    package init(
        _ socket: consuming MessageSocket, _ loop: EventLoop, _ latestEnds: SharedWords? = nil
    ) throws(SystemError) {
        self.socket = socket
        self.latestEnds = latestEnds
        self.loop = loop
        registration = try loop.watch(self.socket.raw, self, chargedTo: .engine)
    }

    /// A number whose word no living sandbox has; where all are in use, the warden refuses one more anyway.
    package func newID() -> UInt32 {
        for _ in 0..<LatestEnds.count {
            lastID &+= 1
            if lastID != 0, !placesInUse.contains(LatestEnds.place(of: lastID)) { break }
        }
        return lastID
    }

    /// By when the sandbox must have done what it does now, on the monotonic clock; zero when it does nothing. A store
    /// to memory: it is on the path of every event.
    package func setLatestEnd(_ time: UInt64, of id: UInt32) { latestEnds?[LatestEnds.place(of: id)] = time }

    private func forget(_ id: UInt32) -> (any SandboxOwner)? {
        guard let owner = owners.removeValue(forKey: id) else { return nil }
        setLatestEnd(0, of: id)
        placesInUse.remove(LatestEnds.place(of: id))
        return owner
    }

    package func create(_ request: SandboxRequest, for owner: any SandboxOwner) {
        owners[request.id] = owner
        placesInUse.insert(LatestEnds.place(of: request.id))
        send(.create(request))
    }

    package func start(_ request: ProcessRequest, in id: UInt32, streams: [Int32]) {
        send(.start(id: id, request), streams)
    }

    package func signal(_ number: Int32, _ process: UInt32, in id: UInt32) {
        send(.signal(id: id, process: process, number: number))
    }

    package func killAll(in id: UInt32) { send(.killAll(id: id)) }
    package func settle(_ id: UInt32) { send(.settle(id: id)) }
    package func askForSocket(in id: UInt32) { send(.socket(id: id)) }
    package func capture(_ request: CaptureRequest, in id: UInt32, logs: [Int32]) {
        send(.capture(id: id, request), logs)
    }

    package func restore(_ id: UInt32, logs: [Int32]) { send(.restore(id: id), logs) }
    package func removeSnapshot(_ name: String) { send(.removeSnapshot(name)) }
    package func learn(_ id: UInt32) { send(.learn(id: id)) }
    package func releaseSnapshot(_ name: String) { send(.releaseSnapshot(name)) }

    /// What the warden has to say of a snapshot, as JSON; nothing when there is none. The empty name asks for a list.
    package func describeSnapshot(_ name: String, then done: @escaping ([UInt8]?) -> Void) {
        descriptions.append((name, done))
        send(name.isEmpty ? .listSnapshots : .describeSnapshot(name))
    }

    private func answerDescription(of name: String, _ file: consuming FileDescriptor?) {
        guard let index = descriptions.firstIndex(where: { $0.name == name }) else { return }
        let done = descriptions.remove(at: index).done
        guard let file else { return done(nil) }
        done(try? MemoryFile.contents(of: file, limit: 8 << 20))
    }

    package func kill(_ id: UInt32) { send(.kill(id: id)) }

    private func send(_ request: WardenRequest, _ descriptors: [Int32] = []) {
        do throws(SystemError) {
            try socket.send(request.encoded(), descriptors: descriptors)
        } catch {
            lose(Refusal(.step, "the warden cannot be reached: \(error)"))
        }
    }

    private func lose(_ reason: Refusal) {
        guard let registration else { return }
        loop.forget(registration)
        self.registration = nil
        whenGone(reason)
    }

    package func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        while registration != nil, turn.canGoOn() {
            turn.charge(Self.workOfReply)
            guard let reception = try? socket.receive(block: false, limit: WardenReply.longest) else {
                return lose(Refusal(.step, "the warden's socket failed"))
            }
            switch consume reception {
            case .nothing: return
            case .closed: return lose(Refusal(.step, "the warden has ended"))
            case .message(let message):
                guard let reply = try? WardenReply(decoding: message.bytes) else {
                    return lose(Refusal(.step, "the warden sent what is no message"))
                }
                hear(reply, message.takeDescriptors())
            }
        }
    }

    /// Most replies make somebody begin something.
    private static let workOfReply = 16

    private func hear(_ reply: WardenReply, _ descriptors: consuming Descriptors) {
        switch reply {
        case .started(let id, let steps, let kinds):
            var given = GivenDescriptors(kinds, descriptors)
            owners[id]?.sandboxStarted(steps: steps, &given)
        case .refused(0, let refusal): lose(refusal)
        case .refused(let id, let refusal): forget(id)?.sandboxRefused(refusal)
        case .ended(let id, let outcome): forget(id)?.sandboxEnded(outcome)
        case .processStarted(let id, let process): owners[id]?.processStarted(process)
        case .processRefused(let id, let process, let refusal): owners[id]?.processRefused(process, refusal)
        case .processEnded(let id, let process, let ending): owners[id]?.processEnded(process, ending)
        case .socket(let id):
            var descriptors = descriptors
            if let socket = descriptors.next() { owners[id]?.socketCame(socket) }
        case .swept: break
        case .captured(let id, let figures): owners[id]?.sandboxCaptured(figures)
        case .notCaptured(let id, let refusal): owners[id]?.sandboxNotCaptured(refusal)
        case .restored(let id): owners[id]?.sandboxRestored()
        case .notRestored(let id, let refusal): owners[id]?.sandboxNotRestored(refusal)
        case .snapshotDescribed(let name):
            var descriptors = descriptors
            answerDescription(of: name, descriptors.next())
        case .snapshotRemoved: break
        }
    }
}
