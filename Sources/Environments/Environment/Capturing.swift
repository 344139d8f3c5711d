// An environment of which a snapshot is made: warmed up, then quiet, then captured; and it lives on. The runtime of one
// is told that its initialisation is of the kind snap-start: it runs its hooks, and asks for the restore that it believes
// to be the next thing to happen. One that knows nothing of that is captured where it asks for its first event.

import Lambda
import Linux
import Reactor
package import Wire

extension Environment {
    /// The warden gives a capture up by itself; this is for one that is silent.
    private var captureLimit: UInt64 {
        (CaptureRequest.longestSeconds(memoryMB: function.configuration.memoryMB) + 10) * 1_000_000_000
    }
    private static let timeToRead: UInt64 = 50_000_000

    /// AWS gives the init of a snapshot this long, and more where an event may take more.
    var initLimit: UInt64 {
        guard let maker, maker.isAtWork else { return Self.initLimit }
        return UInt64(max(130, function.configuration.timeoutSeconds)) * 1_000_000_000
    }

    /// The runtime has asked for an event, or for its restore, and every extension for its next event.
    func makerGoesOn(_ maker: Maker) {
        // A runtime that asks for its restore without an event before it cannot be warmed up.
        if api.runtime.state == .ready, let event = maker.nextEvent() {
            let invocation = Invocation(
                function, payload: Array(event.utf8), requestID: Names.uuid(engine.randoms.take(16)),
                traceID: engine.newTraceID(), maker)
            invocation.hasWaitedForStart = true
            return invoke(invocation)
        }
        if api.runtime.state == .ready, maker.warmsUp, !maker.hasPrepared, RuntimeCommand.isOurs(function) {
            maker.hasPrepared = true
            if phase == .idle { guard advance(.prepare) else { return } }
            // Its hooks have as long as an init.
            setDeadline(Clock.now + initLimit) { [unowned self] in initTookTooLong() }
            return api.tellToPrepare()
        }
        becomeQuiet(maker)
    }

    private func becomeQuiet(_ maker: Maker) {
        extensions.closeRegistration()
        let took = (Clock.now - startingAt) / 1000
        drainLogs()
        guard advance(.quiet) else { return }
        clearDeadline()
        if isFirstInit {
            phases.initUS = took
            reportInit(took)
        }
        // A runtime may ask for its next event before it has read that the last answer was taken. What is on its way to
        // it would be lost, so it gets the time to read.
        if maker.warmsUp, api.runtime.state == .ready {
            api.server.sendWhatWaits()
            setDeadline(Clock.now + Self.timeToRead) { [unowned self] in capture(maker) }
        } else {
            capture(maker)
        }
    }

    private func capture(_ maker: Maker) {
        do throws(Refusal) {
            let memo = try memo()
            maker.begin(memo)
            setDeadline(Clock.now + captureLimit) { [unowned self] in
                fail(.engine("its capture was not heard of in time"))
            }
            engine.warden.capture(
                CaptureRequest(snapshot: maker.snapshot.name, memo: memo.text), in: sandbox, logs: logEnds)
        } catch {
            sandboxNotCaptured(error)
        }
    }

    /// What is on each connection, and who is inside. Refused when something goes on that a restored one could not know.
    private func memo() throws(Refusal) -> SnapshotMemo {
        var memo = SnapshotMemo()
        for standing in api.server.standings {
            guard standing.isSilent else {
                throw Refusal(.snapshot, "a request to the Runtime API is on its way, or an answer was not taken")
            }
            var connection = SnapshotMemo.Connection(port: nil, pending: .none)
            if standing.place.listener == RuntimeAPI.tcp {
                guard let port = standing.place.port else { continue }
                connection.port = port
            }
            if let exchange = standing.waiting {
                guard let pending = api.pending(exchange) else {
                    throw Refusal(.snapshot, "a request to the Runtime API has no answer yet")
                }
                connection.pending = pending
            }
            memo.connections.append(connection)
        }
        if memo.connections.count(where: { $0.port == nil }) > 1 {
            throw Refusal(.snapshot, "the runtime has more than one connection to \(RuntimeAPI.socketName)")
        }
        memo.processes = processes.map { number, role in
            if case .external(let name) = role {
                return SnapshotMemo.Process(number: number, name: name)
            }
            return SnapshotMemo.Process(number: number, name: nil)
        }
        memo.extensions = extensions.registered
        memo.subscriptions = telemetry.requests
        if memo.text.utf8.count > CaptureRequest.longestMemo {
            throw Refusal(.snapshot, "extensions and their subscriptions take too much to be kept with it")
        }
        return memo
    }

    /// Those that every clone has as well: the runtime's, and one for extensions where the function has any.
    func openLogs() throws(SystemError) {
        _ = try openRuntimeLog()
        if !function.content.figures.extensions.isEmpty { _ = try openExtensionLog() }
    }

    var logEnds: [Int32] {
        var ends: [Int32] = []
        if let runtimeLog { ends.append(runtimeLog.writeEnd.raw) }
        if let extensionLog { ends.append(extensionLog.writeEnd.raw) }
        return ends
    }

    // MARK: afterwards

    package func sandboxCaptured(_ figures: CaptureFigures) {
        guard let maker, advance(.captured) else { return }
        maker.end(figures)
        afterCapture()
    }

    package func sandboxNotCaptured(_ refusal: Refusal) {
        guard let maker, advance(.captured) else { return }
        maker.fail(refusal)
        afterCapture()
    }

    /// It goes on as one that was restored: its runtime's hooks run, then it asks for its first event.
    private func afterCapture() {
        clearDeadline()
        telemetry.release()
        restoringAt = Clock.now
        setDeadline(Clock.now + Self.restoreLimit) { [unowned self] in initTookTooLong() }
        if api.runtime.state == .restoreReady { api.release() }
        checkReady()
    }
}
