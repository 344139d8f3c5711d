// Every message between a supervisor and the warden, one enum a direction. A message that is not here does not exist:
// decoding it is an error, and the receiver ends the conversation.

/// From a supervisor to the warden.
package enum WardenRequest: Equatable, Sendable {
    /// Comes with three descriptors when it has a command: its standard input, output and error.
    case create(SandboxRequest)
    /// Starts a process in a sandbox that waits for them; comes with its three standard streams.
    case start(id: UInt32, ProcessRequest)
    /// To one process that was started; number 0 is the command that the sandbox was made for.
    case signal(id: UInt32, process: UInt32, number: Int32)
    /// Ends every process of a sandbox and leaves the sandbox.
    case killAll(id: UInt32)
    /// Init is over: from now on the CPU is what the memory buys.
    case settle(id: UInt32)
    /// Asks for a socket in the sandbox's network, not yet connected.
    case socket(id: UInt32)
    /// Ends a sandbox, and with it all that runs in it.
    case kill(id: UInt32)
    /// Clear away what dead wardens left.
    case sweep
    /// Makes a snapshot of all that runs in a sandbox, which goes on afterwards. Comes with the ends that its processes
    /// write their logs to, the runtime's first: what is restored gets others in their place.
    case capture(id: UInt32, CaptureRequest)
    /// Starts in a sandbox that was made with a snapshot what is in that. Comes with as many log pipes as the capture.
    case restore(id: UInt32)
    /// Answered with a file of JSON: all that is in the image.
    case describeSnapshot(String)
    case removeSnapshot(String)
    /// No sandbox is made from it for the time being: what is held in memory for that may go.
    case releaseSnapshot(String)
    /// Answered with a file of JSON: the names of all.
    case listSnapshots
    /// The sandbox was restored and has served its first event: which of its memory that took is noted, and the next to
    /// be restored have it at once. Not answered.
    case learn(id: UInt32)

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .create(let request):
            encoder.put(UInt8(1))
            request.encode(into: &encoder)
        case .start(let id, let request):
            encoder.put(UInt8(2))
            encoder.put(id)
            request.encode(into: &encoder)
        case .signal(let id, let process, let number):
            encoder.put(UInt8(3))
            encoder.put(id)
            encoder.put(process)
            encoder.put(number)
        case .killAll(let id):
            encoder.put(UInt8(4))
            encoder.put(id)
        case .settle(let id):
            encoder.put(UInt8(5))
            encoder.put(id)
        case .socket(let id):
            encoder.put(UInt8(6))
            encoder.put(id)
        case .kill(let id):
            encoder.put(UInt8(7))
            encoder.put(id)
        case .sweep:
            encoder.put(UInt8(8))
        case .capture(let id, let request):
            encoder.put(UInt8(9))
            encoder.put(id)
            request.encode(into: &encoder)
        case .restore(let id):
            encoder.put(UInt8(10))
            encoder.put(id)
        case .describeSnapshot(let name):
            encoder.put(UInt8(11))
            encoder.put(name)
        case .removeSnapshot(let name):
            encoder.put(UInt8(12))
            encoder.put(name)
        case .releaseSnapshot(let name):
            encoder.put(UInt8(13))
            encoder.put(name)
        case .listSnapshots:
            encoder.put(UInt8(14))
        case .learn(let id):
            encoder.put(UInt8(15))
            encoder.put(id)
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1: self = .create(try SandboxRequest(from: &decoder))
        case 2: self = .start(id: try decoder.integer(), try ProcessRequest(from: &decoder))
        case 3:
            self = .signal(
                id: try decoder.integer(), process: try decoder.integer(), number: try decoder.integer())
        case 4: self = .killAll(id: try decoder.integer())
        case 5: self = .settle(id: try decoder.integer())
        case 6: self = .socket(id: try decoder.integer())
        case 7: self = .kill(id: try decoder.integer())
        case 8: self = .sweep
        case 9: self = .capture(id: try decoder.integer(), try CaptureRequest(from: &decoder))
        case 10: self = .restore(id: try decoder.integer())
        case 11: self = .describeSnapshot(try decoder.text())
        case 12: self = .removeSnapshot(try decoder.text())
        case 13: self = .releaseSnapshot(try decoder.text())
        case 14: self = .listSnapshots
        case 15: self = .learn(id: try decoder.integer())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}

/// A descriptor that the warden gives the supervisor of a sandbox that waits for processes.
package enum Given: UInt8, CaseIterable, Sendable {
    /// Listening at 127.0.0.1:9001 of the sandbox's network.
    case runtimeAPI = 1
    /// Listening at the abstract name `martlet-runtime` of the sandbox's network: the same service, with less to do. Not
    /// before Linux 6.16: there, whoever connects could send descriptors.
    case runtimeSocket
    /// `cgroup.freeze`, to write; not on a host without cgroup2.
    case freeze
    /// A file that begins with the most bytes of memory ever used, to read from its start.
    case peakMemory
}

/// From the warden back.
package enum WardenReply: Equatable, Sendable {
    /// The sandbox is made, and its command started if it has one. Comes with the descriptors that `given` names, in its
    /// order.
    case started(id: UInt32, steps: [Step], given: [Given])
    case refused(id: UInt32, Refusal)
    case processStarted(id: UInt32, process: UInt32)
    case processRefused(id: UInt32, process: UInt32, Refusal)
    case processEnded(id: UInt32, process: UInt32, ProcessEnding)
    /// Comes with the socket.
    case socket(id: UInt32)
    /// Nothing of the sandbox runs any more when this is sent.
    case ended(id: UInt32, Outcome)
    case swept(UInt32)
    case captured(id: UInt32, CaptureFigures)
    /// The environment goes on as before.
    case notCaptured(id: UInt32, Refusal)
    /// What is in the snapshot runs, or is about to.
    case restored(id: UInt32)
    /// Nothing runs in the sandbox: processes may be started there one by one.
    case notRestored(id: UInt32, Refusal)
    /// Comes with the file that was asked for, or with nothing where there is no snapshot of this name. A list has no
    /// name.
    case snapshotDescribed(String)
    case snapshotRemoved(String)

    package static let longest = 16384

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        switch self {
        case .started(let id, let steps, let given):
            encoder.put(UInt8(1))
            encoder.put(id)
            encoder.put(UInt16(steps.count))
            for step in steps { step.encode(into: &encoder) }
            for one in given { encoder.put(one.rawValue) }
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
        case .processStarted(let id, let process):
            encoder.put(UInt8(5))
            encoder.put(id)
            encoder.put(process)
        case .processRefused(let id, let process, let refusal):
            encoder.put(UInt8(6))
            encoder.put(id)
            encoder.put(process)
            refusal.encode(into: &encoder)
        case .processEnded(let id, let process, let ending):
            encoder.put(UInt8(7))
            encoder.put(id)
            encoder.put(process)
            ending.encode(into: &encoder)
        case .socket(let id):
            encoder.put(UInt8(8))
            encoder.put(id)
        case .captured(let id, let figures):
            encoder.put(UInt8(9))
            encoder.put(id)
            figures.encode(into: &encoder)
        case .notCaptured(let id, let refusal):
            encoder.put(UInt8(10))
            encoder.put(id)
            refusal.encode(into: &encoder)
        case .restored(let id):
            encoder.put(UInt8(11))
            encoder.put(id)
        case .notRestored(let id, let refusal):
            encoder.put(UInt8(12))
            encoder.put(id)
            refusal.encode(into: &encoder)
        case .snapshotDescribed(let name):
            encoder.put(UInt8(13))
            encoder.put(name)
        case .snapshotRemoved(let name):
            encoder.put(UInt8(14))
            encoder.put(name)
        }
        return encoder.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        var decoder = Decoder(bytes)
        switch try decoder.byte() {
        case 1:
            let id: UInt32 = try decoder.integer()
            let steps = try Step.decodeAll(from: &decoder)
            self = .started(id: id, steps: steps, given: try decoder.kinds())
        case 2: self = .refused(id: try decoder.integer(), try Refusal(from: &decoder))
        case 3: self = .ended(id: try decoder.integer(), try Outcome(from: &decoder))
        case 4: self = .swept(try decoder.integer())
        case 5: self = .processStarted(id: try decoder.integer(), process: try decoder.integer())
        case 6:
            self = .processRefused(
                id: try decoder.integer(), process: try decoder.integer(), try Refusal(from: &decoder))
        case 7:
            self = .processEnded(
                id: try decoder.integer(), process: try decoder.integer(), try ProcessEnding(from: &decoder))
        case 8: self = .socket(id: try decoder.integer())
        case 9: self = .captured(id: try decoder.integer(), try CaptureFigures(from: &decoder))
        case 10: self = .notCaptured(id: try decoder.integer(), try Refusal(from: &decoder))
        case 11: self = .restored(id: try decoder.integer())
        case 12: self = .notRestored(id: try decoder.integer(), try Refusal(from: &decoder))
        case 13: self = .snapshotDescribed(try decoder.text())
        case 14: self = .snapshotRemoved(try decoder.text())
        case let other: throw .unknownKind(other)
        }
        try decoder.finish()
    }
}
