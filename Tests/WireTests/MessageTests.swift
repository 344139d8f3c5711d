import Testing
import Wire

@Suite struct Messages {
    static let request = SandboxRequest(
        id: 7, command: ["/bin/sh", "-c", "echo ü"], environment: ["A=b", "C="], root: "/r", code: "/c",
        layers: ["/l1", "/l2"], memoryMB: 256, tmpMB: 64, timeoutMS: 1500, boost: true,
        waived: [.cpu], without: [.seccomp, .nosuid])

    static let process = ProcessRequest(number: 3, command: ["/bootstrap", "ü"], environment: ["A=b"])

    static let requests: [WardenRequest] = [
        .create(request), .create(SandboxRequest(command: ["x"], root: "/")),
        .create(SandboxRequest(command: [], root: "/")), .start(id: 1, process),
        .start(id: .max, ProcessRequest(number: .max, command: [])), .signal(id: 3, process: 2, number: 15),
        .killAll(id: 4), .settle(id: 5), .socket(id: 6), .kill(id: 9), .sweep,
    ]

    static let steps = [
        Step(side: .outside, name: "a", start: 1, end: 2), Step(side: .inside, name: "b", start: 3, end: 4),
    ]

    static let replies: [WardenReply] =
        [
            .started(id: 1, steps: steps, given: Given.allCases), .started(id: 1, steps: [], given: []),
            .started(id: 1, steps: steps, given: [.peakMemory, .freeze]), .swept(5),
            .processStarted(id: 1, process: 2), .processEnded(id: 1, process: 2, .exited(255)),
            .processEnded(id: 1, process: 2, .signalled(9)), .socket(id: 3),
        ]
        + Refusal.Kind.allCases.map { .processRefused(id: 2, process: 7, Refusal($0, "because")) }
        + Refusal.Kind.allCases.map { .refused(id: 2, Refusal($0, "because")) }
        + [
            Outcome.Reason.exited(3), .signalled(9), .timedOut, .outOfMemory, .killed,
        ].map { .ended(id: 4, Outcome(reason: $0, wallNS: 1, cpuUS: 2, peakMemory: nil)) }
        + [.ended(id: 4, Outcome(reason: .exited(0), wallNS: 1, cpuUS: 2, peakMemory: 3))]

    @Test(arguments: requests) func requestsComeBackAsTheyWent(_ request: WardenRequest) throws {
        #expect(try WardenRequest(decoding: request.encoded()) == request)
    }

    @Test(arguments: replies) func repliesComeBackAsTheyWent(_ reply: WardenReply) throws {
        #expect(try WardenReply(decoding: reply.encoded()) == reply)
    }

    static let initMessages: [InitRequest] = [
        .go(handed: [.root, .devices, .layer, .layer, .group]), .go(handed: []), .signal(process: 0, number: 2),
        .start(process), .killAll, .socket,
    ]

    @Test(arguments: initMessages) func initRequestsComeBackAsTheyWent(_ request: InitRequest) throws {
        #expect(try InitRequest(decoding: request.encoded()) == request)
    }

    static let initReports: [InitReport] = [
        .started(steps: steps), .refused(Refusal(.step, "no")), .exited(status: 255), .signalled(number: 11),
        .processStarted(1, pid: 2), .processRefused(2, Refusal(.notFound, "no")), .processEnded(3, .exited(1)),
        .processEnded(4, .signalled(64)), .socket,
    ]

    @Test(arguments: initReports) func initReportsComeBackAsTheyWent(_ report: InitReport) throws {
        #expect(try InitReport(decoding: report.encoded()) == report)
    }
}

/// Bytes that no sender of ours makes: each must be an error, none a crash, none a large allocation.
@Suite struct HostileMessages {
    @Test func everyTruncationIsRefused() {
        let whole = WardenRequest.create(Messages.request).encoded()
        for count in 0..<whole.count {
            #expect(throws: DecodingError.self) { try WardenRequest(decoding: Array(whole[..<count])) }
        }
    }

    @Test func everyTruncationOfTheOthersIsRefused() {
        for request in Messages.requests {
            let whole = request.encoded()
            for count in 0..<whole.count {
                #expect(throws: DecodingError.self) { try WardenRequest(decoding: Array(whole[..<count])) }
            }
        }
        // What ends with a list of kinds has no length of its own: it may become shorter, never something else.
        for report in Messages.initReports {
            let whole = report.encoded()
            for count in 0..<whole.count {
                #expect(throws: DecodingError.self) { try InitReport(decoding: Array(whole[..<count])) }
            }
        }
    }

    @Test func whatIsGivenMustBeKnown() {
        let bytes = WardenReply.started(id: 1, steps: [], given: [.freeze]).encoded()
        for kind in [UInt8(0), 5, 255] {
            #expect(throws: DecodingError.unknownKind(kind)) {
                try WardenReply(decoding: Array(bytes.dropLast()) + [kind])
            }
        }
    }

    @Test func trailingBytesAreRefused() {
        #expect(throws: DecodingError.trailingBytes(1)) {
            try WardenRequest(decoding: WardenRequest.sweep.encoded() + [0])
        }
    }

    @Test func unknownKindsAreRefused() {
        for kind in [UInt8(0), 100, 255] {
            #expect(throws: DecodingError.unknownKind(kind)) { try WardenRequest(decoding: [kind]) }
        }
    }

    @Test func aZeroByteInATextIsRefused() {
        var bytes = WardenRequest.create(Messages.request).encoded()
        let slash = bytes.firstIndex(of: UInt8(ascii: "/"))!
        bytes[slash + 1] = 0
        #expect(throws: DecodingError.zeroByte) { try WardenRequest(decoding: bytes) }
    }

    @Test func textThatIsNotUTF8IsRefused() {
        var bytes = WardenRequest.create(Messages.request).encoded()
        bytes[bytes.firstIndex(of: UInt8(ascii: "/"))!] = 0xff
        #expect(throws: DecodingError.notText) { try WardenRequest(decoding: bytes) }
    }

    @Test func aLengthBeyondTheMessageIsRefusedBeforeAnythingIsMade() {
        var encoder = Encoder()
        encoder.put(UInt8(1))
        encoder.put(UInt32(1))
        encoder.put(UInt32.max)
        #expect(throws: DecodingError.tooMany(Int(UInt32.max))) { try WardenRequest(decoding: encoder.bytes) }
    }

    @Test func anUnknownMeasureIsRefused() {
        var bytes = WardenRequest.create(Messages.request).encoded()
        bytes[bytes.count - 1] ^= 1
        #expect(throws: DecodingError.self) { try WardenRequest(decoding: bytes) }
    }

    @Test func figuresThatNoClockGivesAreRefused() {
        let backwards = Step(side: .inside, name: "x", start: 2, end: 1)
        #expect(throws: DecodingError.outOfRange) {
            try InitReport(decoding: InitReport.started(steps: [backwards]).encoded())
        }
        let never = Step(side: .inside, name: "x", start: 0, end: .max)
        #expect(throws: DecodingError.outOfRange) {
            try InitReport(decoding: InitReport.started(steps: [never]).encoded())
        }
    }

    @Test func randomBytesNeverCrash() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            _ = try? WardenRequest(decoding: bytes)
            _ = try? WardenReply(decoding: bytes)
            _ = try? InitRequest(decoding: bytes)
            _ = try? InitReport(decoding: bytes)
        }
    }

    @Test func flippedBitsNeverCrash() {
        let whole = WardenRequest.create(Messages.request).encoded()
        for position in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[position] ^= 1 << bit
                _ = try? WardenRequest(decoding: bytes)
            }
        }
    }
}
