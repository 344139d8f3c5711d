// The snapshots of all function versions: made in the background, by an environment of their own each; found again when
// the engine starts; made anew when they cannot be used; removed with their version.

import Lambda
import Linux
import Reactor
package import Wire

package final class Snapshots {
    private unowned let engine: Engine
    private unowned let dispatcher: Dispatcher
    private var all: [ObjectIdentifier: Snapshot] = [:]
    /// Those that wait for their turn: to be initialised takes a processor.
    private var queue: [Snapshot] = []
    private var atWork: [Work] = []

    /// One that is being made, and since when.
    private final class Work {
        let snapshot: Snapshot
        let begunAt = Clock.now
        init(_ snapshot: Snapshot) { self.snapshot = snapshot }
    }

    /// So many that have just begun: to be initialised takes a processor. What is still not made after a while waits rather
    /// than computes, or is slow on purpose: it leaves its place to others, and has one of a larger number of places.
    private static let mostBegun = 2
    private static let mostAtWork = 8
    /// Tests have less patience.
    var longestBegun: UInt64 = 10_000_000_000
    private static let mostFailuresInARow = 3
    /// In seconds, before it is tried again.
    private static let pauses: [UInt64] = [1, 10, 60]
    private static let noRoomPause: UInt64 = 2

    init(_ engine: Engine, _ dispatcher: Dispatcher) {
        self.engine = engine
        self.dispatcher = dispatcher
    }

    package subscript(function: FunctionVersion) -> Snapshot {
        if let snapshot = all[ObjectIdentifier(function)] { return snapshot }
        let snapshot = Snapshot(function)
        all[ObjectIdentifier(function)] = snapshot
        return snapshot
    }

    /// The same without keeping what nobody has asked for.
    package func peek(_ function: FunctionVersion) -> Snapshot {
        all[ObjectIdentifier(function)] ?? Snapshot(function)
    }

    /// A function that lives as long as its environments is not kept by what is known of it.
    func drop(_ snapshot: Snapshot) {
        if case .none = snapshot.state, snapshot.waiters.isEmpty, isKnown(snapshot) {
            all[ObjectIdentifier(snapshot.function)] = nil
        }
    }

    /// Those that there are or should be.
    package var known: [Snapshot] {
        all.values.filter { if case .none = $0.state { false } else { true } }
            .sorted { $0.name < $1.name }
    }

    // MARK: making

    /// A version is new: its snapshot is made, if it wants one.
    package func deployed(_ function: FunctionVersion) {
        if function.configuration.snapshot { make(function) {} }
    }

    /// Makes it, anew where there is one already; `done` is called when it is there or it is clear that it will not be.
    package func make(_ function: FunctionVersion, then done: @escaping () -> Void) {
        let snapshot = self[function]
        snapshot.waiters.append(done)
        if snapshot.isBeingMade { return }
        snapshot.timesMadeAnew = 0
        begin(snapshot)
    }

    private func begin(_ snapshot: Snapshot) {
        if snapshot.ready != nil {
            dispatcher.dropShells(of: snapshot.function)
            // Whatever becomes of the new one, the old one is not found again.
            engine.warden.removeSnapshot(snapshot.name)
        }
        snapshot.state = .making
        queue.append(snapshot)
        workOn()
    }

    private func workOn() {
        while hasPlace, let next = queue.firstIndex(where: mayBegin) { start(queue.remove(at: next)) }
    }

    private var hasPlace: Bool {
        let now = Clock.now
        return atWork.count < Self.mostAtWork
            && atWork.count { now - $0.begunAt < longestBegun } < Self.mostBegun
    }

    /// A function has one place, however many versions of it there are.
    private func mayBegin(_ snapshot: Snapshot) -> Bool {
        !atWork.contains { $0.snapshot.function.name == snapshot.function.name }
    }

    private func start(_ snapshot: Snapshot) {
        let work = Work(snapshot)
        atWork.append(work)
        let maker = Maker(snapshot) { [weak self] result in self?.ended(work, result) }
        if dispatcher.startMaker(maker) != nil {
            _ = engine.loop.after(longestBegun) { [weak self] in self?.workOn() }
            return
        }
        if dispatcher.isClosing { return maker.fail(Refusal(.snapshot, "the engine is shutting down")) }
        atWork.removeAll { $0 === work }
        // Others need the room; it has time.
        _ = engine.loop.after(Self.noRoomPause * 1_000_000_000) { [weak self, weak snapshot] in
            guard let self, let snapshot, snapshot.isBeingMade, isKnown(snapshot) else { return }
            queue.append(snapshot)
            workOn()
        }
    }

    private func isKnown(_ snapshot: Snapshot) -> Bool { all[ObjectIdentifier(snapshot.function)] === snapshot }

    private func ended(_ work: Work, _ result: Result<(SnapshotMemo, CaptureFigures), Refusal>) {
        let snapshot = work.snapshot
        atWork.removeAll { $0 === work }
        defer { workOn() }
        switch result {
        case .success(let (memo, figures)):
            engine.metrics.snapshotsMade += 1
            // Nobody wants it any more.
            guard isKnown(snapshot), snapshot.isBeingMade else {
                return engine.warden.removeSnapshot(snapshot.name)
            }
            snapshot.failuresInARow = 0
            snapshot.settle(.ready(Snapshot.Ready(memo, figures, tookUS: (Clock.now - work.begunAt) / 1000)))
            tell(snapshot, nil)
            dispatcher.pools.look(soon: true)
        case .failure(let refusal):
            guard isKnown(snapshot), snapshot.isBeingMade else { return }
            engine.metrics.snapshotsRefused += 1
            snapshot.settle(.refused(refusal.message))
            tell(snapshot, refusal.message)
        }
    }

    private func tell(_ snapshot: Snapshot, _ reason: String?) {
        if let reason, !dispatcher.isClosing {
            engine.complaints(
                "there will be no snapshot, and cold starts instead",
                [("function", snapshot.function.name), ("reason", reason)])
        }
        engine.events.tell(engine.wallTime.iso, "snapshot", Self.members(of: snapshot, reason))
    }

    private static func members(of snapshot: Snapshot, _ reason: String?) -> [(String, JSON)] {
        let members: [(String, JSON)] = [
            ("function", .text(snapshot.function.name)), ("state", .text(snapshot.state.name)),
        ]
        return members + (reason.map { [("reason", .text($0))] } ?? [])
    }

    // MARK: what goes wrong

    /// An environment could not be made of it. One that was made on another host is made anew at once; any other has a
    /// few attempts.
    /// - Returns: whether the operator knows the reason from what is said of the snapshot
    func restoreFailed(_ snapshot: Snapshot, _ ready: Snapshot.Ready?, _ reason: Refusal) -> Bool {
        let isItsOwn = reason.kind == .snapshot
        // Of one that has been replaced meanwhile nothing more is to be said; and it was, when the image was bad.
        guard let ready, snapshot.ready === ready else { return isItsOwn }
        snapshot.failuresInARow += 1
        guard isItsOwn || snapshot.failuresInARow >= Self.mostFailuresInARow else { return false }
        makeAnew(snapshot, because: reason.message)
        return true
    }

    private func makeAnew(_ snapshot: Snapshot, because reason: String) {
        engine.warden.removeSnapshot(snapshot.name)
        dispatcher.dropShells(of: snapshot.function)
        snapshot.failuresInARow = 0
        guard snapshot.timesMadeAnew < Self.pauses.count else {
            snapshot.settle(.refused("it was made \(Self.pauses.count + 1) times and could not be used: \(reason)"))
            return tell(snapshot, reason)
        }
        complain(snapshot, reason)
        let pause = Self.pauses[snapshot.timesMadeAnew]
        snapshot.timesMadeAnew += 1
        snapshot.settle(.toBeMadeAnew(reason))
        _ = engine.loop.after(pause * 1_000_000_000) { [weak self, weak snapshot] in
            guard let self, let snapshot, isKnown(snapshot), case .toBeMadeAnew = snapshot.state else { return }
            begin(snapshot)
        }
    }

    private func complain(_ snapshot: Snapshot, _ reason: String) {
        if dispatcher.isClosing { return }
        engine.complaints(
            "a snapshot cannot be used, and is made anew", [("function", snapshot.function.name), ("reason", reason)])
    }

    // MARK: the end of snapshots

    /// Removes it; the version is served by cold starts from then on.
    package func remove(_ function: FunctionVersion) {
        let snapshot = peek(function)
        queue.removeAll { $0 === snapshot }
        snapshot.settle(.none)
        dispatcher.dropShells(of: function)
        dispatcher.endMaker(of: snapshot)
        engine.warden.removeSnapshot(snapshot.name)
    }

    /// The version is gone.
    func forget(_ function: FunctionVersion) {
        guard let snapshot = all.removeValue(forKey: ObjectIdentifier(function)) else { return }
        queue.removeAll { $0 === snapshot }
        if case .none = snapshot.state { return }
        snapshot.settle(.none)
        engine.warden.removeSnapshot(snapshot.name)
    }

    // MARK: what earlier engines left

    /// Takes up the snapshots of these functions, removes all others, and makes those that are missing.
    package func load(_ deployed: @escaping () -> [FunctionVersion]) {
        // Until it is known what there is.
        for function in deployed() where function.configuration.snapshot { self[function].state = .making }
        engine.warden.describeSnapshot("") { [weak self] bytes in self?.sort(bytes, deployed) }
    }

    private func sort(_ bytes: [UInt8]?, _ deployed: @escaping () -> [FunctionVersion]) {
        let functions = deployed()
        let list = bytes.flatMap { try? JSON(parsing: $0) }
        let names = (list?.list ?? list?["snapshots"]?.list ?? []).compactMap { $0.text ?? $0["name"]?.text }
        // Those that were deployed a moment ago are seen to.
        var missing = functions.filter { $0.configuration.snapshot && self[$0].isBeingMade && !isAtWork(on: $0) }
        for name in names {
            guard let function = functions.first(where: { Snapshot.name(of: $0) == name }) else {
                engine.warden.removeSnapshot(name)
                continue
            }
            missing.removeAll { $0 === function }
            engine.warden.describeSnapshot(name) { [weak self] description in
                if deployed().contains(where: { $0 === function }) { self?.takeUp(description, function) }
            }
        }
        for function in missing { begin(self[function]) }
    }

    private func isAtWork(on function: FunctionVersion) -> Bool {
        queue.contains { $0.function === function } || dispatcher.isMaking(function)
    }

    private func takeUp(_ description: [UInt8]?, _ function: FunctionVersion) {
        let snapshot = self[function]
        let json = description.flatMap { try? JSON(parsing: $0) }
        if let memo = json?["memo"]?.text.flatMap({ SnapshotMemo($0) }) {
            snapshot.settle(.ready(Snapshot.Ready(memo, json.flatMap { CaptureFigures($0) }, tookUS: nil)))
            dispatcher.pools.look(soon: true)
        } else {
            complain(snapshot, json?["problem"]?.text ?? "what it says cannot be read")
            engine.warden.removeSnapshot(snapshot.name)
            if function.configuration.snapshot { begin(snapshot) } else { snapshot.settle(.none) }
        }
    }

    /// All that the warden knows of its image, with what is known here; nothing when there is none.
    package func describe(_ function: FunctionVersion, then done: @escaping (JSON) -> Void) {
        let snapshot = peek(function)
        guard snapshot.ready != nil else { return done(snapshot.json) }
        engine.warden.describeSnapshot(snapshot.name) { bytes in
            var members = snapshot.json.object ?? []
            let image = bytes.flatMap { try? JSON(parsing: $0) }?.object ?? []
            members.append(("image", .object(image.filter { $0.0 != "memo" })))
            done(.object(members))
        }
    }
}

extension CaptureFigures {
    /// As far as the warden's description of an image has them.
    fileprivate init?(_ json: JSON) {
        guard let bytes = json["bytes"]?.integer, let stopped = json["stopped_us"]?.integer,
            let processes = json["processes"]?.list
        else { return nil }
        self.init()
        self.bytes = UInt64(clamping: bytes)
        stoppedUS = UInt64(clamping: stopped)
        self.processes = UInt32(clamping: processes.count)
        threads = UInt32(clamping: processes.reduce(0) { $0 + ($1["threads"]?.list?.count ?? 0) })
    }
}
