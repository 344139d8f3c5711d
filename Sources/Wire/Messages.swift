// Every message between two of our processes, one enum a direction. A message that is not here does not exist: decoding
// it is an error, and the receiver ends the conversation.

/// From a supervisor to the warden.
package enum WardenRequest: Equatable, Sendable {
    /// Comes with three descriptors: standard input, output and error of the command.
    case create(SandboxRequest)
    case signal(id: UInt32, number: Int32)
    case kill(id: UInt32)
    /// Clear away what dead wardens left.
    case sweep

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .create(let request):
            encoder.put(UInt8(1))
            request.encode(into: &encoder)
        case .signal(let id, let number):
            encoder.put(UInt8(2))
            encoder.put(id)
            encoder.put(number)
        case .kill(let id):
            encoder.put(UInt8(3))
            encoder.put(id)
        case .sweep:
            encoder.put(UInt8(4))
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .create(try SandboxRequest(from: &decoder))
        case 2: self = .signal(id: try decoder.integer(), number: try decoder.integer())
        case 3: self = .kill(id: try decoder.integer())
        case 4: self = .sweep
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// From the warden back.
package enum WardenReply: Equatable, Sendable {
    case started(id: UInt32, steps: [Step])
    case refused(id: UInt32, Refusal)
    /// Nothing of the sandbox is left when this is sent.
    case ended(id: UInt32, Outcome)
    case swept(UInt32)

    package static let longest = 16384

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .started(let id, let steps):
            encoder.put(UInt8(1))
            encoder.put(id)
            encoder.put(UInt16(steps.count))
            for step in steps { step.encode(into: &encoder) }
        case .refused(let id, let refusal):
            encoder.put(UInt8(2))
            encoder.put(id)
            refusal.encode(into: &encoder)
        case .ended(let id, let outcome):
            encoder.put(UInt8(3))
            encoder.put(id)
            outcome.encode(into: &encoder)
        case .swept(let count):
            encoder.put(UInt8(4))
            encoder.put(count)
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .started(id: try decoder.integer(), steps: try Step.decodeAll(from: &decoder))
        case 2: self = .refused(id: try decoder.integer(), try Refusal(from: &decoder))
        case 3: self = .ended(id: try decoder.integer(), try Outcome(from: &decoder))
        case 4: self = .swept(try decoder.integer())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// From pid 1 of a sandbox to its keeper. Untrusted code runs beside it: these are decoded as carefully as any.
package enum InitReport: Equatable, Sendable {
    case started(steps: [Step])
    case refused(Refusal)
    case exited(status: Int32)
    case signalled(number: Int32)

    package static let longest = 8192

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .started(let steps):
            encoder.put(UInt8(1))
            encoder.put(UInt16(steps.count))
            for step in steps { step.encode(into: &encoder) }
        case .refused(let refusal):
            encoder.put(UInt8(2))
            refusal.encode(into: &encoder)
        case .exited(let status):
            encoder.put(UInt8(3))
            encoder.put(UInt8(truncatingIfNeeded: status))
        case .signalled(let number):
            encoder.put(UInt8(4))
            encoder.put(UInt8(truncatingIfNeeded: number))
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .started(steps: try Step.decodeAll(from: &decoder))
        case 2: self = .refused(try Refusal(from: &decoder))
        case 3: self = .exited(status: Int32(try decoder.byte()))
        case 4: self = .signalled(number: Int32(try decoder.byte() & 0x7f))
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// From its keeper to pid 1.
package enum InitRequest: Equatable, Sendable {
    /// Go on with these: comes with descriptors, one for each of `handed`, in its order. First the mounts, when the users
    /// are mapped; then the groups, when the limits are set.
    case go(handed: [Handed])
    case signal(Int32)

    package static let longest = 1024

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .go(let handed):
            encoder.put(UInt8(1))
            for one in handed { encoder.put(one.rawValue) }
        case .signal(let number):
            encoder.put(UInt8(2))
            encoder.put(number)
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1:
            var handed: [Handed] = []
            while !decoder.isAtEnd {
                let number = try decoder.byte()
                guard let one = Handed(rawValue: number) else { throw .unknownKind(number) }
                handed.append(one)
            }
            self = .go(handed: handed)
        case 2: self = .signal(try decoder.integer())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// What the keeper makes ready for pid 1 because it takes the host's rights to do so.
package enum Handed: UInt8, Sendable {
    /// A `tasks` file of a v1 group, to join it.
    case group = 1
    /// Detached mounts.
    case root, skeleton, code, layer, devices
}
