// An environment that comes out of a snapshot. Its sandbox is made empty, a shell, ahead of need or at need; `restore`
// brings to life in it what was captured, and the connections that come then are taken up where they stood. What fails on
// the way ends in processes that start as they always did: no event is lost for it.

import Lambda
import Linux
import Reactor
package import Wire

extension Environment {
    /// Of AWS: from the beginning to the first request for an event, hooks and all.
    static let restoreLimit: UInt64 = 10_000_000_000

    /// The sandbox is there, and waits.
    func becomeShell() {
        guard advance(.madeEmpty) else { return }
        do throws(SystemError) {
            try openLogs()
        } catch {
            giveBack(because: Refusal(.step, "make log pipes: \(error)"))
            return shutDown()
        }
        if invocation != nil || isToBeParked { restore() } else { owner.isShell(self) }
    }

    /// Brings the snapshot to life in this shell.
    package func restore() {
        guard let ready, advance(.restore) else { return }
        restoringAt = Clock.now
        engine.warden.restore(sandbox, logs: logEnds)
        // The warden is at work from here on.
        isSnapStart = true
        takeUp(ready.memo)
        setDeadline(restoringAt + Self.restoreLimit) { [unowned self] in restoreTookTooLong() }
        log(lines.restoreStart(engine.wallTime, runtime: function.configuration.runtime, function: function.name))
        telemetry.restoreStarts()
    }

    private func takeUp(_ memo: SnapshotMemo) {
        processes = memo.processes.map { ($0.number, $0.name.map { .external(name: $0) } ?? .runtime) }
        lastProcess = memo.processes.lazy.map(\.number).max() ?? 0
        connectionsToCome = memo.connections
        api.server.takesUp = { [unowned self] in whatCameBefore($0) }
        extensions.reset(expecting: memo.processes.compactMap(\.name))
        extensions.takeUp(memo.extensions)
        telemetry.takeUp(memo.subscriptions)
    }

    func forgetConnectionsToCome() {
        connectionsToCome = []
        api.server.takesUp = nil
    }

    /// Each connection of the snapshot comes once; others are new.
    private func whatCameBefore(_ place: ConnectionPlace) -> [UInt8]? {
        if connectionsToCome.isEmpty { return nil }
        let port = place.listener == RuntimeAPI.tcp ? place.port : nil
        guard let index = connectionsToCome.firstIndex(where: { $0.port == port }) else { return nil }
        return connectionsToCome.remove(at: index).request
    }

    private func restoreTookTooLong() {
        drainLogs()
        fail(.timeout)
    }

    /// The first event is over: what it took of its memory, the next ones shall have at once.
    func teach() {
        guard let ready, ready.lessons > 0 else { return }
        ready.lessons -= 1
        engine.warden.learn(sandbox)
    }

    // MARK: the end of it

    /// The runtime has asked for its restore: that was it.
    func releaseRestored() {
        releasedAt = Clock.now
        api.release()
    }

    /// The runtime, and every extension, asks for an event.
    func restoreIsOver() {
        guard advance(.ready) else { return }
        let now = Clock.now
        clearDeadline()
        forgetConnectionsToCome()
        phases.restoreUS = (now - restoringAt) / 1000
        hooksUS = releasedAt > 0 ? (now - releasedAt) / 1000 : 0
        wasRestored = true
        isFirstInit = false
        log(lines.restoreReport(engine.wallTime, durationUS: phases.restoreUS, status: .success))
        telemetry.restoreEnds(status: .success, durationUS: phases.restoreUS)
        if invocation != nil { deliver() } else { becomeIdle() }
        // When the event is on its way: from here on the CPU is what the memory buys.
        engine.warden.settle(sandbox)
        engine.metrics.restores += 1
        engine.metrics.restoreDuration.add(phases.restoreUS)
        owner.restoreEnded(self)
        owner.initEnded(self, .success(()))
    }

    /// Processes that were restored have failed before they asked for an event. When that was the function's own doing
    /// in its hooks, it is the answer; otherwise processes start anew, for the event that waits.
    func restoreFailed(because failure: Failure) {
        let status: InvocationFigures.Status
        let error: FunctionError
        switch failure {
        case .reported(let reported, _):
            (error, status) = (reported, .error(type: reported.type))
        case .timeout where api.runtime.state == .restoring:
            error = FunctionError(
                type: "Sandbox.Timedout",
                message: "RequestId: \(invocation?.requestID ?? "") Error: Restore timed out after 10.00 seconds")
            status = .timeout
        default:
            endReport(.error(type: "Sandbox.Failure"))
            isSnapStart = false
            return owner.restoreFailed(self, Refusal(.step, "what was restored failed: \(failure)"), nil)
        }
        endReport(status)
        owner.initEnded(self, .failure(error))
        owner.hooksFailed(self)
        guard let invocation else { return }
        self.invocation = nil
        beginInvocation(invocation, restoringAt)
        clearDeadline()
        invocation.figures.durationUS = (Clock.now - restoringAt) / 1000
        invocation.figures.status = status
        log(lines.fault(engine.wallTime, requestID: invocation.requestID, error))
        report(invocation)
        answer(invocation, error, body: initErrorBody)
        invocation.result.phases.start = .restored
        invocation.finish()
    }

    private func endReport(_ status: InvocationFigures.Status) {
        let took = (Clock.now - restoringAt) / 1000
        log(lines.restoreReport(engine.wallTime, durationUS: took, status: status))
        telemetry.restoreEnds(status: status, durationUS: took)
    }

    /// The runtime says that a hook has failed. It goes by itself then.
    func restoreReported(_ error: FunctionError, body: [UInt8]?) {
        (initError, initErrorBody) = (error, body)
        drainLogs()
        fail(.reported(error, body: body))
    }

    package func sandboxRestored() {}

    package func sandboxNotRestored(_ refusal: Refusal) {
        guard advance(.notRestored) else { return failedAfterItsConnections(refusal) }
        clearDeadline()
        forgetConnectionsToCome()
        processes = []
        isSnapStart = false
        telemetry.close()
        endReport(.error(type: "Sandbox.Failure"))
        owner.restoreFailed(self, refusal, nil)
        // In this very sandbox, where there is somebody to wait for it.
        if invocation != nil { startProcesses() } else { shutDown() }
    }

    /// Its runtime had connected, so that this seemed over; but nothing of it has run. An event that is on its way to it has
    /// been read by nobody, and goes elsewhere.
    private func failedAfterItsConnections(_ refusal: Refusal) {
        guard [.idle, .parked, .invoking].contains(phase), invocation?.isAnswered != true else { return }
        // It begins once more, with all of its time.
        invocation?.isLogged = false
        clearDeadline()
        telemetry.close()
        giveBack(because: refusal)
        shutDown()
    }

    /// There is no sandbox to restore it in: the event goes elsewhere.
    func giveBack(because refusal: Refusal) {
        let invocation = invocation
        self.invocation = nil
        owner.restoreFailed(self, refusal, invocation)
    }
}
