// What pid 1 of a sandbox says, taken as if an attacker said it: only what is due is believed, only descriptors of the
// kind that was asked for are passed on, and the first word out of place ends the sandbox. So a pid 1 that talks without
// end is not listened to without end either.

import Glibc
package import Linux
package import Wire

extension Sandbox {
    /// Hears what pid 1 has to say, and tells it on.
    package func hear(_ tell: (WardenReply, consuming Descriptors) -> Void) {
        while !isDistrusted {
            guard let reception = try? channel.receive(block: false, limit: InitReport.longest) else {
                return distrust("what is no message")
            }
            switch consume reception {
            case .nothing: return
            case .closed: return
            case .message(let message):
                guard let report = try? InitReport(decoding: message.bytes) else {
                    return distrust("what is no message")
                }
                take(report, message.takeDescriptors(), tell)
            }
        }
    }

    private func take(
        _ report: InitReport, _ descriptors: consuming Descriptors, _ tell: (WardenReply, consuming Descriptors) -> Void
    ) {
        // Before any of them can be dropped: to close them shall wait for nobody.
        for raw in descriptors.numbers { FileDescriptor.forbidLinger(raw) }
        guard isDue(report) else { return distrust("what it was not asked for") }
        guard descriptorCounts(of: report).contains(descriptors.count) else {
            return distrust("\(descriptors.count) descriptors")
        }
        switch report {
        case .started(let inside):
            startedAt = Clock.now
            if waits { return give(descriptors, inside, tell) }
            tell(.started(id: id, steps: steps + inside, given: []), Descriptors(owning: []))
        case .refused(let refusal): self.refusal = refusal
        case .exited(let status): end(.exited(status))
        case .signalled(let number): end(.signalled(number))
        case .processStarted(let number, let pid):
            for index in started.indices where started[index].number == number { started[index].pid = pid }
            tell(.processStarted(id: id, process: number), Descriptors(owning: []))
        case .processRefused(let number, let refusal):
            started.removeAll { $0.number == number }
            tell(.processRefused(id: id, process: number, refusal), Descriptors(owning: []))
        case .processEnded(let number, let ending):
            started.removeAll { $0.number == number }
            // On cgroup v1 the kernel kills one process for lack of memory, whose end may be heard of before the lack:
            // that all of it ends for want of memory is then the whole story.
            if case .signalled(SIGKILL) = ending, isOutOfMemory() { return end(because: .outOfMemory) }
            tell(.processEnded(id: id, process: number, ending), Descriptors(owning: []))
        case .socket:
            guard Network.isPlainTCP(descriptors[0]) else { return distrust("what is no socket of TCP") }
            socketsAsked -= 1
            tell(.socket(id: id), descriptors)
        case .restored(let processes):
            isRestoring = false
            started = processes.filter { $0.number > 0 }.map { Started(number: $0.number, pid: $0.pid) }
            tell(.restored(id: id), Descriptors(owning: []))
        case .notRestored(let refusal):
            isRestoring = false
            tell(.notRestored(id: id, refusal), Descriptors(owning: []))
        }
    }

    /// Whether pid 1 has reason to say this now.
    private func isDue(_ report: InitReport) -> Bool {
        switch report {
        case .started: !hasStarted && refusal == nil && failure == nil
        case .refused: refusal == nil
        case .exited, .signalled: !waits && hasStarted && endedAt == 0
        case .restored(let processes): isRestoring && processes.count <= ProcessRequest.mostInASandbox
        case .notRestored: isRestoring
        case .processStarted(let number, _), .processRefused(let number, _):
            started.contains { $0.number == number && !$0.runs }
        case .processEnded(let number, _): started.contains { $0.number == number && $0.runs }
        case .socket: socketsAsked > 0
        }
    }

    private func descriptorCounts(of report: InitReport) -> ClosedRange<Int> {
        switch report {
        case .started: waits ? 1...2 : 0...0
        case .socket: 1...1
        default: 0...0
        }
    }

    /// Passes on the listeners that came, and beside them what the supervisor gets from us.
    private func give(
        _ listeners: consuming Descriptors, _ inside: [Step], _ tell: (WardenReply, consuming Descriptors) -> Void
    ) {
        guard listeners.numbers.allSatisfy(Network.isListening), Network.isPlainTCP(listeners[0]) else {
            return distrust("what does not listen")
        }
        // The supervisor reads what comes through it: descriptors may not.
        guard listeners.count == 1 || !StreamSockets.bringsDescriptors(listeners[1]) else {
            return distrust("a listener that takes descriptors")
        }
        do throws(SystemError) {
            var descriptors = listeners
            let kinds: [Given] = descriptors.count == 2 ? [.runtimeAPI, .runtimeSocket] : [.runtimeAPI]
            let given = try kinds + group.openGiven(into: &descriptors)
            tell(.started(id: id, steps: steps + inside, given: given), descriptors)
            steps = []
        } catch {
            fail(Refusal(.step, "open the files of the group: \(error)"))
        }
    }

    /// Whoever speaks there, all of it ends.
    private func distrust(_ what: String) {
        isDistrusted = true
        fail(Refusal(.step, "pid 1 of the sandbox sent \(what)"))
    }

    private func end(_ reason: Outcome.Reason) {
        if self.reason == nil { self.reason = reason }
        endedAt = Clock.now
        // Read now, while pid 1 is still on its way out.
        figures = (group.cpuMicroseconds(), group.peakMemory())
    }
}
