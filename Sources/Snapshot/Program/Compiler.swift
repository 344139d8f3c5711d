// From a plan to the steps that make its processes again. `compile` is the order of a restore; it stands nowhere else.
//
// The steps run in a child of a sandbox's pid 1, which has all of pid 1's memory, and beside it, at its place, the memory
// of the first process of the plan. That child is made together with the sandbox, because to copy the tables of pages
// is the dearest call of all; it waits, and is nothing yet. Pid 1 has its rights within the sandbox until it has begun.

import CRestorer
import Glibc
import Wire

struct Compiler {
    let plan: Plan
    let layout: Layout
    let inside: InsideUser
    let ceilings: Ceilings
    var program: Program
    /// Pages of the first process that its first event will write to.
    var touched: [PageRun] = []
    /// Where each open file is that several processes have, until they have it where it belongs.
    var lifted: [Int: Int] = [:]
    /// Steps that make a process or a thread, and whose own steps are still to be written.
    var pendingProcesses: [(step: Int, process: Int)] = []

    init(_ plan: Plan, _ layout: Layout, _ inside: InsideUser, _ ceilings: Ceilings = .largest) {
        (self.plan, self.layout, self.inside) = (plan, layout, inside)
        self.ceilings = ceilings
        program = Program(ceilings)
    }

    /// Descriptors above this are not the processes' own.
    static let firstLifted: Int32 = 904
    static let firstGiven: Int32 = 960
    /// The time that the first process is to have, as a namespace.
    static let timeDescriptor: Int32 = 1016
    /// Counters that are read until there is something in them: the restore begins; what was in /tmp is there.
    static let beginDescriptor: Int32 = 1017
    static let filesDescriptor: Int32 = 1018
    /// Where pid 1 has the image's pages, for all processes but the first.
    static let pagesDescriptor: Int32 = 1019
    /// The last two that a process has of the restore: see RestoreGate.
    static let arrivalsDescriptor = Int32(RESTORER_ARRIVALS)
    static let gateDescriptor = Int32(RESTORER_GATE)

    // MARK: the order of a restore

    /// The steps, and where each of the processes begins that pid 1 makes itself.
    mutating func compile() throws(Refusal) -> Compiled {
        for state in plan.processes where state.descriptors.contains(where: { $0.number >= Self.firstLifted }) {
            throw Refusal(.snapshot, "it has a descriptor with a number above \(Self.firstLifted - 1)")
        }
        var roots: [Compiled.Root] = []
        for index in plan.processes.indices where plan.processes[index].parent < 0 {
            roots.append(Compiled.Root(process: index, pid: plan.processes[index].pid, step: program.next))
            try root(index)
            while let pending = pendingProcesses.popLast() {
                program.setTarget(of: pending.step)
                try process(pending.process)
            }
        }
        if let excess = program.excess { throw Refusal(.snapshot, "it takes " + Ceilings.words(excess, ceilings)) }
        guard program.slotCount <= RESTORER_SLOTS else {
            throw Refusal(.snapshot, "it has more open files than can be made again at once")
        }
        guard layout.steps(program) + UInt64(program.steps.bytes.count) <= layout.end else {
            throw Refusal(.snapshot, "it takes too many steps to make it again")
        }
        return Compiled(program: program, roots: roots)
    }

    /// A process that pid 1 makes: all rights that pid 1 has, all its memory, its open files.
    private mutating func root(_ index: Int) throws(Refusal) {
        // First: until this is done the kernel may end the process for writing to memory that is gone.
        program.add(
            "unregister restartable sequences", Call.rseq, .parameter(Parameter.sequences),
            .parameter(Parameter.sequencesLength), .value(1), .value(0x5305_3053), mayFail: true)
        let all = program.put([UInt64.max])
        program.add("block signals", Call.rtSigprocmask, .value(2), .data(all), .value(0), .value(8))
        if index == 0 {
            // It was made together with the sandbox, and what pid 1 has open is open here, too, until it is set apart.
            if isAlone { giveUpMemory(plan.processes[0], isFirst: true) }
            if copiesAhead { prefault(plan.processes[0]) }
            wait(for: Self.beginDescriptor, "wait for the restore")
        }
        program.add(
            "close what pid 1 has open", Call.closeRange, .value(0), .number(Self.firstGiven - 1),
            .value(Self.unshare))
        if index == 0 {
            // Others are born into it.
            program.add("join a time of its own", Call.setns, .number(Self.timeDescriptor), .value(Self.timeNamespace))
        }
        // Files before anything looks at them, and as the user whose they are.
        becomeUser()
        if index == 0 {
            makeEntries()
            let others = plan.processes.count { $0.parent < 0 } - 1
            if others > 0 {
                let count = program.put([UInt64(others)])
                program.add("files are made", Call.write, .number(Self.filesDescriptor), .data(count), .value(8))
            }
        } else {
            wait(for: Self.filesDescriptor, "wait for the files")
        }
        try liftShared(below: index)
        try process(index)
    }

    private mutating func wait(for counter: Int32, _ words: String) {
        let space = program.put([0])
        program.add(words, Call.read, .number(counter), .data(space), .value(8))
    }

    /// CLOSE_RANGE_UNSHARE, CLONE_NEWTIME
    private static let unshare: UInt64 = 2, timeNamespace: UInt64 = 0x80

    private mutating func becomeUser() {
        let (user, group) = (Argument.number(inside.user), Argument.number(inside.group))
        program.add("keep rights across users", Call.prctl, .value(8), .value(1))
        program.add("leave groups", Call.setgroups, .value(0), .value(0))
        program.add("set group", Call.setresgid, group, group, group)
        program.add("set user", Call.setresuid, user, user, user)
        setCapabilities("keep the right to restore", Self.rightToRestore)
    }

    /// CAP_CHECKPOINT_RESTORE.
    private static let rightToRestore: UInt64 = 1 << 40

    mutating func setCapabilities(_ words: String, _ set: UInt64) {
        let header = program.put32([0x2008_0522, 0])
        let (low, high) = (UInt32(truncatingIfNeeded: set), UInt32(truncatingIfNeeded: set >> 32))
        let sets = program.put32([low, low, 0, high, high, 0])
        program.add(words, Call.capset, .data(header), .data(sets))
    }

    /// No other is made while it is a copy of pid 1, so it can cease to be one ahead of time.
    private var isAlone: Bool { plan.processes.count == 1 }

    /// What waits may have some memory of its own, but not much: there may be many.
    private var copiesAhead: Bool { isAlone && touched.reduce(0) { $0 + $1.pages } <= 512 }

    // MARK: one process

    /// Everything up to its first own instruction. Runs in the process itself.
    private mutating func process(_ index: Int) throws(Refusal) {
        let state = plan.processes[index]
        if state.isEnded { return try end(state) }
        identify(state, index)
        for child in plan.processes.indices where plan.processes[child].parent == Int32(index) {
            fork(child)
        }
        if !isAlone { giveUpMemory(state, isFirst: index == 0) }
        try placeDescriptors(state)
        try fillMemory(state, isFirst: index == 0)
        if index == 0, !copiesAhead { prefault(state) }
        layOut(state)
        settle(state)
        actions(state)
        try threads(state, index)
    }

    /// A child, made while its parent is little more than a copy of pid 1.
    private mutating func fork(_ index: Int) {
        let pid = program.put32([UInt32(bitPattern: plan.processes[index].pid)])
        // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
        let arguments = program.put([0, 0, 0, 0, UInt64(SIGCHLD), 0, 0, 0, layout.address(pid), 1, 0])
        pendingProcesses.append((program.next, index))
        program.add(
            Step(
                kind: .fork, number: Call.clone3, arguments: [.data(arguments), .value(88)],
                words: "make process \(plan.processes[index].pid)"))
    }

    /// One that has ended, and whose parent has yet to ask for it.
    private mutating func end(_ state: ProcessState) throws(Refusal) {
        guard state.endStatus & 0x7f == 0 else {
            throw Refusal(.snapshot, "process \(state.pid) was ended by a signal and has not been waited for")
        }
        program.add(
            Step(kind: .stop, arguments: [.number(state.endStatus >> 8 & 0xff)], words: "end process \(state.pid)"))
    }

    private mutating func identify(_ state: ProcessState, _ index: Int) {
        if state.session == state.pid {
            program.add("begin a session", Call.setsid)
        } else if state.group == state.pid {
            program.add("begin a group", Call.setpgid, .value(0), .value(0))
        } else if state.parent >= 0, plan.processes[Int(state.parent)].group != state.group {
            program.add("join a group", Call.setpgid, .value(0), .number(state.group), mayFail: true)
        }
    }
}

/// Who the processes are, and the filter that closes what only a restore may do.
package struct InsideUser: Sendable {
    package let user: UInt32
    package let group: UInt32
    package let closing: [UInt8]
    package init(user: UInt32, group: UInt32, closing: [UInt8]) {
        (self.user, self.group, self.closing) = (user, group, closing)
    }
}

struct Compiled: Sendable {
    struct Root: Sendable {
        let process: Int
        let pid: Int32
        let step: Int
    }
    let program: Program
    let roots: [Root]
}
