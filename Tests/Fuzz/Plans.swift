// Images of snapshots, from behind their digests: what is read is written so that it is read as the same, and what can be
// compiled becomes steps that a restorer can take. And what the kernel writes of processes, with names of others' choice.

import Archive
import Linux
import Wire

@testable import Snapshot

/// The first byte chooses: a plan, or the hint of touched pages, with the digest that it has to have.
@Sendable func fuzzPlan(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    if choice % 8 == 0 {
        guard let touched = TouchedPages(decoding: rest + SHA256.digest(of: rest)) else { return }
        precondition("\(TouchedPages(decoding: touched.encoded()) ?? TouchedPages())" == "\(touched)")
        return
    }
    guard let plan = try? PlanFile.decode(body: rest) else { return }
    var (again, visitor) = (plan, WritingVisitor())
    precondition((try? again.visit(&visitor)) != nil && visitor.encoder.bytes == rest)
    _ = plan.json(named: "x").bytes
    compile(plan)
}

private func compile(_ plan: Plan) {
    guard let layout = try? Layout(plan) else { return }
    let room = layout.base..<layout.end
    for process in plan.processes {
        precondition((process.mappings + process.kernelMappings).allSatisfy { !$0.range.overlaps(room) })
    }
    var compiler = Compiler(plan, layout, InsideUser(user: 993, group: 990, closing: Array(repeating: 0, count: 48)))
    compiler.touched = plan.processes.flatMap { $0.mappings.flatMap(\.runs) }
    guard let program = try? compiler.compile().program else { return }
    precondition(layout.steps(program) + UInt64(program.steps.count) * 64 <= layout.end)
    for step in program.steps {
        precondition(step.arguments.count == 6 && (step.slot ?? 0) < 1024)
        for argument in step.arguments {
            switch argument {
            case .value: break
            case .slot(let slot): precondition(slot < 1024)
            case .data(let offset): precondition(offset <= program.data.count)
            case .parameter(let parameter): precondition(parameter < 32)
            }
        }
    }
    for (process, addresses) in zip(plan.processes, layout.frames) {
        for (thread, address) in zip(process.threads, addresses) {
            precondition(Frame(thread, at: address).bytes.count <= Frame.size(of: thread))
        }
    }
}

@Sendable func fuzzProc(_ bytes: [UInt8]) {
    for line in MemoryMap.parse(bytes) { _ = (line.mapping.range, line.name) }
    let text = String(decoding: bytes, as: UTF8.self)
    let stat = ProcFile.stat(text)
    for number in 0..<60 { _ = stat.address(number) }
    for (_, values) in ProcFile.values(in: text) { for value in values { _ = ProcFile.innermost(value) } }
}

/// Plans as small as they can be, with as much as possible in them.
func writePlans(to directory: String) {
    var thread = ThreadState()
    (thread.tid, thread.name) = (2, "t")
    thread.registers = Array(repeating: 1, count: 27)
    thread.vector = Array(repeating: 0, count: 576)
    var mapping = Mapping()
    (mapping.start, mapping.end, mapping.protection) = (0x10000, 0x13000, 3)
    mapping.runs = [PageRun(address: 0x11000, pages: 1, position: 0)]
    var code = Mapping()
    (code.start, code.end, code.kind, code.path) = (0x20000, 0x21000, .file, "/a")
    var shared = Mapping()
    (shared.start, shared.end, shared.kind, shared.file) = (0x30000, 0x31000, .shared, 1)
    var page = Mapping()
    (page.start, page.end, page.kind, page.path) = (0x40000, 0x41000, .kernel, "[vdso]")
    var process = ProcessState()
    process.pid = 2
    (process.threads, process.mappings, process.kernelMappings) = ([thread], [mapping, code, shared], [page])
    process.layout = Array(repeating: 0, count: ProcessState.layoutCount)
    var action = SignalAction()
    (action.signal, action.words) = (2, [1, 2, 3, 4])
    process.actions = [action]
    var timer = PosixTimer()
    (timer.id, timer.times) = (1, [0, 0, 1, 0])
    process.timers = [timer]
    process.intervalTimers = [1, 1, 0, 0, 0, 0]
    process.pending = [SignalInformation(bytes: Array(repeating: 1, count: 128))]
    var plan = Plan()
    (plan.pagesSize, plan.processes) = (8192, [process])
    var plans = [plan]
    let kinds = (0...17).compactMap(OpenFile.Kind.init(rawValue:))
    for kind in kinds {
        var file = OpenFile()
        (file.kind, file.path, file.times, file.payload) = (kind, "/b", [0, 0, 1, 0], [1, 2])
        var registration = Registration()
        (registration.number, registration.path) = (1, "/c")
        file.registrations = [registration]
        if kind == .memory || kind == .deleted {
            (file.size, file.contents) = (10, [PageRun(address: 0, pages: 1, position: 4096)])
        }
        var descriptor = Descriptor()
        descriptor.number = 1
        var one = plan
        one.files = [file, file]
        one.processes[0].descriptors = [descriptor]
        plans.append(one)
    }
    var entries = plan
    entries.processes[0].mappings = []
    entries.entries = [TreeEntry.Kind.directory, .file, .link, .pipe, .socket, .hardLink].map {
        var entry = TreeEntry()
        (entry.kind, entry.path, entry.target, entry.size) = ($0, "/tmp/a", "b", 1)
        return entry
    }
    plans.append(entries)
    var family = plan
    family.processes[0].mappings = []
    var child = family.processes[0]
    (child.pid, child.parent) = (3, 0)
    var ended = ProcessState()
    (ended.pid, ended.parent, ended.isEnded) = (4, 1, true)
    family.processes += [child, ended]
    plans.append(family)
    for (index, plan) in plans.enumerated() {
        guard let bytes = try? PlanFile.encode(plan) else { preconditionFailure("plan \(index)") }
        try? Trees.replace("\(directory)/plan-\(index)", with: [1] + bytes.dropFirst(52))
    }
    var touched = TouchedPages()
    touched.written = [PageRun(address: 0x1000, pages: 1, position: 0)]
    try? Trees.replace("\(directory)/touched", with: [0] + touched.encoded().dropLast(32))
}
