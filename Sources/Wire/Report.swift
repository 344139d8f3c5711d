// What became of a sandbox: the steps of its start, why it was refused, how it ended.

/// One step of a start, for `--explain` and for finding out what is slow.
package struct Step: Equatable, Sendable {
    /// Which process did it: steps of the two sides overlap in time.
    package enum Side: UInt8, Sendable {
        case outside = 0
        case inside = 1
    }

    package let side: Side
    package let name: String
    /// Nanoseconds of the monotonic clock.
    package let start, end: UInt64

    package init(side: Side, name: String, start: UInt64, end: UInt64) {
        self.side = side
        self.name = name
        self.start = start
        self.end = end
    }

    package func encode(into encoder: inout Encoder) {
        encoder.put(side.rawValue)
        encoder.put(name)
        encoder.put(start)
        encoder.put(end)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        let number = try decoder.byte()
        guard let side = Side(rawValue: number) else { throw .unknownKind(number) }
        self.side = side
        name = try decoder.text()
        start = try decoder.integer()
        end = try decoder.integer()
        // Figures are made of the difference.
        guard start <= end, end <= UInt64(Int64.max) else { throw .outOfRange }
    }

    static func decodeAll(from decoder: inout Decoder) throws(DecodingError) -> [Step] {
        let count = Int(try decoder.integer(UInt16.self))
        var steps: [Step] = []
        for _ in 0..<count { steps.append(try Step(from: &decoder)) }
        return steps
    }
}

/// Why a sandbox did not start. The kind decides the exit status, the words are for a person.
package struct Refusal: Error, Equatable, Sendable {
    package enum Kind: UInt8, CaseIterable, Sendable {
        /// The request itself cannot be: a bad number, too many layers.
        case request = 0
        /// A directory that was named is missing, or is not one.
        case input = 1
        /// The host cannot enforce a limit.
        case limit = 2
        /// The engine cannot write where it must.
        case state = 3
        /// A step of the set-up failed.
        case step = 4
        /// The command is there, and cannot be executed.
        case notExecutable = 5
        case notFound = 6
        /// The caller is not root.
        case rights = 7
        /// What runs cannot be captured, or a snapshot not be used.
        case snapshot = 8
    }

    package let kind: Kind
    package let message: String

    /// Longer words are cut: they travel in messages of limited length.
    private static let longest = 2000

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message.utf8.count > Self.longest ? message.prefix(Self.longest / 4) + "…" : message
    }

    package func encode(into encoder: inout Encoder) {
        encoder.put(kind.rawValue)
        encoder.put(message)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        let number = try decoder.byte()
        guard let kind = Kind(rawValue: number) else { throw .unknownKind(number) }
        self.kind = kind
        message = try decoder.text()
    }
}

package struct Outcome: Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
        case timedOut
        case outOfMemory
        /// Somebody asked for its end.
        case killed
    }

    package var reason: Reason
    /// From the start of the command to its end.
    package var wallNS: UInt64
    package var cpuUS: UInt64
    /// The kernel's own figure, nil where memory is not accounted.
    package var peakMemory: UInt64?

    package init(reason: Reason, wallNS: UInt64, cpuUS: UInt64, peakMemory: UInt64?) {
        self.reason = reason
        self.wallNS = wallNS
        self.cpuUS = cpuUS
        self.peakMemory = peakMemory
    }

    package func encode(into encoder: inout Encoder) {
        let (kind, value): (UInt8, Int32) =
            switch reason {
            case .exited(let status): (0, status)
            case .signalled(let signal): (1, signal)
            case .timedOut: (2, 0)
            case .outOfMemory: (3, 0)
            case .killed: (4, 0)
            }
        encoder.put(kind)
        encoder.put(value)
        encoder.put(wallNS)
        encoder.put(cpuUS)
        encoder.put(peakMemory != nil)
        encoder.put(peakMemory ?? 0)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        let kind = try decoder.byte()
        let value: Int32 = try decoder.integer()
        switch kind {
        case 0: reason = .exited(value)
        case 1: reason = .signalled(value)
        case 2: reason = .timedOut
        case 3: reason = .outOfMemory
        case 4: reason = .killed
        default: throw .unknownKind(kind)
        }
        wallNS = try decoder.integer()
        cpuUS = try decoder.integer()
        let known = try decoder.flag()
        let peak: UInt64 = try decoder.integer()
        peakMemory = known ? peak : nil
    }
}
