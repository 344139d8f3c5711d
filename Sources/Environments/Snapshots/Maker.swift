// What an environment has to do before it is an ordinary one: be warmed up, become quiet, and be captured.

import Lambda
import Wire

final class Maker {
    let snapshot: Snapshot
    /// Those that are still to be run.
    private var events: ArraySlice<String>
    private(set) var errors = 0
    private(set) var memo: SnapshotMemo?
    private var done: ((Result<(SnapshotMemo, CaptureFigures), Refusal>) -> Void)?
    /// The runtime was told that no event of the warm-up is left.
    var hasPrepared = false

    init(
        _ snapshot: Snapshot, then done: @escaping (Result<(SnapshotMemo, CaptureFigures), Refusal>) -> Void
    ) {
        self.snapshot = snapshot
        events = snapshot.function.configuration.warmUp[...]
        self.done = done
    }

    /// Until the capture is over, one way or the other.
    var isAtWork: Bool { done != nil }
    var warmsUp: Bool { !snapshot.function.configuration.warmUp.isEmpty }

    func nextEvent() -> String? { events.popFirst() }

    func begin(_ memo: SnapshotMemo) {
        self.memo = memo
        self.memo?.warmUpErrors = errors
    }

    func end(_ figures: CaptureFigures) {
        if let memo { tell(.success((memo, figures))) }
    }

    func fail(_ reason: Refusal) { tell(.failure(reason)) }

    private func tell(_ result: Result<(SnapshotMemo, CaptureFigures), Refusal>) {
        guard let done else { return }
        self.done = nil
        done(result)
    }
}

extension Maker: InvocationCaller {
    func streamBegins(contentType: String) {}
    func stream(_ part: ArraySlice<UInt8>) {}
    var pending: Int { 0 }

    /// An event that fails is the function's affair; what it has loaded on the way is loaded.
    func finished(_ result: InvocationResult) {
        if result.error != nil { errors += 1 }
    }
}
