// The snapshot of one function version, as the supervisor sees it: whether there is one, and if not, why. Environments
// hold it while they are restored from it.

import Lambda
package import Wire

package final class Snapshot {
    package let function: FunctionVersion
    package let name: String
    package internal(set) var state = State.none
    /// Told once, when what is being made is there or is not.
    var waiters: [() -> Void] = []
    /// What has gone wrong since something last went right.
    var failuresInARow = 0
    var timesMadeAnew = 0

    package enum State {
        /// Nobody has asked for one.
        case none
        case making
        case ready(Ready)
        /// It will not be tried again unless somebody asks.
        case refused(String)
        /// What was there could not be used; it is made again in a while.
        case toBeMadeAnew(String)

        package var name: String {
            switch self {
            case .none: "none"
            case .making: "making"
            case .ready: "ready"
            case .refused: "refused"
            case .toBeMadeAnew: "to-be-made-anew"
            }
        }

        package var reason: String? {
            switch self {
            case .refused(let reason), .toBeMadeAnew(let reason): reason
            default: nil
            }
        }
    }

    /// Who restores from it and who was restored from it share it.
    package final class Ready {
        let memo: SnapshotMemo
        /// What its capture has cost; nothing when an earlier engine made it.
        package let figures: CaptureFigures?
        package let tookUS: UInt64?
        /// How often the warden is yet asked to look at what a first event writes to: it may be busy the first time.
        var lessons = 3

        init(_ memo: SnapshotMemo, _ figures: CaptureFigures?, tookUS: UInt64?) {
            self.memo = memo
            self.figures = figures
            self.tookUS = tookUS
        }
    }

    init(_ function: FunctionVersion) {
        self.function = function
        name = Self.name(of: function)
    }

    static func name(of function: FunctionVersion) -> String { "\(function.name)@\(function.revision)" }

    package var ready: Ready? {
        if case .ready(let ready) = state { ready } else { nil }
    }

    package var isBeingMade: Bool {
        if case .making = state { true } else { false }
    }

    func settle(_ state: State) {
        self.state = state
        if isBeingMade { return }
        let waiters = waiters
        self.waiters = []
        for waiter in waiters { waiter() }
    }

    package var json: JSON {
        var members: [(String, JSON)] = [
            ("function", .text(function.name)), ("revision", .text(function.revision)), ("state", .text(state.name)),
        ]
        if let reason = state.reason { members.append(("reason", .text(reason))) }
        if let ready {
            if let figures = ready.figures {
                members.append(("bytes", .integer(Int64(clamping: figures.bytes))))
                members.append(("processes", .integer(Int64(figures.processes))))
                members.append(("threads", .integer(Int64(figures.threads))))
                members.append(("stopped_us", .integer(Int64(clamping: figures.stoppedUS))))
            }
            if let took = ready.tookUS { members.append(("took_us", .integer(Int64(clamping: took)))) }
            if !function.configuration.warmUp.isEmpty {
                members.append(("warm_up_errors", .integer(Int64(ready.memo.warmUpErrors))))
            }
        }
        return .object(members)
    }
}
