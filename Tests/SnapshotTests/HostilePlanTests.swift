// Plans that are whole, with the right digest, and say what no capture of ours has said. Each must be an error: none a
// crash, none a large allocation, none a restore.

import Testing
import Wire

@testable import Snapshot

@Suite struct HostilePlans {
    private func refusal(_ body: [UInt8]) -> DecodingError? {
        do throws(DecodingError) {
            _ = try PlanFile.decode(body: body)
            return nil
        } catch {
            return error
        }
    }

    private func refusal(_ change: (inout Plan) -> Void) throws -> DecodingError? {
        var plan = Sample.plan
        change(&plan)
        return refusal(try Sample.body(plan))
    }

    @Test func everyTruncationIsRefused() throws {
        let body = try Sample.body(Sample.plan)
        for count in stride(from: 0, to: body.count, by: 7) { #expect(refusal(Array(body[..<count])) != nil) }
    }

    // MARK: lists

    struct LongList: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let most: Int
        let fill: @Sendable (inout Plan, Int) -> Void

        init(_ name: String, _ most: Int, _ fill: @escaping @Sendable (inout Plan, Int) -> Void) {
            (testDescription, self.most, self.fill) = (name, most, fill)
        }
    }

    static let longLists = [
        LongList("layers", 8) { $0.binding.layers = Array(repeating: Remark("x"), count: $1) },
        LongList("processes", 64) { $0.processes = Array(repeating: ProcessState(), count: $1) },
        LongList("files", 4096) { $0.files = Array(repeating: OpenFile(), count: $1) },
        LongList("entries", 65_536) { $0.entries = Array(repeating: TreeEntry(), count: $1) },
        LongList("left out", 4096) { $0.leftOut = Array(repeating: Remark(), count: $1) },
        LongList("threads", 1024) { $0.processes[0].threads = Array(repeating: ThreadState(), count: $1) },
        LongList("mappings", 16_384) { $0.processes[0].mappings = Array(repeating: Sample.mappings[2], count: $1) },
        LongList("kernel mappings", 8) {
            $0.processes[0].kernelMappings = Array(repeating: Sample.mappings[2], count: $1)
        },
        LongList("layout", 11) { $0.processes[0].layout = Array(repeating: 0, count: $1) },
        LongList("auxiliary", 1024) { $0.processes[0].auxiliary = Array(repeating: 0, count: $1) },
        LongList("actions", 64) { $0.processes[0].actions = Array(repeating: SignalAction(), count: $1) },
        LongList("pending", 64) { $0.processes[0].pending = Array(repeating: SignalInformation(), count: $1) },
        LongList("interval timers", 6) { $0.processes[0].intervalTimers = Array(repeating: 0, count: $1) },
        LongList("timers", 256) { $0.processes[0].timers = Array(repeating: PosixTimer(), count: $1) },
        LongList("limits", 32) { $0.processes[0].limits = Array(repeating: ResourceState(), count: $1) },
        LongList("descriptors", 4096) { $0.processes[0].descriptors = Array(repeating: Descriptor(), count: $1) },
        LongList("registers", 27) { $0.processes[0].threads[0].registers = Array(repeating: 0, count: $1) },
        LongList("vector state", 16_384) { $0.processes[0].threads[0].vector = Array(repeating: 0, count: $1) },
        LongList("bytes of a signal", 128) {
            $0.processes[0].pending = [SignalInformation(bytes: Array(repeating: 0, count: $1))]
        },
        LongList("words of an action", 4) { $0.processes[0].actions[0].words = Array(repeating: 0, count: $1) },
        LongList("times of a timer", 4) { $0.processes[0].timers[0].times = Array(repeating: 0, count: $1) },
        LongList("times of a timerfd", 4) { $0.files[5].times = Array(repeating: 0, count: $1) },
        LongList("what waits in a pipe", 1 << 20) { $0.files[3].payload = Array(repeating: 0, count: $1) },
        LongList("contents", 65_536) { $0.files[2].contents = Array(repeating: PageRun(), count: $1) },
        LongList("registrations", 4096) { $0.files[4].registrations = Array(repeating: Registration(), count: $1) },
    ]

    @Test(arguments: longLists) func listsThatAreTooLong(_ list: LongList) throws {
        #expect(try refusal { list.fill(&$0, list.most + 1) } == .tooMany(list.most + 1))
    }

    /// A length alone, without what it promises, costs nothing.
    @Test func lengthsWithoutContents() throws {
        let body = try Sample.body(Sample.plan)
        // The length of the first list: behind four texts.
        let place = [10, 10, 8, 7].reduce(0) { $0 + 4 + $1 }
        #expect(Array(body[place..<place + 4]) == [1, 0, 0, 0])
        for length in [9, 0x7fff_ffff, UInt32.max] {
            let hostile = Array(body[..<place]) + Sample.bytes(length)
            #expect(refusal(hostile) == .tooMany(Int(length)))
        }
    }

    // MARK: memory

    @Test(
        arguments: [
            Sample.start - 4096, 0, Sample.end, Sample.run + 1, 0xffff_ffff_ffff_f000, 0x5555_2222_2000,
        ] as [UInt64]) func aRunOutsideItsMapping(_ address: UInt64) throws
    {
        #expect(refusal(try Sample.body(Sample.run, becomes: address)) == .outOfRange)
    }

    @Test(arguments: [5, 1 << 52, UInt64.max, 1 << 20] as [UInt64]) func aRunThatIsTooLong(_ pages: UInt64) throws {
        let run = Sample.bytes(Sample.run) + Sample.bytes(Sample.runPages)
        var body = try Sample.body(Sample.plan)
        let place = try #require(body.indices.first { body[$0...].starts(with: run) })
        body.replaceSubrange(place + 8..<place + 16, with: Sample.bytes(pages))
        #expect(refusal(body) == .outOfRange)
    }

    @Test(arguments: [Sample.pagesSize - 0x2000, Sample.pagesSize, 1 << 40, UInt64.max] as [UInt64])
    func aRunOutsideTheFileOfPages(_ position: UInt64) throws {
        #expect(refusal(try Sample.body(Sample.position, becomes: position)) == .outOfRange)
    }

    @Test(arguments: [Sample.start + 1, Sample.start + 0x800, Sample.end, Sample.end + 4096, UInt64.max])
    func aMappingThatBeginsInTheWrongPlace(_ start: UInt64) throws {
        #expect(refusal(try Sample.body(Sample.start, becomes: start)) == .outOfRange)
    }

    @Test(arguments: [Sample.end + 1, Sample.start, 0, 0x8000_0000_0000, 0xffff_8000_0000_0000, UInt64.max])
    func aMappingThatEndsInTheWrongPlace(_ end: UInt64) throws {
        #expect(refusal(try Sample.body(Sample.end, becomes: end)) == .outOfRange)
    }

    @Test func aMappingFromTheMiddleOfAPage() throws {
        #expect(refusal(try Sample.body(Sample.offset, becomes: Sample.offset + 1)) == .outOfRange)
    }

    @Test func aSharedMappingOfAFileThatIsNotThere() throws {
        #expect(try refusal { $0.processes[0].mappings[2].file = 6 } == .outOfRange)
        #expect(try refusal { $0.processes[0].mappings[2].file = .max } == .outOfRange)
    }

    @Test func morePagesOfTheKernelThanThereAreParametersFor() throws {
        #expect(
            try refusal { $0.processes[0].kernelMappings = Array(repeating: Sample.mappings[2], count: 5) }
                == .outOfRange)
    }

    // MARK: processes

    @Test func noProcess() throws { #expect(try refusal { $0.processes = [] } == .outOfRange) }

    @Test func noProcessThatRuns() throws {
        #expect(try refusal { $0.processes[0].isEnded = true } == .outOfRange)
    }

    @Test(arguments: [0, 1, 2, Int32.max]) func aParentThatComesLater(_ parent: Int32) throws {
        #expect(try refusal { $0.processes[0].parent = parent } == .outOfRange)
        if parent > 0 { #expect(try refusal { $0.processes[1].parent = parent } == .outOfRange) }
    }

    @Test(arguments: [-2, Int32.min]) func aParentThatIsNone(_ parent: Int32) throws {
        #expect(try refusal { $0.processes[1].parent = parent } == .outOfRange)
    }

    @Test(arguments: [1, 0, -1, Int32.min]) func aNumberThatIsNoProcesss(_ pid: Int32) throws {
        #expect(try refusal { $0.processes[0].pid = pid } == .outOfRange)
    }

    @Test func noThread() throws { #expect(try refusal { $0.processes[0].threads = [] } == .outOfRange) }

    @Test(arguments: [0, 26]) func aThreadWithoutItsRegisters(_ count: Int) throws {
        #expect(
            try refusal { $0.processes[0].threads[1].registers = Array(repeating: 0, count: count) } == .outOfRange)
    }

    @Test(arguments: [0, 512, 575]) func aVectorStateThatIsTooShort(_ count: Int) throws {
        #expect(try refusal { $0.processes[0].threads[1].vector = Array(repeating: 0, count: count) } == .outOfRange)
    }

    @Test func aLayoutThatIsNotWhole() throws {
        #expect(try refusal { $0.processes[0].layout.removeLast() } == .outOfRange)
    }

    // MARK: files

    @Test func aDescriptorOfAFileThatIsNotThere() throws {
        #expect(try refusal { $0.processes[0].descriptors[0].file = 6 } == .outOfRange)
        #expect(try refusal { $0.processes[1].descriptors = [Sample.descriptor(0, file: -1 & 0xffff)] } == .outOfRange)
        #expect(try refusal { $0.processes[0].descriptors[0].number = -1 } == .outOfRange)
    }

    @Test(arguments: [4, UInt32.max]) func aLogThatNobodyReads(_ index: UInt32) throws {
        #expect(try refusal { $0.files[1].index = index } == .outOfRange)
    }

    @Test func contentsOutsideTheFileOfPages() throws {
        for position in [Sample.pagesSize - 4096, 1 << 40, UInt64.max] {
            #expect(try refusal { $0.files[2].contents[0].position = position } == .outOfRange)
        }
        for pages in [257, 1 << 28, UInt64.max] {
            #expect(try refusal { $0.files[2].contents[0].pages = pages } == .outOfRange)
        }
    }

    @Test func aFileOfTmpOutsideTheFileOfPages() throws {
        for position in [Sample.pagesSize - 4096, 1 << 40, UInt64.max] {
            #expect(
                try refusal { $0.entries[1].contents = [PageRun(address: 0, pages: 2, position: position)] }
                    == .outOfRange)
        }
        for size in [1 << 40, 1 << 41, UInt64.max] {
            #expect(try refusal { $0.entries[1].size = size } == .outOfRange)
        }
    }

    @Test func kindsThatThereAreNot() throws {
        var body = try Sample.body(Sample.plan)
        let mapping = Sample.bytes(Sample.end) + [3]
        let place = try #require(body.indices.first { body[$0...].starts(with: mapping) }) + mapping.count
        for kind in [5, 255] as [UInt8] {
            body[place] = kind
            #expect(refusal(body) == .unknownKind(kind))
        }
    }

    @Test func flagsAndTextsThatAreNone() throws {
        var body = try Sample.body(Sample.plan)
        let text = Array("memo".utf8)
        let place = try #require(body.indices.first { body[$0...].starts(with: text) })
        body[place] = 0
        #expect(refusal(body) == .zeroByte)
        body[place] = 0xff
        #expect(refusal(body) == .notText)
    }
}
