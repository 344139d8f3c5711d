// When a process ends that should not, or time is up: who waits gets an answer, what is left of the processes is ended,
// and the next event finds the sandbox with nothing in it but /tmp.

import Lambda
import Linux
import Reactor
import Wire

extension Environment {
    enum Failure {
        case timeout
        case runtimeExit(ProcessEnding)
        case extensionExit(String, ProcessEnding)
        case extensionLaunch(String)
        /// An extension has reported it, or the runtime its init.
        case reported(FunctionError, body: [UInt8]?)
        case entrypoint(String)
        /// A fault of ours; the words stay here.
        case engine(String)
    }

    func fail(_ failure: Failure) {
        let wasStarting = phase == .starting || phase == .capturing
        let wasRestoring = phase == .restoring
        // The answer to an invocation that has one already stays as it is.
        guard advance(.failed) else { return }
        if case .engine(let words) = failure {
            engine.complain("an environment failed", of: self, words)
        }
        clearDeadline()
        freezer.thaw()
        if wasRestoring {
            restoreFailed(because: failure)
        } else if wasStarting {
            initFailed(failure)
        } else {
            failInvocation(failure)
        }
        maker?.fail(Refusal(.snapshot, words(of: failure)))
        // On its way before the subscribers hear that it is over.
        telemetry.flush()
        clear(because: failure)
        idleSince = engine.loop.now
        owner.isBroken(self)
    }

    private func error(of failure: Failure, _ requestID: String) -> FunctionError {
        switch failure {
        case .timeout: .timedOut(requestID, seconds: function.configuration.timeoutSeconds)
        case .runtimeExit(let ending): .exited(requestID, ending)
        case .extensionExit(_, let ending):
            .extensionExited(requestID, crashed: ending != .exited(0))
        case .extensionLaunch(let name):
            FunctionError(
                type: "Extension.LaunchError", message: "RequestId: \(requestID) Error: \(name) can't be started")
        case .reported(let error, _): error
        case .entrypoint(let words): .invalidEntrypoint(requestID, words)
        case .engine: .failure(requestID)
        }
    }

    /// For whoever reads why there is no snapshot.
    private func words(of failure: Failure) -> String {
        if case .engine(let words) = failure { return words }
        let error = initError ?? error(of: failure, "")
        return "\(error.type): \(error.message)"
    }

    private func failInvocation(_ failure: Failure) {
        guard let invocation else { return }
        self.invocation = nil
        let error = error(of: failure, invocation.requestID)
        let now = Clock.now
        if !invocation.isAnswered {
            invocation.figures.durationUS = (now - invocation.beganAt) / 1000
        }
        if case .timeout = failure {
            invocation.figures.status = .timeout
            invocation.figures.durationUS = UInt64(function.configuration.timeoutSeconds) * 1_000_000
        } else if invocation.figures.status == .success {
            invocation.figures.status = .error(type: error.type)
        }
        log(lines.fault(engine.wallTime, requestID: invocation.requestID, error))
        if telemetry.isWanted, !invocation.isAnswered { telemetry.runtimeDone(invocation, producedBytes: 0) }
        report(invocation)
        if !invocation.isAnswered { answer(invocation, error, body: initErrorBody) }
        invocation.finish()
    }

    func answer(_ invocation: Invocation, _ error: FunctionError, body: [UInt8]?) {
        invocation.result.error = error
        invocation.result.payload = body ?? error.payload
        invocation.result.contentType = "application/json"
        invocation.result.environment = id
        invocation.result.phases.invokeUS = invocation.figures.durationUS
    }

    // MARK: init

    private func initFailed(_ failure: Failure) {
        let took = (Clock.now - startingAt) / 1000
        let inInvocation = invocation?.isLogged == true
        // What the runtime has reported says more than that it went afterwards.
        if initError == nil {
            initError =
                if case .timeout = failure, !inInvocation {
                    FunctionError(
                        type: "Sandbox.Timedout",
                        message: "Init took longer than \(initLimit / 1_000_000_000).00 seconds")
                } else {
                    error(of: failure, invocation?.requestID ?? "")
                }
        }
        let error = initError ?? error(of: failure, "")
        let status: InvocationFigures.Status
        if case .timeout = failure { status = .timeout } else { status = .error(type: error.type) }
        log(
            lines.initReport(
                engine.wallTime, initType, durationUS: took, phase: inInvocation ? "invoke" : "init", status: status))
        tellExtensions()
        engine.metrics.initFailures += 1
        telemetry.initEnds(status: status, durationUS: took)
        if isFirstInit {
            isFirstInit = false
            engine.warden.settle(sandbox)
            owner.initEnded(self, .failure(error))
        }
        guard inInvocation, let invocation else { return }
        // The second init, inside the invocation, has failed too: that is the answer.
        self.invocation = nil
        invocation.figures.durationUS = (Clock.now - invocation.beganAt) / 1000
        invocation.figures.status = status
        if case .timeout = failure {
            invocation.figures.durationUS = UInt64(function.configuration.timeoutSeconds) * 1_000_000
        }
        log(lines.fault(engine.wallTime, requestID: invocation.requestID, error))
        report(invocation)
        if case .timeout = failure {
            answer(
                invocation, .timedOut(invocation.requestID, seconds: function.configuration.timeoutSeconds), body: nil)
        } else {
            answer(invocation, error, body: initErrorBody)
        }
        invocation.finish()
    }

    // MARK: what they say themselves

    /// The runtime cannot start, and says why. It goes by itself then, and that it does is the failure.
    func initReported(_ error: FunctionError, body: [UInt8]?) {
        (initError, initErrorBody) = (error, body)
        drainLogs()
        fail(.reported(error, body: body))
    }

    /// At the end of an init, well or not: who was there, and how far it had come.
    func tellExtensions() {
        for (name, state, events) in extensions.states {
            log(lines.extensionState(engine.wallTime, name: name, state: state, events: events))
            if telemetry.isWanted { telemetry.extensionState(name, state, events) }
        }
    }

    func extensionFailed(_ name: String, _ error: FunctionError) {
        drainLogs()
        fail(.reported(error, body: nil))
    }

    // MARK: away with what is left

    /// Ends every process in the sandbox. Extensions that want to know are told, and have their two seconds.
    private func clear(because failure: Failure) {
        isClearing = true
        engine.warden.setLatestEnd(Clock.now + 2 * Self.shutdownLimit, of: sandbox)
        api.forgetInvocation()
        let reason: String
        if case .timeout = failure { reason = "timeout" } else { reason = "failure" }
        if let runtime = processes.first(where: { $0.role == .runtime }) {
            engine.warden.signal(9, runtime.number, in: sandbox)
        }
        let grace: UInt64 = extensions.tellShutdown(reason: reason, within: Self.shutdownLimit) ? Self.shutdownLimit : 0
        if grace == 0 {
            killAll()
        } else {
            setEndTimer(grace) { [unowned self] in killAll() }
        }
        checkCleared()
    }

    private func killAll() {
        guard isClearing else { return }
        hasKilledAll = true
        engine.warden.killAll(in: sandbox)
        setEndTimer(Self.shutdownLimit) { [unowned self] in
            // Something in there does not even die of SIGKILL: the sandbox goes as a whole.
            guard isClearing else { return }
            engine.warden.kill(sandbox)
        }
        checkCleared()
    }

    /// All that was started has ended; what it may have left behind ends with `killAll`.
    func checkCleared() {
        guard isClearing, processes.isEmpty else { return }
        if !hasKilledAll { return killAll() }
        endTimer?.cancel()
        engine.warden.setLatestEnd(0, of: sandbox)
        isClearing = false
        hasKilledAll = false
        if invocation != nil { startAnew() }
    }

    /// For an event that waits. Its time runs, as in Lambda; but not while what an earlier one left is cleared away, which
    /// is our work and none of the function's.
    func startAnew() {
        guard let invocation, !isClearing, advance(.reset) else { return }
        beginInvocation(invocation, Clock.now)
        guard advance(.cleared) else { return }
        startProcesses()
    }
}
