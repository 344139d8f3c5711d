// Listeners, and the connections that came through them: how many there may be, and how long a slow one is waited for.

import Glibc
package import Linux
package import Wire

/// What answers requests.
package protocol HTTPService: AnyObject {
    /// The head of a request has come: what shall become of its body. May answer at once; the body is then thrown away.
    func plan(_ exchange: HTTPExchange) -> BodyPlan
    /// The request is whole. It may be answered now or later.
    func serve(_ exchange: HTTPExchange)
    /// The body that says why a request cannot be understood.
    func refusal(of error: HTTPError) -> [UInt8]
}

extension HTTPService {
    package func refusal(of error: HTTPError) -> [UInt8] {
        JSON.object([("errorType", .text("BadRequest")), ("errorMessage", .text(error.message))]).bytes
    }
}

package enum BodyPlan {
    /// Kept in `HTTPExchange.body`; of one that is larger nothing is kept, and `isTooLarge` says so.
    case collect(limit: Int)
    /// Given away part by part.
    case pass(to: any BodyReceiver)
}

package protocol BodyReceiver: AnyObject {
    /// False when nobody wants it.
    func receive(_ part: ArraySlice<UInt8>) -> Bool
    /// Bytes that it keeps.
    var held: Int { get }
    func end(trailers: HTTPFields)
    /// The connection ended in the middle.
    func cut()
}

/// What the kernel may keep for the connections of a server, in bytes of each direction; it doubles them. Without a bound
/// it gives a connection more and more, megabytes in the end. Who has a few connections has them wide; the others are
/// narrow, so that many cost the host no more.
package struct KernelBuffers: Sendable {
    package let wide, narrow: Int32
    /// How many are wide.
    package let count: Int

    package init(wide: Int32, count: Int, narrow: Int32) {
        (self.wide, self.count, self.narrow) = (wide, count, narrow)
    }
}

package struct HTTPServerLimits: Sendable {
    package var connections = 1024
    /// None: as much as the kernel likes.
    package var kernelBuffers: KernelBuffers?
    package var http = HTTPLimits()
    /// Of a body that nobody wants as much is read and thrown away, so that its sender can hear why. Then the connection
    /// ends.
    package var discarded = 8 << 20
    /// A request whose next part does not come within this time, and an answer that is not taken, end the connection.
    package var patience: UInt64 = 30_000_000_000

    package init() {}
}

package final class HTTPServer {
    let loop: EventLoop
    let limits: HTTPServerLimits
    /// Owns this server. Not weak: a weak reference slows every use of what it is to.
    unowned let service: any HTTPService
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private var sweep: Timer?
    /// What the connections make us hold: requests that are not served yet, answers not taken yet.
    let holdings: Holdings
    private let payer: Payer
    /// For what came through sockets that bring descriptors along.
    private(set) var closing: ClosingThread?
    /// Whether the one at the other end may speak; asked once for each connection.
    package var admits: (Int32) -> Bool = { _ in true }
    /// What the other side of a new connection has sent through another one that this takes the place of, and will not
    /// send again: it is read as if it had just come. Asked once for each connection, when it is there.
    package var takesUp: ((ConnectionPlace) -> [UInt8]?)?

    /// - Parameter payer: whose share the turns of its listeners and connections are charged to
    package init(
        _ loop: EventLoop, _ service: any HTTPService, limits: HTTPServerLimits = HTTPServerLimits(),
        chargedTo payer: Payer, holdings: Holdings
    ) {
        self.loop = loop
        self.service = service
        self.limits = limits
        self.payer = payer
        self.holdings = holdings
    }

    func watch(_ raw: Int32, _ watched: any Watched) throws(SystemError) -> EventLoop.Registration {
        try loop.watch(raw, watched, chargedTo: payer)
    }

    package var connectionCount: Int { connections.count }

    /// - Parameter number: tells the connections of one listener from those of another
    /// - Parameter takesDescriptors: whether it may be one whose connections can bring descriptors along. They are closed
    ///   unseen; but that is for those who have the right to be there, on a kernel that cannot refuse them.
    package func listen(
        on descriptor: consuming FileDescriptor, number: UInt8 = 0, takesDescriptors: Bool = false
    ) throws(SystemError) {
        if StreamSockets.bringsDescriptors(descriptor.raw) {
            guard takesDescriptors else {
                throw SystemError(call: "listen", subject: "a socket that brings descriptors", code: EPERM)
            }
            if closing == nil { closing = try ClosingThread() }
        }
        let listener = Listener(descriptor, number, self)
        try listener.begin()
        listeners.append(listener)
    }

    /// No new connections; those that there are go on.
    package func stopListening() {
        for listener in listeners { listener.end() }
        listeners = []
    }

    package func closeConnections() {
        for connection in Array(connections.values) { connection.close() }
    }

    package func closeAll() {
        stopListening()
        closeConnections()
        sweep?.cancel()
    }

    /// Whether answers are on their way that were not taken yet.
    package var hasPendingOutput: Bool { connections.values.contains { $0.pendingOutput > 0 } }

    package var hasOpenExchanges: Bool { connections.values.contains { $0.hasOpenExchange } }

    /// Answers that need not leave before the next one leave now.
    package func sendWhatWaits() {
        for connection in Array(connections.values) { connection.sendWhatWaits() }
    }

    /// Where each connection stands.
    package var standings: [ConnectionStanding] { connections.values.map(\.standing) }

    fileprivate func take(_ descriptor: consuming FileDescriptor, from listener: UInt8) {
        guard connections.count < limits.connections, admits(descriptor.raw), holdings.takeDescriptor() else {
            return refuse(descriptor)
        }
        StreamSockets.sendAtOnce(descriptor.raw)
        if let buffers = limits.kernelBuffers {
            let isWide = connections.count < buffers.count
            StreamSockets.boundBuffers(descriptor.raw, bytes: isWide ? buffers.wide : buffers.narrow)
        }
        let place = ConnectionPlace(listener: listener, raw: descriptor.raw)
        let connection = HTTPConnection(descriptor, self, listener)
        connections[ObjectIdentifier(connection)] = connection
        connection.begin(after: takesUp?(place))
    }

    private func refuse(_ descriptor: consuming FileDescriptor) {
        guard let closing else { return }
        var descriptors = Descriptors(owning: [])
        descriptors.add(descriptor)
        closing.close(descriptors)
    }

    func remove(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = nil
        holdings.giveDescriptor()
    }

    /// Called when a connection waits for its other side in the middle of something.
    func keepAnEyeOnConnections() {
        guard sweep == nil else { return }
        sweep = loop.after(limits.patience / 8) { [unowned self] in closeSlowOnes() }
    }

    private func closeSlowOnes() {
        sweep = nil
        let now = loop.now
        var isAnyWaiting = false
        for connection in Array(connections.values) where connection.waitsForOther {
            if now - min(now, connection.lastProgress) > limits.patience {
                connection.giveUpWaiting()
            } else {
                isAnyWaiting = true
            }
        }
        if isAnyWaiting { keepAnEyeOnConnections() }
    }
}

private final class Listener: Watched {
    private let descriptor: FileDescriptor
    private let number: UInt8
    private unowned let server: HTTPServer
    private var registration: EventLoop.Registration?

    init(_ descriptor: consuming FileDescriptor, _ number: UInt8, _ server: HTTPServer) {
        self.descriptor = descriptor
        self.number = number
        self.server = server
    }

    func begin() throws(SystemError) { registration = try server.watch(descriptor.raw, self) }

    func end() {
        if let registration { server.loop.forget(registration) }
        registration = nil
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        while registration != nil {
            do throws(SystemError) {
                switch try turn.accept(descriptor.raw) {
                case .connection(let connection): server.take(connection, from: number)
                case .nothing: return
                case .later: return
                }
            } catch {
                // No descriptor is free. Those who wait are taken up when one of ours has closed, or by this look again.
                _ = server.loop.after(50_000_000) { [weak self] in
                    if let self, let registration { server.loop.wake(registration) }
                }
                return
            }
        }
    }
}
