// A plan made by hand: a process with two threads and its child, with something in every field. Its numbers are markers,
// so that a test can find them in the bytes and put others there.

import Wire

@testable import Snapshot

enum Sample {
    static let start: UInt64 = 0x5555_1111_2000
    static let end: UInt64 = 0x5555_1111_8000
    static let run: UInt64 = 0x5555_1111_4000
    static let runPages: UInt64 = 3
    static let position: UInt64 = 0x7_3000
    static let offset: UInt64 = 0x1234_5000
    static let pagesSize: UInt64 = 0x10_0000
    static let pid: Int32 = 0x0102_0304
    static let inside = InsideUser(user: 993, group: 990, closing: Array(repeating: 6, count: 48))

    static let plan: Plan = {
        var plan = Plan()
        plan.binding.kernel = "Linux 6.18"
        plan.binding.processor = "flags: fpu"
        plan.binding.root = "/roots/a"
        plan.binding.code = "/code/b"
        plan.binding.layers = [Remark("/layers/c")]
        plan.memo = "memo ü"
        plan.monotonic = 5_000_000_001
        plan.bootTime = -7
        plan.processes = [first, child]
        plan.files = files
        plan.entries = entries
        plan.pagesSize = pagesSize
        plan.pagesSum = 77
        plan.capturedAtMS = 1_700_000_000_000
        plan.stoppedUS = 12_345
        plan.leftOut = [Remark("a connection")]
        return plan
    }()

    private static let first: ProcessState = {
        var state = ProcessState()
        state.pid = pid
        state.number = 3
        state.session = 4
        state.group = 5
        state.threads = [thread(pid), thread(pid + 1)]
        state.mappings = mappings
        for (index, name) in ["[vvar]", "[vdso]"].enumerated() {
            var page = Mapping()
            page.start = 0x7fff_0000_0000 + UInt64(index) << 16
            page.end = page.start + 0x2000
            (page.kind, page.path, page.protection) = (.kernel, name, 5)
            state.kernelMappings.append(page)
        }
        state.layout = (0..<11).map { 0x5555_0000_0000 + $0 << 12 }
        state.auxiliary = Array(1...32)
        state.program = "/usr/bin/python3"
        state.directory = "/var/task"
        state.creationMask = 0o27
        var action = SignalAction()
        (action.signal, action.words) = (15, [1, 2, 3, 4])
        state.actions = [action]
        state.pending = [SignalInformation(bytes: [10] + Array(repeating: 0, count: 127))]
        state.intervalTimers = [1_000_000, 500_000, 0, 0, 0, 0]
        var timer = PosixTimer()
        (timer.id, timer.clock, timer.signal, timer.notification) = (1, 1, 14, 4)
        (timer.thread, timer.value, timer.times) = (pid, 9, [1, 2, 3, 4])
        state.timers = [timer]
        var limit = ResourceState()
        (limit.resource, limit.soft, limit.hard) = (7, 100, 200)
        state.limits = [limit]
        (state.isDumpable, state.isSubreaper, state.personality, state.oomScore) = (false, true, 0x40000, 7)
        (state.coreFilter, state.hasNoHugePages, state.keepsCapabilities) = ("00000055", true, true)
        state.descriptors = files.indices.map { descriptor(Int32($0), file: $0, closes: $0 == 1) }
        return state
    }()

    private static let child: ProcessState = {
        var state = ProcessState()
        (state.pid, state.parent, state.session, state.group) = (pid + 9, 0, 4, 5)
        (state.isEnded, state.endStatus) = (true, 3 << 8)
        return state
    }()

    /// Another child, which runs: with memory and a descriptor that it shares with its parent.
    static let runningChild: ProcessState = {
        var state = first
        (state.pid, state.parent, state.number) = (pid + 20, 0, 0)
        state.threads = [thread(pid + 20)]
        state.descriptors = [descriptor(0, file: 0)]
        return state
    }()

    static func descriptor(_ number: Int32, file: Int, closes: Bool = false) -> Descriptor {
        var descriptor = Descriptor()
        (descriptor.number, descriptor.file, descriptor.closesOnExec) = (number, UInt32(file), closes)
        return descriptor
    }

    static func thread(_ tid: Int32) -> ThreadState {
        var state = ThreadState()
        state.tid = tid
        state.name = "worker (1)"
        state.registers = (0..<27).map { 0x1000 + UInt64($0) }
        state.vector = (0..<832).map { UInt8(truncatingIfNeeded: $0) }
        // Which parts there are: the oldest three, which every processor has.
        state.vector.replaceSubrange(464..<512, with: Array(repeating: 0, count: 48))
        state.vector[464] = 7
        state.vector.replaceSubrange(512..<576, with: Array(repeating: 0, count: 64))
        state.vector[512] = 7
        state.signalMask = 0xdead
        (state.stackAddress, state.stackFlags, state.stackSize) = (0x7000_1000, 1, 0x2000)
        (state.sequencesAddress, state.sequencesLength, state.sequencesSignature) = (0x7000_5000, 32, 0x5305_3053)
        (state.robustHead, state.robustLength, state.clearedWord) = (0x7000_6000, 24, 0x7000_7000)
        state.pending = [SignalInformation(bytes: [12] + Array(repeating: 0, count: 127))]
        (state.parentDeathSignal, state.timerSlack, state.nice, state.policy) = (9, 60_000, 5, 3)
        (state.inputPriority, state.processors) = (0x4006, [1])
        return state
    }

    static let mappings: [Mapping] = {
        var anonymous = Mapping()
        (anonymous.start, anonymous.end, anonymous.protection) = (start, end, 3)
        anonymous.runs = [PageRun(address: run, pages: runPages, position: position)]
        var file = Mapping()
        (file.start, file.end, file.protection, file.kind) = (0x5555_2222_2000, 0x5555_2222_4000, 5, .file)
        (file.path, file.offset, file.fileSize, file.fileTime) = ("/usr/lib/libc.so.6", offset, 0x2000, 1_600_000_000)
        file.flags = Mapping.leftOutOfDumps
        var shared = Mapping()
        (shared.start, shared.end, shared.protection, shared.kind) = (0x5555_3333_2000, 0x5555_3333_3000, 3, .shared)
        shared.file = 2
        return [anonymous, file, shared]
    }()

    static let files: [OpenFile] = {
        var path = OpenFile()
        (path.path, path.flags, path.position) = ("/tmp/data", 2, 100)
        var lock = FileLock()
        (lock.kind, lock.isExclusive, lock.start, lock.length) = (.record, true, 4, 8)
        path.locks = [lock]
        var option = SocketOption()
        (option.number, option.value) = (9, [1, 0, 0, 0])
        path.options = [option]
        var log = OpenFile()
        (log.kind, log.index, log.flags) = (.log, 1, 1)
        var memory = OpenFile()
        (memory.kind, memory.path, memory.size, memory.value) = (.memory, "shared", 5000, 0)
        memory.contents = [PageRun(address: 0, pages: 2, position: 0x8_0000)]
        var pipe = OpenFile()
        (pipe.kind, pipe.index, pipe.value, pipe.payload) = (.pipeReading, 9, 4096, [1, 2, 3])
        var poll = OpenFile()
        poll.kind = .poll
        var registration = Registration()
        (registration.number, registration.events, registration.data, registration.path) = (3, 1, 3, "/tmp/x")
        poll.registrations = [registration]
        var timer = OpenFile()
        (timer.kind, timer.value, timer.second, timer.third, timer.times) = (.timer, 1, 2, 3, [1, 0, 2, 0])
        return [path, log, memory, pipe, poll, timer]
    }()

    private static let entries: [TreeEntry] = {
        var directory = TreeEntry()
        (directory.kind, directory.path, directory.mode) = (.directory, "/tmp/d", 0o755)
        var file = TreeEntry()
        (file.path, file.mode, file.size, file.contents) = (
            "/tmp/data", 0o644, 4097, [PageRun(address: 0, pages: 2, position: 0x9_0000)]
        )
        (file.seconds, file.nanoseconds) = (1_650_000_000, 5)
        var link = TreeEntry()
        (link.kind, link.path, link.target) = (.link, "/tmp/l", "d")
        return [directory, file, link]
    }()

    /// What stands behind the digest.
    static func body(_ plan: Plan) throws -> [UInt8] { Array(try PlanFile.encode(plan).dropFirst(52)) }

    /// The sample with one number in the place of another, wherever that stands.
    static func body(_ old: some FixedWidthInteger, becomes new: some FixedWidthInteger) throws -> [UInt8] {
        let (from, to) = (bytes(old), bytes(new))
        var body = try Self.body(plan)
        var place = 0
        var count = 0
        while place + from.count <= body.count {
            if body[place..<place + from.count].elementsEqual(from) {
                body.replaceSubrange(place..<place + from.count, with: to)
                count += 1
            }
            place += 1
        }
        guard count > 0 else { throw NoMarker() }
        return body
    }

    private struct NoMarker: Error {}

    static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        (0..<type(of: value).bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
