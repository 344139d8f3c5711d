// One event for one function, without a server: an engine that makes one environment, hands over the answer, and ends.

package import Environments
import Lambda
import Linux
import Reactor
package import Wire

package final class SingleRun {
    /// Everything that came of it.
    package enum Ending {
        case answered(InvocationResult)
        /// The sandbox could not be made: the words are the operator's, who is the caller.
        case refused(Refusal)
        /// A signal came first.
        case interrupted(Int32)
    }

    package struct Event: Sendable {
        package var payload: [UInt8]
        /// JSON.
        package var clientContext: String?

        package init(payload: [UInt8], clientContext: String?) {
            self.payload = payload
            self.clientContext = clientContext
        }
    }

    /// Hears the function's log, as it comes.
    private let hearLog: (ArraySlice<UInt8>) -> Void
    /// Called again and again while the answer is not there.
    private let stillWaiting: () -> Void
    private let supervisor: Supervisor
    private var ending: Ending?
    private var waiting: Timer?

    /// Gives up root's rights: what the caller has to read, it has read.
    package init(
        _ settings: ServiceSettings, log: @escaping (ArraySlice<UInt8>) -> Void, stillWaiting: @escaping () -> Void
    ) throws(Refusal) {
        var settings = settings
        settings.socket = nil
        settings.logFormat = .quiet
        // Whoever presses Ctrl-C does not wait for the function.
        settings.drainSeconds = 0
        settings.engine.keepsLogs = false
        settings.engine.mostEnvironments = 1
        hearLog = log
        self.stillWaiting = stillWaiting
        supervisor = try Supervisor(Standing.take(settings), settings)
    }

    package func run(_ name: String, _ deployment: Deployment, _ event: Event) -> Ending {
        supervisor.signals?.heard = { [unowned self] number in
            if ending == nil { ending = .interrupted(number) }
            supervisor.close()
        }
        supervisor.engine.warden.whenGone = { [unowned self] refusal in
            if ending == nil { ending = .refused(refusal) }
            supervisor.end()
        }
        supervisor.engine.followLog(of: name, LogFollower(hearLog))
        supervisor.store.makePassing(name, deployment) { [unowned self] result in
            switch result {
            case .success(let function): invoke(function, event)
            case .failure(.invalid(let words)): end(.refused(Refusal(.request, words)))
            case .failure(.storage(let words)): end(.refused(Refusal(.state, words)))
            }
        }
        wait()
        _ = supervisor.untilTheEnd()
        return ending ?? .refused(Refusal(.step, "the engine ended without an answer"))
    }

    private func invoke(_ function: FunctionVersion, _ event: Event) {
        // A signal may have come while the code was unpacked.
        if ending != nil { return }
        let engine = supervisor.engine
        let invocation = Invocation(
            function, payload: event.payload, requestID: Names.uuid(engine.randoms.take(16)),
            traceID: engine.newTraceID(), self)
        invocation.clientContext = event.clientContext
        // The answer then comes after the last line of the log.
        invocation.wantsLogTail = true
        do throws(Dispatcher.Refused) {
            try supervisor.dispatcher.invoke(invocation)
        } catch {
            end(.refused(Refusal(.step, "the engine takes no event")))
        }
    }

    private func end(_ how: Ending) {
        if ending == nil { ending = how }
        waiting?.cancel()
        // The environment is in the middle of saying so.
        supervisor.loop.afterThisTurn { [unowned self] in supervisor.close() }
    }

    private func wait() {
        waiting = supervisor.loop.after(250_000_000) { [unowned self] in
            guard ending == nil else { return }
            stillWaiting()
            wait()
        }
    }
}

extension SingleRun: InvocationCaller {
    package func streamBegins(contentType: String) {}
    package func stream(_ part: ArraySlice<UInt8>) {}
    package var pending: Int { 0 }

    package func finished(_ result: InvocationResult) {
        if let words = supervisor.dispatcher.all.lazy.compactMap(\.refusalWords).first {
            return end(.refused(Refusal(.step, words)))
        }
        end(.answered(result))
    }
}
