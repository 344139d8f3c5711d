// A snapshot in memory, ready to be started from: the memory of its first process at its place in the caller's own, and
// the steps of the restore beside it. A template loads it; every pid 1 that is forked from the template has it too, and
// starts from it the processes of its sandbox.

import CRestorer
import Glibc
package import Linux
package import Wire

package final class Restoration: Sendable {
    private let layout: Layout
    private let roots: [Compiled.Root]
    private let words: [String]
    private let steps: Range<UInt64>
    package let monotonic: Int64
    package let bootTime: Int64
    /// Those that pid 1 makes: what the supervisor calls each, and its number inside.
    package let processes: [InsideProcess]
    package let logCount: Int
    /// Whether the image's pages are needed beside what is in memory.
    package let needsPages: Bool

    /// All of what is here for the restore: the memory of the first process, the restorer and its program.
    private let ranges: [Range<UInt64>]

    /// Where pid 1 and the template have the image's pages.
    package static let pagesDescriptor = Compiler.pagesDescriptor
    /// Where pid 1 puts the pipes for logs; and the last number of what it holds for the processes.
    package static let firstLog = Compiler.firstGiven
    package static let lastGiven = Compiler.gateDescriptor
    /// Where pid 1 puts the namespace with the time.
    package static let timeDescriptor = Compiler.timeDescriptor
    /// How many have to arrive.
    private let processCount: Int

    // MARK: the template

    /// Takes the plan's memory into this process. Where something of its own is in the way, it is refused.
    /// - Parameter open: opens a file by its path in the sandbox
    package init(
        loading plan: Plan, touched: TouchedPages, pages: borrowing FileDescriptor, inside: InsideUser,
        ceilings: Ceilings = .largest, failing step: Int? = nil,
        open: (String) throws(SystemError) -> FileDescriptor
    ) throws(Refusal) {
        let layout = try Layout(plan)
        var compiler = Compiler(plan, layout, inside, ceilings)
        compiler.touched = touched.written
        let compiled = try compiler.compile()
        do throws(SystemError) {
            guard try PageSum.of(pages.raw, size: plan.pagesSize) == plan.pagesSum else {
                throw SystemError(call: "check", subject: "the pages, which are not what they were", code: EIO)
            }
            if let first = plan.processes.first {
                for mapping in first.mappings where Compiler.isInherited(mapping) {
                    try Self.load(mapping, pages.raw, touched, open)
                }
            }
            try Self.lay(compiled.program, layout, plan, failing: step)
            // Where they are here they are in every child.
            for (index, value) in try Self.kernelPages().enumerated() {
                Self.set(Parameter.kernelPages + index, value, layout)
            }
        } catch {
            throw Refusal(.snapshot, "load the snapshot: \(error)")
        }
        self.layout = layout
        roots = compiled.roots
        let list = compiled.program.steps
        let begin = layout.steps(compiled.program)
        (words, steps) = (list.words, begin..<begin + UInt64(list.bytes.count))
        (monotonic, bootTime) = (plan.monotonic, plan.bootTime)
        processCount = plan.processes.count { !$0.isEnded }
        processes = compiled.roots.map { InsideProcess(number: plan.processes[$0.process].number, pid: $0.pid) }
        logCount = plan.files.filter { $0.kind == .log }.map { Int($0.index) + 1 }.max() ?? 0
        let inherited = plan.processes.first?.mappings.filter(Compiler.isInherited) ?? []
        ranges = Self.joined(inherited.map(\.range) + [layout.base..<layout.end])
        needsPages =
            plan.processes.count > 1 || !plan.entries.isEmpty || plan.files.contains { !$0.contents.isEmpty }
            || (plan.processes.first?.mappings.contains { !Compiler.isInherited($0) && !$0.runs.isEmpty } ?? false)
    }

    /// Whether a restore can be made of a plan at all.
    package static func check(
        _ plan: Plan, _ inside: InsideUser, _ ceilings: Ceilings
    ) throws(Refusal) {
        var compiler = Compiler(plan, try Layout(plan), inside, ceilings)
        _ = try compiler.compile()
    }

    private static let populateForReading = 22

    private static func load(
        _ mapping: Mapping, _ pages: Int32, _ touched: TouchedPages,
        _ open: (String) throws(SystemError) -> FileDescriptor
    ) throws(SystemError) {
        let wanted = OwnMemory.Protection(rawValue: Int32(mapping.protection))
        let read = touched.read.filter { mapping.start <= $0.address && $0.range.upperBound <= mapping.end }
        let isShared = mapping.has(Mapping.seenByAll)
        let early = mapping.runs.isEmpty && (read.isEmpty || isShared) ? wanted : wanted.union(.readWrite)
        if mapping.kind == .file {
            let file = try open(mapping.path)
            let about = try FileDetails(file.raw)
            guard about.size == mapping.fileSize, about.modifiedSeconds == mapping.fileTime else {
                throw SystemError(call: "open", subject: "\(mapping.path), which has changed", code: ESTALE)
            }
            try OwnMemory.map(
                mapping.range, early, file: file.raw, offset: mapping.offset, shared: isShared)
        } else {
            try OwnMemory.map(
                mapping.range, early, growsDown: mapping.has(Mapping.growsDown),
                reserves: !mapping.has(Mapping.reservesNothing))
        }
        for run in mapping.runs {
            try OwnMemory.fill(run.range, from: pages, at: run.position)
            if mapping.kind == .anonymous, !isShared { makeLarge(run.range, but: touched.written) }
        }
        // A child inherits the table of pages of a file only where its parent has a page of its own among them: one is
        // written to, without changing it.
        if let first = read.first, !isShared, mapping.runs.isEmpty { OwnMemory.rewrite(at: first.address) }
        if early != wanted { try OwnMemory.protect(mapping.range, wanted) }
        // The clones are children, too: they are told of that one later.
        for advice in Compiler.advice(for: mapping) where advice != Compiler.keepFromChildren {
            try? OwnMemory.advise(mapping.range, advice)
        }
        for run in read { try? OwnMemory.advise(run.range, populateForReading) }
    }

    private static let collapse = 25
    private static let large: UInt64 = 2 << 20

    /// A child inherits a large page at the price of a small one. Not where it is known to write: that takes the large
    /// one apart again. Where the kernel cannot do it all stays as it is.
    private static func makeLarge(_ range: Range<UInt64>, but written: [PageRun]) {
        var block = (range.lowerBound + large - 1) & ~(large - 1)
        while block + large <= range.upperBound {
            let whole = block..<block + large
            if !written.contains(where: { $0.range.overlaps(whole) }) { try? OwnMemory.advise(whole, collapse) }
            block += large
        }
    }

    private static func lay(
        _ program: Program, _ layout: Layout, _ plan: Plan, failing: Int?
    ) throws(SystemError) {
        let steps = layout.steps(program)
        let end = (steps + UInt64(program.steps.bytes.count) + Layout.page - 1) & ~(Layout.page - 1)
        try OwnMemory.map(layout.staying, .readWrite)
        try OwnMemory.map(layout.stacks.lowerBound..<end, .readWrite)
        let code = unsafe UnsafeRawBufferPointer(start: crestorer_code(), count: Int(crestorer_code_size()))
        OwnMemory.write(unsafe Array(code), at: layout.base)
        for (process, addresses) in zip(plan.processes, layout.frames) {
            for (thread, address) in zip(process.threads, addresses) {
                OwnMemory.write(Frame(thread, at: address).bytes, at: address)
            }
        }
        let header: [UInt64] = [steps, layout.data]
        OwnMemory.write(header.flatMap(Self.bytes), at: layout.header)
        if !program.data.isEmpty { OwnMemory.write(program.data, at: layout.data) }
        var list = program.steps
        if let failing { list.fail(failing) }
        OwnMemory.write(list.bytes, at: steps)
        try OwnMemory.protect(layout.code, [.read, .execute])
    }

    /// Of the pages that the kernel gives to each process, addresses and lengths.
    private static func kernelPages() throws(SystemError) -> [UInt64] {
        var values: [UInt64] = []
        for line in try Files.readText("/proc/self/maps").split(separator: "\n")
        where line.hasSuffix("[vdso]") || line.contains("[vvar") {
            let ends = line.prefix { $0 != " " }.split(separator: "-").map { UInt64($0, radix: 16) ?? 0 }
            values += [ends[0], ends[1] - ends[0]]
        }
        return values
    }

    private static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    // MARK: pid 1

    /// What pid 1 does ahead of time, while nobody waits.
    package func prepare() throws(SystemError) -> RestoreGate {
        for index in 0..<logCount { set(Parameter.logs + index, UInt64(Self.firstLog) + UInt64(index)) }
        return try RestoreGate()
    }

    /// Makes the first process: a copy of pid 1 that does as `limit` says, and waits until it is launched. All that pid 1
    /// has open, then or later, is open there.
    package func makeFirst(_ limit: () throws(SystemError) -> Void) throws(SystemError) {
        let result = crestorer_fork(roots[0].pid, 1)
        if result < 0 { throw SystemError(call: "clone3", subject: "of process \(roots[0].pid)", code: Int32(-result)) }
        if result > 0 { return }
        do throws(SystemError) { try limit() } catch { _exit(1) }
        enter(0)
    }

    private func enter(_ index: Int) -> Never {
        // Both are addresses in memory that `lay` has mapped.
        unsafe crestorer_enter(
            UnsafeMutablePointer<restorer>(bitPattern: UInt(layout.header)),
            UnsafeRawPointer(bitPattern: UInt(layout.base)), UInt64(roots[index].step),
            UnsafeMutableRawPointer(bitPattern: UInt(layout.firstStackTop)))
    }

    /// There will be no restore here.
    package func discard() {
        try? Processes.signal(SIGKILL, toProcess: roots[0].pid)
        _ = try? Processes.wait(for: roots[0].pid)
    }

    private func set(_ parameter: Int, _ value: UInt64) { Self.set(parameter, value, layout) }

    private static func set(_ parameter: Int, _ value: UInt64, _ layout: Layout) {
        let first = UInt64(unsafe MemoryLayout<restorer>.offset(of: \.parameters) ?? 40)
        OwnMemory.write(value, at: layout.header + first + UInt64(parameter) * 8)
    }

    /// Makes the processes. None of them goes on before all have arrived. Pid 1 is as it was born, in the template's
    /// memory: what this allocates or retains is a page more of its own, and copied while somebody waits.
    package func launch(_ gate: borrowing RestoreGate) throws(Refusal) {
        gate.begin()
        for index in roots.indices.dropFirst() {
            let result = crestorer_fork(roots[index].pid, 0)
            if result == 0 { enter(index) }
            if result < 0 {
                throw Refusal(.snapshot, "make process \(roots[index].pid): \(SystemError.reason(of: Int32(-result)))")
            }
        }
    }

    /// Every process has arrived, or is gone. Opens the gate when none is gone; by then pid 1 has given up its rights.
    package func finish(_ gate: consuming RestoreGate) throws(Refusal) {
        let (arrived, failure) = gate.packets()
        guard arrived == processCount, failure == nil else { throw refusal(failure) }
        gate.open()
    }

    /// A process has ended before the gate was open: why.
    package func failure(_ gate: borrowing RestoreGate) -> Refusal { refusal(gate.packets().failure) }

    private func refusal(_ packet: restorer_packet?) -> Refusal {
        guard let packet else { return Refusal(.snapshot, "a process ended while it was being restored") }
        let step = Int(packet.failed_step)
        let reason = SystemError.reason(of: packet.error)
        return Refusal(.snapshot, "step \(step - 1), \(words(ofStep: step - 1)): \(reason)")
    }

    /// Gives up what pid 1 needs no more when the gate is open: its tables of these pages are a tenth of
    /// what a small function has written.
    package func forget() {
        for range in ranges { OwnMemory.unmap(range) }
    }

    private static func joined(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
        var joined: [Range<UInt64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, last.upperBound == range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<range.upperBound
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    /// Pid 1 has the steps where the template has put them.
    private func words(ofStep index: Int) -> String {
        guard index >= 0, index < steps.count / StepList.size else { return "?" }
        let address = steps.lowerBound + UInt64(index * StepList.size)
        let bytes = OwnMemory.read(address, count: StepList.size)
        let step = StepList.decode(bytes[...], words)
        guard step.words.hasSuffix(" ") else { return step.words }
        for case .data(let offset) in step.arguments.prefix(2) {
            let text = OwnMemory.read(layout.address(offset), count: Self.longestTold).prefix { $0 != 0 }
            return step.words + String(decoding: text, as: UTF8.self)
        }
        return step.words
    }

    /// Of a path. Behind the last of the data are the steps, so that there is as much to read.
    private static let longestTold = 256
}
