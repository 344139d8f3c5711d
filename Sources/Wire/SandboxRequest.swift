// What a sandbox shall be. The command line fills it in, the keeper checks it again: `problem` is the same on both sides,
// so that a person gets the message early and the keeper never relies on it having been asked.

/// A limit that the host's kernel enforces through cgroups; the operator may waive it by name.
package enum Limit: String, CaseIterable, Sendable {
    case memory, cpu, pids
}

/// A text for some of the limits: where each is enforced, or why not. A dictionary would do, but the first of its kind
/// costs a static program 0.1 ms, to find out at run time that its keys can be hashed.
package struct PerLimit: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    private var memory, cpu, pids: String?

    package init(dictionaryLiteral elements: (Limit, String)...) {
        for (limit, text) in elements { self[limit] = text }
    }

    package subscript(limit: Limit) -> String? {
        get {
            switch limit {
            case .memory: memory
            case .cpu: cpu
            case .pids: pids
            }
        }
        set {
            switch limit {
            case .memory: memory = newValue
            case .cpu: cpu = newValue
            case .pids: pids = newValue
            }
        }
    }

    /// Those that there are, each once: controllers that are mounted together share a directory.
    package var distinct: [String] {
        var all: [String] = []
        for limit in Limit.allCases {
            if let text = self[limit], !all.contains(text) { all.append(text) }
        }
        return all
    }
}

/// A measure of isolation that can be taken away, for experiments on isolation and for the tests that show that it is
/// this measure which stops an attack.
package enum Measure: String, CaseIterable, Sendable {
    case seccomp
    case capabilities
    case noNewPrivileges = "no-new-privileges"
    case networkNamespace = "network-namespace"
    case ipcNamespace = "ipc-namespace"
    case hostNameNamespace = "host-name-namespace"
    case cgroupNamespace = "cgroup-namespace"
    case namespaceLimits = "namespace-limits"
    case readOnly = "read-only"
    case ownInodes = "own-inodes"
    case procMasks = "proc-masks"
    case nosuid
    case closedDescriptors = "closed-descriptors"
}

package struct SandboxRequest: Equatable, Sendable {
    package var id: UInt32
    /// Empty: a sandbox that waits. Processes are started in it one by one (`ProcessRequest`), and its Runtime API has a
    /// listener in its network.
    package var command: [String]
    package var environment: [String]
    package var root: String
    package var code: String?
    package var layers: [String]
    package var memoryMB: UInt32
    package var tmpMB: UInt32
    /// Zero: no deadline.
    package var timeoutMS: UInt64
    /// At least one whole CPU until the sandbox is told to settle: what a small share would take minutes for is done in a
    /// second. AWS Lambda does the same while a function initialises.
    package var boost: Bool
    /// Made to be restored from this snapshot (`WardenRequest.restore`): its processes have not begun yet.
    package var snapshot: String?
    package var waived: [Limit]
    package var without: [Measure]

    package init(
        id: UInt32 = 1, command: [String], environment: [String] = [], root: String, code: String? = nil,
        layers: [String] = [], memoryMB: UInt32 = Self.oneCPU, tmpMB: UInt32 = 512, timeoutMS: UInt64 = 0,
        boost: Bool = false, snapshot: String? = nil, waived: [Limit] = [], without: [Measure] = []
    ) {
        self.id = id
        self.command = command
        self.environment = environment
        self.root = root
        self.code = code
        self.layers = layers
        self.memoryMB = memoryMB
        self.tmpMB = tmpMB
        self.timeoutMS = timeoutMS
        self.boost = boost
        self.snapshot = snapshot
        self.waived = waived
        self.without = without
    }

    /// This much memory buys one CPU, as in AWS Lambda.
    package static let oneCPU: UInt32 = 1769
    package static let memoryRange: ClosedRange<UInt32> = 128...10_240
    package static let tmpRange: ClosedRange<UInt32> = 1...10_240
    package static let longestTimeoutMS: UInt64 = 24 * 3600 * 1000
    package static let mostLayers = 5

    /// Whether it is one that waits.
    package var waits: Bool { command.isEmpty }

    /// What is wrong with it, in words, or nil.
    package func problem() -> String? {
        if let first = command.first, first.isEmpty { return "the command to run has no name" }
        if !Self.memoryRange.contains(memoryMB) {
            return "memory of \(memoryMB) MB is not possible: choose 128 to 10240"
        }
        if !Self.tmpRange.contains(tmpMB) { return "/tmp of \(tmpMB) MB is not possible: choose 1 to 10240" }
        if layers.count > Self.mostLayers {
            return "\(layers.count) layers are too many: a function has at most \(Self.mostLayers)"
        }
        for (index, layer) in layers.enumerated() where layers[..<index].contains(layer) {
            return "the layer \(layer) is given twice"
        }
        if timeoutMS > Self.longestTimeoutMS { return "a timeout of more than a day is not possible" }
        if let path = firstRelativePath { return "\(path) is not an absolute path" }
        if let snapshot {
            if !waits { return "a sandbox with a command of its own is not restored from a snapshot" }
            if let problem = SnapshotName.problem(snapshot) { return problem }
        }
        if waits, without.contains(.networkNamespace) {
            return "a sandbox that waits listens in a network of its own: that cannot be taken away"
        }
        return ProcessRequest.problem(environment: environment)
    }

    private var firstRelativePath: String? {
        func isRelative(_ path: String) -> Bool { path.utf8.first != UInt8(ascii: "/") }
        if isRelative(root) { return root }
        if let code, isRelative(code) { return code }
        return layers.first(where: isRelative)
    }

    package func encode(into encoder: inout Encoder) {
        encoder.put(id)
        encoder.put(command)
        encoder.put(environment)
        encoder.put(root)
        encoder.put(code)
        encoder.put(layers)
        encoder.put(memoryMB)
        encoder.put(tmpMB)
        encoder.put(timeoutMS)
        encoder.put(boost)
        encoder.put(snapshot)
        encoder.put(waived)
        encoder.put(without)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        id = try decoder.integer()
        command = try decoder.texts()
        environment = try decoder.texts()
        root = try decoder.text()
        code = try decoder.optionalText()
        layers = try decoder.texts()
        memoryMB = try decoder.integer()
        tmpMB = try decoder.integer()
        timeoutMS = try decoder.integer()
        boost = try decoder.flag()
        snapshot = try decoder.optionalText()
        waived = try decoder.names()
        without = try decoder.names()
    }
}
