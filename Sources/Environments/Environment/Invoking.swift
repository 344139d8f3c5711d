// An event: handed to the runtime, answered, over. The path of a warm invocation is `invoke`, `deliver`, then the Runtime
// API's response route, `answer`, and the runtime's next request, `invocationIsOver`.

import Lambda
import Linux
import Reactor

extension Environment {
    /// Takes an event. The environment is idle, starting for this very event, or broken and starts anew for it.
    package func invoke(_ invocation: Invocation) {
        self.invocation = invocation
        isForPool = false
        switch phase {
        case .idle: deliver()
        case .parked:
            invocation.result.phases.start = .pooled
            deliver()
        case .broken: startAnew()
        case .shell:
            invocation.hasWaitedForStart = true
            restore()
        case .making:
            (invocation.hasWaitedForStart, hasWaitedForSandbox) = (true, true)
        default: invocation.hasWaitedForStart = true  // Delivered when init is over.
        }
    }

    func deliver() {
        guard let invocation, advance(.invoke) else { return }
        freezer.thaw()
        let now = Clock.now
        beginInvocation(invocation, now)
        if served == 0 {
            // An init that failed is no part of it, and the one that followed is in the duration.
            if wasRestored {
                (invocation.figures.restoreUS, invocation.figures.hooksUS) = (phases.restoreUS, hooksUS)
            } else if phases.initUS > 0 {
                invocation.figures.initUS = phases.initUS
            }
        }
        if invocation.hasWaitedForStart {
            invocation.result.phases = phases
            invocation.result.phases.start = wasRestored ? .restored : .cold
            // A shell that was there has cost this event nothing.
            if wasRestored, !hasWaitedForSandbox { invocation.result.phases.sandboxUS = 0 }
        }
        served += 1
        share.earn(LoopShare.forEvent + invocation.payload.count * LoopShare.forByte)
        let left = (invocation.deadline ?? now) - min(invocation.deadline ?? now, now)
        let deadlineMS = Clock.wallMilliseconds + left / 1_000_000
        api.give(invocation, deadlineMS: deadlineMS)
        if extensions.isAny { extensions.tell(invocation, deadlineMS: deadlineMS) }
    }

    /// Once for each invocation: the clock starts, and the log says so.
    func beginInvocation(_ invocation: Invocation, _ now: UInt64) {
        guard !invocation.isLogged else { return }
        invocation.isLogged = true
        invocation.beganAt = now
        let limit = UInt64(function.configuration.timeoutSeconds) * 1_000_000_000
        invocation.deadline = now + limit
        setDeadline(now + limit) { [unowned self] in invocationTookTooLong() }
        tail.clear()
        let time = engine.wallTime
        log(lines.start(time, requestID: invocation.requestID, version: function.version))
        if telemetry.isWanted { telemetry.started(invocation) }
    }

    private func invocationTookTooLong() {
        guard invocation != nil else { return }
        drainLogs()
        fail(.timeout)
    }

    // MARK: the answer

    /// The runtime has answered. Who waits for the log as well waits until the runtime asks for the next event.
    func answer(_ payload: [UInt8], contentType: String, error: FunctionError?) {
        guard let invocation, advance(.answered) else { return }
        let took = (Clock.now - invocation.beganAt) / 1000
        invocation.isAnswered = true
        share.earn(payload.count * LoopShare.forByte)
        invocation.result.payload = payload
        invocation.result.contentType = contentType
        invocation.result.error = error
        invocation.result.environment = id
        invocation.result.phases.invokeUS = took
        invocation.figures.durationUS = took
        if let error { invocation.figures.status = .error(type: error.type) }
        if !invocation.wantsLogTail { invocation.finish() }
        if telemetry.isWanted { telemetry.runtimeDone(invocation, producedBytes: payload.count) }
    }

    /// The runtime, and every extension, asks for the next event.
    func invocationIsOver() {
        guard let invocation, advance(.ready) else { return }
        clearDeadline()
        drainLogs()
        report(invocation)
        self.invocation = nil
        invocation.finish()
        if served == 1, wasRestored { teach() }
        becomeIdle()
    }

    /// The last lines of an invocation, and its place in the figures.
    func report(_ invocation: Invocation) {
        invocation.figures.memoryMB = function.configuration.memoryMB
        invocation.figures.peakMemory = peakMemory()
        let requestID = invocation.requestID
        log(lines.end(requestID: requestID) + lines.report(engine.wallTime, requestID: requestID, invocation.figures))
        if invocation.wantsLogTail { invocation.result.logTail = tail.last }
        if telemetry.isWanted { telemetry.reported(invocation) }
        engine.metrics.invocations += 1
        if invocation.figures.status != .success { engine.metrics.functionErrors += 1 }
        if invocation.figures.status == .timeout { engine.metrics.timeouts += 1 }
        engine.metrics.invokeDuration.add(invocation.figures.durationUS)
    }

    func becomeIdle() {
        idleSince = engine.loop.now
        if let maker, maker.isAtWork { return makerGoesOn(maker) }
        owner.isIdle(self)
    }
}
