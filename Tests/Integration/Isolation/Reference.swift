// What another sandbox holds of the corpus and what it does not, and why: the tests are tested by it, and a reader sees what
// each measure adds. Bubblewrap, as it is started here, has namespaces, a root of its own and no capabilities.

extension Attack {
    /// Nil when bubblewrap holds this attack.
    var getsThroughBubblewrapBecause: String? {
        if case .without(let measures) = control, measures.contains("seccomp"),
            Set(measures).isSubset(of: ["seccomp", "namespace-limits"]), !Self.withoutAnotherArchitecture.contains(name)
        {
            return "it filters no system calls"
        }
        if options.contains("--timeout") || (theme == "resources" && name != "tmp-filled") {
            return "it limits nothing but the size of /tmp"
        }
        return Self.exceptions.first { $0.names.contains(name) }?.reason
    }

    /// Whether it may be run where nothing limits it.
    var isHarmlessWithoutLimits: Bool { !needs.contains("limits") }

    /// The kernel itself has no x32 calls, if it was not told to.
    private static let withoutAnotherArchitecture = ["calls-of-x32"]

    private static let exceptions: [(reason: String, names: Set<String>)] = [
        ("it passes on what is open", ["host-file-by-inherited-descriptor"]),
        ("it keeps the host's name", ["host-name-seen"]),
        (
            "it leaves the making of namespaces open",
            ["namespaces-past-the-filter", "namespaces-past-the-filter-as-root"]
        ),
        (
            "its own process inside belongs to the same user and can be looked into",
            ["host-environment", "process-memory-opened", "sandbox-init-traced"]
        ),
        (
            "it masks little of /proc",
            [
                "keys-read", "memory-statistics-read", "configuration-read", "pressure-read",
                "boot-identity-read", "audit-identity-written",
            ]
        ),
        (
            "it shows the host's own files, and where they are",
            [
                "root-lock-seen", "code-lock-seen", "layer-lock-seen", "root-watched", "code-watched", "layer-watched",
                "cached-pages-probed", "host-paths-seen",
            ]
        ),
        ("these sockets are in no namespace", ["vsock-bound"]),
    ]
}
