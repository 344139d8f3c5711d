// From nothing to the first request for an event: the sandbox, the extensions, the runtime.

import Glibc
import Lambda
package import Linux
import Reactor
package import Wire

extension Environment {
    static let initLimit: UInt64 = 10_000_000_000

    /// Begins to make the sandbox; everything else follows from the warden's replies.
    package func begin() {
        engine.metrics.environmentsStarted += 1
        let configuration = function.configuration
        var request = SandboxRequest(
            id: sandbox, command: [], root: "\(engine.settings.state)/roots/\(configuration.runtime)",
            code: function.content.code, layers: function.content.layers, memoryMB: configuration.memoryMB,
            tmpMB: configuration.tmpMB,
            waived: engine.settings.waived.compactMap(Limit.init(rawValue:)))
        request.boost = true
        if ready != nil { request.snapshot = snapshot?.name }
        engine.warden.create(request, for: self)
    }

    // MARK: processes

    /// Starts extensions and runtime, for the first time or anew.
    func startProcesses() {
        startingAt = Clock.now
        isSnapStart = maker?.isAtWork == true
        (initError, initErrorBody) = (nil, nil)
        forgetConnectionsToCome()
        api.reset()
        extensions.reset(expecting: function.content.figures.extensions)
        // Those who subscribed are gone, and subscribe again when they have started anew.
        telemetry.close()
        telemetry.initStarts()
        if isFirstInit {
            log(
                lines.initStart(
                    engine.wallTime, initType, runtime: function.configuration.runtime, function: function.name,
                    version: function.version))
            setInitTimer()
        }
        for name in function.content.figures.extensions {
            start(["/opt/extensions/\(name)"], ProcessEnvironment.ofExtension(in: self), .external(name: name))
        }
        if function.content.figures.extensions.isEmpty { startRuntime() }
    }

    var initType: InitializationType { isSnapStart ? .snapStart : .onDemand }

    /// Of an init that did not fail, only where a snapshot is made of it: as AWS does.
    func reportInit(_ took: UInt64) {
        log(lines.initReport(engine.wallTime, .snapStart, durationUS: took, phase: "init", status: .success))
    }

    private func setInitTimer() {
        setDeadline(startingAt + initLimit) { [unowned self] in initTookTooLong() }
    }

    func initTookTooLong() {
        drainLogs()
        fail(.timeout)
    }

    /// All external extensions have registered.
    func startRuntime() {
        start(RuntimeCommand.of(function), ProcessEnvironment.ofRuntime(in: self), .runtime)
    }

    private func start(_ command: [String], _ environment: [String], _ role: ProcessRole) {
        lastProcess += 1
        processes.append((lastProcess, role))
        do throws(SystemError) {
            let pipe = try role == .runtime ? openRuntimeLog() : openExtensionLog()
            let null = try Files.open("/dev/null", .readWrite)
            engine.warden.start(
                ProcessRequest(number: lastProcess, command: command, environment: environment), in: sandbox,
                streams: [null.raw, pipe.writeEnd.raw, pipe.writeEnd.raw])
        } catch {
            fail(.engine("start \(command[0]): \(error)"))
        }
    }

    func openRuntimeLog() throws(SystemError) -> LogPipe {
        if let runtimeLog { return runtimeLog }
        let pipe = try LogPipe(engine.loop, self, chargedTo: .share(share), holdings: api.holdings)
        runtimeLog = pipe
        return pipe
    }

    func openExtensionLog() throws(SystemError) -> LogPipe {
        if let extensionLog { return extensionLog }
        let receiver = ExtensionLines(self)
        let pipe = try LogPipe(engine.loop, receiver, chargedTo: .share(share), holdings: api.holdings)
        (extensionLog, extensionLines) = (pipe, receiver)
        return pipe
    }

    // MARK: the end of init

    /// Runtime or extension has asked for an event: when all have, the environment is ready.
    func checkReady() {
        guard api.runtime.state == .ready, extensions.allAreReady else { return checkRestore() }
        switch phase {
        case .starting: initIsOver()
        case .restoring: restoreIsOver()
        case .finishing: invocationIsOver()
        default: break
        }
    }

    /// The runtime asks for the restore that it was told to wait for.
    private func checkRestore() {
        guard api.runtime.state == .restoreReady else { return }
        if phase == .restoring { return releaseRestored() }
        if let maker, maker.isAtWork, phase == .starting, extensions.allAreReady { makerGoesOn(maker) }
    }

    private func initIsOver() {
        // Before its first event, unless it is warmed up by events.
        if let maker, maker.isAtWork, !maker.warmsUp || maker.hasPrepared { return makerGoesOn(maker) }
        let took = (Clock.now - startingAt) / 1000
        extensions.closeRegistration()
        guard advance(.ready) else { return }
        if maker?.isAtWork == true { reportInit(took) }
        tellExtensions()
        telemetry.initEnds(status: .success, durationUS: took)
        // Of an init that an event waits for, the event's time is running.
        if isFirstInit || invocation == nil { clearDeadline() }
        if isFirstInit {
            engine.warden.settle(sandbox)
            if phases.initUS == 0 { phases.initUS = took }
            engine.metrics.initDuration.add(phases.initUS)
            isFirstInit = false
            owner.initEnded(self, .success(()))
        }
        if invocation != nil {
            deliver()
        } else {
            becomeIdle()
        }
    }
}

extension Environment: SandboxOwner {
    package func sandboxStarted(steps: [Step], _ given: inout GivenDescriptors) {
        freezer = Freezer(given.take(.freeze))
        if let file = given.take(.peakMemory) { peakMemoryFile.add(file) }
        phases.sandboxUS = (Clock.now - createdAt) / 1000
        if ready == nil { guard advance(.made) else { return } }
        do throws(SystemError) {
            if let listener = given.take(.runtimeAPI) { try api.server.listen(on: listener, number: RuntimeAPI.tcp) }
            if let listener = given.take(.runtimeSocket) {
                try api.server.listen(on: listener, number: RuntimeAPI.unix)
                hasRuntimeSocket = true
            }
        } catch {
            if ready != nil {
                giveBack(because: Refusal(.step, "listen for the runtime: \(error)"))
                return shutDown()
            }
            return fail(.engine("listen for the runtime: \(error)"))
        }
        if ready != nil { becomeShell() } else { startProcesses() }
    }

    package func sandboxRefused(_ refusal: Refusal) {
        if ready != nil {
            giveBack(because: refusal)
        } else {
            engine.complain("a sandbox was refused", of: self, refusal.message)
        }
        refusalWords = refusal.message
        maker?.fail(refusal)
        isGone(FunctionError.failure(invocation?.requestID ?? ""))
    }

    package func sandboxEnded(_ outcome: Outcome) {
        self.outcome = outcome
        runtimeLog?.drainAtTheEnd()
        extensionLog?.drainAtTheEnd()
        // The warden has seen to it that time was up: nobody here has. It is told as a timeout of our own.
        if outcome.reason == .timedOut, phase == .starting || phase == .invoking || phase == .finishing {
            fail(.timeout)
        }
        if phase == .making || phase == .shell || phase == .restoring, ready != nil {
            giveBack(because: Refusal(.step, "its sandbox has ended: \(outcome.reason)"))
        }
        let requestID = invocation?.requestID ?? ""
        switch outcome.reason {
        case .outOfMemory: isGone(.outOfMemory(requestID))
        // There is no sandbox for a second init, which the event would have had otherwise.
        case .timedOut: isGone(initError ?? .failure(requestID))
        default: isGone(.failure(requestID))
        }
    }

    package func processStarted(_ number: UInt32) {}

    package func processRefused(_ number: UInt32, _ refusal: Refusal) {
        guard let index = processes.firstIndex(where: { $0.number == number }) else { return }
        let role = processes.remove(at: index).role
        switch role {
        case .runtime:
            switch refusal.kind {
            case .notFound:
                fail(.entrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"))
            case .notExecutable: fail(.entrypoint(refusal.message))
            // A fault of ours, or of the host: what it was is not the caller's to read.
            default: fail(.engine("start the runtime: \(refusal.message)"))
            }
        case .external(let name): fail(.extensionLaunch(name))
        }
        checkCleared()
    }

    package func processEnded(_ number: UInt32, _ ending: ProcessEnding) {
        guard let index = processes.firstIndex(where: { $0.number == number }) else { return }
        let role = processes.remove(at: index).role
        if phase == .ending { return endGoesOn() }
        if isClearing { return checkCleared() }
        drainLogs()
        switch role {
        case .runtime: fail(.runtimeExit(ending))
        case .external(let name): fail(.extensionExit(name, ending))
        }
    }

    package func socketCame(_ socket: consuming FileDescriptor) { telemetry.socketCame(socket) }
}
