// Every message between a keeper and pid 1 of a sandbox. Untrusted code runs beside pid 1: what it sends is decoded as
// carefully as any.

/// From pid 1 to its keeper.
package enum InitReport: Equatable, Sendable {
    /// The sandbox is made, its command started if it has one. A sandbox without comes with the
    /// listeners of its Runtime API: `Given.runtimeAPI`, and `.runtimeSocket` where the kernel can refuse descriptors.
    case started(steps: [Step])
    case refused(Refusal)
    /// The command that the sandbox was made for has ended, and with it the sandbox.
    case exited(status: Int32)
    case signalled(number: Int32)
    case processStarted(UInt32, pid: Int32)
    case processRefused(UInt32, Refusal)
    case processEnded(UInt32, ProcessEnding)
    /// Comes with a socket.
    case socket
    /// All that was in the snapshot runs; those that pid 1 has made, and what the supervisor calls them.
    case restored([InsideProcess])
    case notRestored(Refusal)

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
        case .processStarted(let process, let pid):
            encoder.put(UInt8(5))
            encoder.put(process)
            encoder.put(pid)
        case .processRefused(let process, let refusal):
            encoder.put(UInt8(6))
            encoder.put(process)
            refusal.encode(into: &encoder)
        case .processEnded(let process, let ending):
            encoder.put(UInt8(7))
            encoder.put(process)
            ending.encode(into: &encoder)
        case .socket:
            encoder.put(UInt8(8))
        case .restored(let processes):
            encoder.put(UInt8(9))
            encoder.put(UInt16(processes.count))
            for process in processes {
                encoder.put(process.number)
                encoder.put(process.pid)
            }
        case .notRestored(let refusal):
            encoder.put(UInt8(10))
            refusal.encode(into: &encoder)
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
        case 5: self = .processStarted(try decoder.integer(), pid: try decoder.integer())
        case 6: self = .processRefused(try decoder.integer(), try Refusal(from: &decoder))
        case 7: self = .processEnded(try decoder.integer(), try ProcessEnding(from: &decoder))
        case 8: self = .socket
        case 9:
            var processes: [InsideProcess] = []
            for _ in 0..<(try decoder.integer(UInt16.self)) {
                processes.append(InsideProcess(number: try decoder.integer(), pid: try decoder.integer()))
            }
            self = .restored(processes)
        case 10: self = .notRestored(try Refusal(from: &decoder))
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// What pid 1 has started, or made from a snapshot.
package struct InsideProcess: Equatable, Sendable {
    /// Zero when it is not one that the supervisor had started.
    package let number: UInt32
    /// Its number inside.
    package let pid: Int32
    package init(number: UInt32, pid: Int32) { (self.number, self.pid) = (number, pid) }
}

/// From its keeper to pid 1.
package enum InitRequest: Equatable, Sendable {
    /// Go on with these: comes with descriptors, one for each of `handed`, in its order. First the mounts, when the users
    /// are mapped; then the groups, when the limits are set.
    case go(handed: [Handed])
    /// To a process that was started; number 0 is the command that the sandbox was made for.
    case signal(process: UInt32, number: Int32)
    /// Comes with three standard streams.
    case start(ProcessRequest)
    case killAll
    case socket
    /// Comes with the pipes for logs.
    case restore

    package static let longest = 160 * 1024
    /// Of all but `start`, which only a sandbox that waits is sent.
    package static let longestWithoutStart = 1024

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .go(let handed):
            encoder.put(UInt8(1))
            for one in handed { encoder.put(one.rawValue) }
        case .signal(let process, let number):
            encoder.put(UInt8(2))
            encoder.put(process)
            encoder.put(number)
        case .start(let request):
            encoder.put(UInt8(3))
            request.encode(into: &encoder)
        case .killAll:
            encoder.put(UInt8(4))
        case .socket:
            encoder.put(UInt8(5))
        case .restore:
            encoder.put(UInt8(6))
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .go(handed: try decoder.kinds())
        case 2: self = .signal(process: try decoder.integer(), number: try decoder.integer())
        case 3: self = .start(try ProcessRequest(from: &decoder))
        case 4: self = .killAll
        case 5: self = .socket
        case 6: self = .restore
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
