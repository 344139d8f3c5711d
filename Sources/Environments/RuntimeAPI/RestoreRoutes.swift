// GET /runtime/restore/next: the runtime is ready to be captured, and waits until it is restored, which is when it gets
// its answer: in each environment that comes out of the snapshot, and in the one that it was made of. POST
// /runtime/restore/error: a hook that was to run then has failed.

import Lambda
import Reactor
import Wire

extension RuntimeAPI {
    func restoreNext(_ exchange: HTTPExchange) {
        if runtime.state != .restoreReady || waitingForRestore?.isOpen == true {
            guard go(.restoreReady, exchange) else { return }
        }
        waitingForRestore = exchange
        environment.checkReady()
    }

    /// The runtime goes on, with its hooks first.
    func release() {
        guard (try? runtime.go(to: .restoring)) != nil else { return }
        waitingForRestore?.answer(200, type: nil, body: [])
        waitingForRestore = nil
    }

    func restoreError(_ exchange: HTTPExchange) {
        guard go(.restoreError, exchange) else { return }
        environment.restoreReported(reportedError(exchange), body: exchange.isTooLarge ? nil : exchange.body)
        exchange.accept()
    }

    /// There is no further event of the warm-up. Said only to a runtime that was told of it (`MARTLET_WARM_UP`).
    func tellToPrepare() {
        guard (try? runtime.go(to: .started)) != nil else { return }
        waiting?.answer(204, type: nil, body: [])
        waiting = nil
    }

    /// What is waited for with this request; nothing when it is one that shall not wait.
    func pending(_ exchange: HTTPExchange) -> SnapshotMemo.Pending? {
        if exchange === waiting { return .invocationNext }
        if exchange === waitingForRestore { return .restoreNext }
        return environment.extensions.identifier(waitingWith: exchange).map { .extensionNext(identifier: $0) }
    }
}
