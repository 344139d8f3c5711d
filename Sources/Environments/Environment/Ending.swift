// The end of an environment: extensions hear of it and have two seconds, then everything goes.

import Lambda
import Linux
import Reactor
import Wire

extension Environment {
    static let shutdownLimit: UInt64 = 2_000_000_000
    /// The runtime's share of it, when there are extensions; and all that there is when they live in the runtime.
    private static let runtimeShare: UInt64 = 300_000_000
    private static let internalLimit: UInt64 = 500_000_000

    /// Ends it; `hasEnded` is told when nothing of it runs any more. With an event in hand, that gets an error.
    package func shutDown() {
        guard advance(.shutDown) else { return }
        clearDeadline()
        freezer.thaw()
        drainLogs()
        telemetry.flush()
        maker?.fail(Refusal(.snapshot, "the environment that it was to be made of was ended"))
        endInvocation(because: .failure(invocation?.requestID ?? ""))
        guard extensions.isAny || !extensions.externalNames.isEmpty, !isClearing else { return kill() }
        let share = extensions.externalNames.isEmpty ? Self.internalLimit : Self.runtimeShare
        // First the runtime, so that extensions see the last of it.
        if let runtime = processes.first(where: { $0.role == .runtime }) {
            engine.warden.signal(15, runtime.number, in: sandbox)
            let number = runtime.number
            setEndTimer(share) { [unowned self] in endRuntime(number) }
        } else {
            endExtensions()
        }
        engine.warden.setLatestEnd(Clock.now + Self.shutdownLimit, of: sandbox)
        let last = engine.loop.after(Self.shutdownLimit) { [unowned self] in kill() }
        lastTimer = last
    }

    /// One at a time: a timer that nobody cancels outlives what it is about.
    func setEndTimer(_ nanoseconds: UInt64, _ action: @escaping () -> Void) {
        endTimer?.cancel()
        endTimer = engine.loop.after(nanoseconds, action)
    }

    private func endRuntime(_ number: UInt32) {
        engine.warden.signal(9, number, in: sandbox)
        endExtensions()
    }

    private func endExtensions() {
        endTimer?.cancel()
        guard phase == .ending else { return }
        if !extensions.tellShutdown(reason: "spindown", within: Self.shutdownLimit - Self.runtimeShare) { kill() }
    }

    /// A process has ended while the environment ends.
    func endGoesOn() {
        if processes.isEmpty {
            kill()
        } else if !processes.contains(where: { $0.role == .runtime }), !extensions.hasToldShutdown {
            endExtensions()
        }
    }

    private func kill() {
        endTimer?.cancel()
        lastTimer?.cancel()
        engine.warden.kill(sandbox)
    }

    /// The event that the environment had will not come to its end. One that was answered keeps its answer.
    private func endInvocation(because error: FunctionError) {
        guard let invocation else { return }
        self.invocation = nil
        let now = Clock.now
        beginInvocation(invocation, now)
        clearDeadline()
        if !invocation.isAnswered {
            invocation.figures.durationUS = (now - invocation.beganAt) / 1000
            invocation.figures.status = .error(type: error.type)
            invocation.result.error = error
            invocation.result.payload = error.payload
            invocation.result.environment = id
        }
        log(lines.fault(engine.wallTime, requestID: invocation.requestID, error))
        report(invocation)
        invocation.finish()
    }

    /// Nothing of the sandbox runs any more.
    func isGone(_ error: FunctionError) {
        guard advance(.gone) else { return }
        for timer in [deadlineTimer, endTimer, lastTimer] { timer?.cancel() }
        engine.metrics.environmentsEnded += 1
        endInvocation(because: error)
        maker?.fail(Refusal(.snapshot, "the environment that it was to be made of has ended: \(error.message)"))
        if isFirstInit {
            isFirstInit = false
            owner.initEnded(self, .failure(error))
        }
        api.server.closeAll()
        runtimeLog?.close()
        extensionLog?.close()
        telemetry.close()
        owner.hasEnded(self)
    }
}
