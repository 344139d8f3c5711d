// The supervisor as a whole: everything that lives on its one loop, from the moment when it has no rights any more until
// the last environment has ended.

import Environments
import Glibc
import Lambda
import Linux
import Reactor
package import Wire

package final class Supervisor {
    let loop: EventLoop
    let engine: Engine
    let store: FunctionStore
    let dispatcher: Dispatcher
    let log: Logger
    private let settings: ServiceSettings
    private var control: ControlService?
    private var server: HTTPServer?
    private(set) var signals: SignalWatch?
    private var isClosing = false
    /// Perhaps before it began to serve: the warden may go at any time.
    private var hasEnded = false
    private var exitStatus: Int32 = 0
    /// Removes what nobody uses any more.
    private var housekeeping: Timer?

    package init(_ standing: consuming Standing, _ settings: ServiceSettings) throws(Refusal) {
        self.settings = settings
        log = Logger(settings.logFormat)
        do throws(SystemError) {
            loop = try EventLoop()
            var listeners = standing.listener
            engine = Engine(
                loop, try WardenLink(standing.warden, loop, standing.latestEnds), settings.engine)
            // Before there is a second thread, which would take them otherwise.
            let signals = try SignalWatch([SIGTERM, SIGINT], loop)
            self.signals = signals
            let worker = try Worker(loop)
            store = FunctionStore(state: settings.engine.state, worker, engine.randoms)
            dispatcher = Dispatcher(engine)
            if let listener = listeners.next() { try serve(on: listener) }
        } catch {
            throw Refusal(.step, "begin to serve: \(error)")
        }
        signals?.heard = { [weak self] _ in self?.close() }
        engine.complaints = { [log] in log.complain($0, $1) }
        engine.warden.whenGone = { [weak self] refusal in self?.lose(refusal.message) }
        // Without a socket nobody can ask for them, and another engine may be at work on them.
        if settings.socket != nil {
            let complaints: [String]
            do throws(SystemError) {
                complaints = try store.load()
            } catch {
                let words = "cannot use the state directory \(settings.engine.state): \(error)"
                throw Refusal(.state, words + "; choose another with --state")
            }
            for complaint in complaints { log.complain(complaint) }
            dispatcher.snapshots.load { [unowned store] in store.all }
        } else {
            store.clearPassing()
        }
        keepHouse()
    }

    private func serve(on listener: consuming FileDescriptor) throws(SystemError) {
        let control = ControlService(engine, store, dispatcher, log)
        let server = HTTPServer(
            loop, control, chargedTo: .engine, holdings: Holdings(bytes: Self.mostHeld, descriptors: 2048))
        (self.control, self.server) = (control, server)
        let (own, group) = (settings.user, settings.socketGroup)
        let isForAll = settings.socketMode & 0o002 != 0
        let log = log
        server.admits = { raw in
            guard let peer = try? StreamSockets.peer(of: raw) else { return false }
            if peer.user == 0 || peer.user == own || isForAll { return true }
            if let group, peer.group == group || StreamSockets.peer(of: raw, isIn: group) { return true }
            log.complain("a connection was refused", [("user", String(peer.user))])
            return false
        }
        // Only those who may use it get this far; on a kernel that cannot refuse descriptors, theirs are closed elsewhere.
        try server.listen(on: listener, takesDescriptors: true)
    }

    /// What clients of the control socket make us hold.
    private static let mostHeld = 1 << 30

    /// Serves until it is told to stop.
    package func run() -> Int32 {
        if hasEnded { return exitStatus }
        if let socket = settings.socket {
            log.note("ready", [("socket", socket), ("functions", String(store.all.count))])
        }
        Notification.ready()
        return untilTheEnd()
    }

    func untilTheEnd() -> Int32 {
        if hasEnded { return exitStatus }
        do throws(SystemError) {
            try loop.run()
        } catch {
            log.complain("the loop failed: \(error)")
            return 1
        }
        return exitStatus
    }

    private func keepHouse() {
        housekeeping = loop.after(2_000_000_000) { [weak self] in
            self?.store.removeRemains()
            self?.keepHouse()
        }
    }

    // MARK: the end

    /// In order: no new connections, events that run come to their end, environments end, then we do. Told a second time,
    /// it does not wait.
    func close() {
        if isClosing { return dispatcher.closeNow() }
        isClosing = true
        log.note("draining", [("environments", String(dispatcher.count))])
        Notification.stopping()
        server?.stopListening()
        _ = loop.after(settings.drainSeconds * 1_000_000_000) { [weak self] in self?.dispatcher.closeNow() }
        dispatcher.close { [weak self] in
            guard let self else { return }
            endWhenTaken(by: Clock.now + settings.drainSeconds * 1_000_000_000)
        }
    }

    /// What was answered has yet to leave; a large answer may take its reader a while.
    private func endWhenTaken(by latest: UInt64) {
        _ = loop.after(1_000_000) { [weak self] in
            guard let self else { return }
            if server?.hasPendingOutput == true, Clock.now < latest { endWhenTaken(by: latest) } else { end() }
        }
    }

    func end() {
        if hasEnded { return }
        hasEnded = true
        server?.closeAll()
        engine.flushLogs()
        store.close()
        log.note("ended")
        loop.stop()
    }

    private func lose(_ reason: String) {
        if hasEnded { return }
        log.complain(reason)
        exitStatus = 1
        end()
    }
}

/// Calls when one of these signals has come.
final class SignalWatch: Watched {
    private let descriptor: FileDescriptor
    var heard: (Int32) -> Void = { _ in }

    init(_ numbers: [Int32], _ loop: EventLoop) throws(SystemError) {
        descriptor = try Signals.divert(numbers)
        _ = try loop.watch(descriptor.raw, self, chargedTo: .engine)
    }

    func isReady(toRead: Bool, toWrite: Bool, _ turn: inout Turn) {
        for number in (try? Signals.take(from: descriptor)) ?? [] { heard(number) }
    }
}
