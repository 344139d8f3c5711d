// Where an event may find its environment: as the function says, or as one event says for itself. Experiments and
// benchmarks ask for one way; everybody else leaves it to the engine.

package enum StartMode: String, CaseIterable, Sendable {
    /// One that waits, else one of the pool, else one from the snapshot, else a new one.
    case auto
    /// Always a new one, whose processes are started.
    case cold
    /// Always a new one, from the snapshot: neither from the pool nor used before.
    case restore
    /// One of the pool; when it is empty, from the snapshot.
    case pooled
    /// One that has waited; when there is none, as with auto.
    case warm

    package static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
