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
        engine.warden.create(request, for: self)
    }

    // MARK: processes

    /// Starts extensions and runtime, for the first time or anew.
    func startProcesses() {
        startingAt = Clock.now
        (initError, initErrorBody) = (nil, nil)
        api.reset()
        extensions.reset(expecting: function.content.figures.extensions)
        // Those who subscribed are gone, and subscribe again when they have started anew.
        telemetry.close()
        telemetry.initStarts()
        if isFirstInit {
            log(
                lines.initStart(
                    engine.wallTime, runtime: function.configuration.runtime, function: function.name,
                    version: function.version))
            setInitTimer()
        }
        for name in function.content.figures.extensions {
            start(["/opt/extensions/\(name)"], ProcessEnvironment.ofExtension(in: self), .external(name: name))
        }
        if function.content.figures.extensions.isEmpty { startRuntime() }
    }

    private func setInitTimer() {
        deadlineTimer = engine.loop.at(startingAt + Self.initLimit) { [unowned self] in initTookTooLong() }
    }

    private func initTookTooLong() {
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

    private func openRuntimeLog() throws(SystemError) -> LogPipe {
        if let runtimeLog { return runtimeLog }
        let pipe = try LogPipe(engine.loop, self)
        runtimeLog = pipe
        return pipe
    }

    private func openExtensionLog() throws(SystemError) -> LogPipe {
        if let extensionLog { return extensionLog }
        let receiver = ExtensionLines(self)
        let pipe = try LogPipe(engine.loop, receiver)
        (extensionLog, extensionLines) = (pipe, receiver)
        return pipe
    }

    // MARK: the end of init

    /// Runtime or extension has asked for an event: when all have, the environment is ready.
    func checkReady() {
        guard api.runtime.state == .ready, extensions.allAreReady else { return }
        switch phase {
        case .starting: initIsOver()
        case .finishing: invocationIsOver()
        default: break
        }
    }

    private func initIsOver() {
        let took = (Clock.now - startingAt) / 1000
        extensions.closeRegistration()
        guard advance(.ready) else { return }
        tellExtensions()
        telemetry.initEnds(status: .success, durationUS: took)
        if isFirstInit {
            deadlineTimer?.cancel()
            engine.warden.settle(sandbox)
            phases.initUS = took
            engine.metrics.initDuration.add(took)
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
        guard advance(.made) else { return }
        do throws(SystemError) {
            if let listener = given.take(.runtimeAPI) { try api.server.listen(on: listener) }
            if let listener = given.take(.runtimeSocket) { try api.server.listen(on: listener) }
        } catch {
            return fail(.engine("listen for the runtime: \(error)"))
        }
        startProcesses()
    }

    package func sandboxRefused(_ refusal: Refusal) {
        engine.complain("a sandbox was refused", of: self, refusal.message)
        refusalWords = refusal.message
        isGone(FunctionError.failure(invocation?.requestID ?? ""))
    }

    package func sandboxEnded(_ outcome: Outcome) {
        self.outcome = outcome
        drainLogs()
        let requestID = invocation?.requestID ?? ""
        isGone(outcome.reason == .outOfMemory ? .outOfMemory(requestID) : .failure(requestID))
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

    package func sandboxCaptured(_ figures: CaptureFigures) {}
    package func sandboxNotCaptured(_ refusal: Refusal) {}
    package func sandboxRestored() {}
    package func sandboxNotRestored(_ refusal: Refusal) {}
}
