// One process as it stood: its memory, its threads, and what the kernel keeps for it.

package import Wire

package struct ProcessState: Visited, Sendable {
    package var pid: Int32 = 0
    /// Its place among the processes of the plan; -1 where pid 1 of the sandbox is its parent.
    package var parent: Int32 = -1
    /// What the supervisor calls it; 0 when it was not the supervisor that had it started.
    package var number: UInt32 = 0
    package var session: Int32 = 0
    package var group: Int32 = 0
    /// It has ended, and its parent has not asked how. Nothing else is known of such a one.
    package var isEnded = false
    package var endStatus: Int32 = 0
    package var threads: [ThreadState] = []
    package var mappings: [Mapping] = []
    /// The pages that the kernel gives every process, in the order of their addresses.
    package var kernelMappings: [Mapping] = []
    package var layout: [UInt64] = []
    package var auxiliary: [UInt8] = []
    package var program = ""
    package var directory = ""
    package var creationMask: UInt32 = 0
    package var actions: [SignalAction] = []
    package var pending: [SignalInformation] = []
    /// Real, virtual and profiling: microseconds of interval and of what is left, two numbers each.
    package var intervalTimers: [UInt64] = []
    package var timers: [PosixTimer] = []
    package var limits: [ResourceState] = []
    package var isDumpable = true
    package var isSubreaper = false
    package var personality: UInt32 = 0
    package var oomScore: Int32 = 0
    package var coreFilter = ""
    package var hasNoHugePages = false
    package var keepsCapabilities = false
    package var descriptors: [Descriptor] = []

    package init() {}

    /// The members of `layout`, as PR_SET_MM_MAP wants them.
    static let layoutCount = 11

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&pid)
        try visitor.visit(&parent)
        try visitor.visit(&number)
        try visitor.visit(&session)
        try visitor.visit(&group)
        try visitor.visit(&isEnded)
        try visitor.visit(&endStatus)
        try visitor.visit(&threads, most: Plan.Limits.threads)
        try visitor.visit(&mappings, most: Plan.Limits.mappings)
        try visitor.visit(&kernelMappings, most: 8)
        try visitor.visit(&layout, most: Self.layoutCount)
        try visitor.visit(bytes: &auxiliary, most: 1024)
        try visitor.visit(&program)
        try visitor.visit(&directory)
        try visitor.visit(&creationMask)
        try visitor.visit(&actions, most: 64)
        try visitor.visit(&pending, most: Plan.Limits.pending)
        try visitor.visit(&intervalTimers, most: 6)
        try visitor.visit(&timers, most: 256)
        try visitor.visit(&limits, most: 32)
        try visitor.visit(&isDumpable)
        try visitor.visit(&isSubreaper)
        try visitor.visit(&personality)
        try visitor.visit(&oomScore)
        try visitor.visit(&coreFilter)
        try visitor.visit(&hasNoHugePages)
        try visitor.visit(&keepsCapabilities)
        try visitor.visit(&descriptors, most: Plan.Limits.files)
    }
}

package struct ThreadState: Visited, Sendable {
    package var tid: Int32 = 0
    package var name = ""
    /// The general registers; a system call that was waited in is set to begin anew.
    package var registers: [UInt64] = []
    package var vector: [UInt8] = []
    package var signalMask: UInt64 = 0
    package var stackAddress: UInt64 = 0
    package var stackFlags: UInt64 = 0
    package var stackSize: UInt64 = 0
    package var sequencesAddress: UInt64 = 0
    package var sequencesLength: UInt32 = 0
    package var sequencesSignature: UInt32 = 0
    package var robustHead: UInt64 = 0
    package var robustLength: UInt64 = 0
    package var clearedWord: UInt64 = 0
    package var pending: [SignalInformation] = []
    package var parentDeathSignal: UInt32 = 0
    package var timerSlack: UInt64 = 0
    package var nice: Int32 = 0
    package var policy: UInt32 = 0
    package var inputPriority: UInt32 = 0
    /// A bit for each processor that it may run on; none when that is all that its sandbox may.
    package var processors: [UInt64] = []

    package init() {}

    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&tid)
        try visitor.visit(&name)
        try visitor.visit(&registers, most: 27)
        try visitor.visit(bytes: &vector, most: Plan.Limits.vector)
        try visitor.visit(&signalMask)
        try visitor.visit(&stackAddress)
        try visitor.visit(&stackFlags)
        try visitor.visit(&stackSize)
        try visitor.visit(&sequencesAddress)
        try visitor.visit(&sequencesLength)
        try visitor.visit(&sequencesSignature)
        try visitor.visit(&robustHead)
        try visitor.visit(&robustLength)
        try visitor.visit(&clearedWord)
        try visitor.visit(&pending, most: Plan.Limits.pending)
        try visitor.visit(&parentDeathSignal)
        try visitor.visit(&timerSlack)
        try visitor.visit(&nice)
        try visitor.visit(&policy)
        try visitor.visit(&inputPriority)
        try visitor.visit(&processors, most: 128)
    }
}

package struct SignalAction: Visited, Sendable {
    package var signal: UInt32 = 0
    /// The kernel's structure: handler, flags, restorer, mask.
    package var words: [UInt64] = []
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&signal)
        try visitor.visit(&words, most: 4)
    }
}

/// A signal on its way, as the kernel writes it.
package struct SignalInformation: Visited, Sendable {
    package var bytes: [UInt8] = []
    package init() {}
    package init(bytes: [UInt8]) { self.bytes = bytes }
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(bytes: &bytes, most: 128)
    }
}

package struct PosixTimer: Visited, Sendable {
    package var id: UInt32 = 0
    package var clock: Int32 = 0
    package var signal: UInt32 = 0
    package var notification: UInt32 = 0
    package var thread: Int32 = 0
    package var value: UInt64 = 0
    /// Interval and time left: seconds and nanoseconds each.
    package var times: [UInt64] = []
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&id)
        try visitor.visit(&clock)
        try visitor.visit(&signal)
        try visitor.visit(&notification)
        try visitor.visit(&thread)
        try visitor.visit(&value)
        try visitor.visit(&times, most: 4)
    }
}

package struct ResourceState: Visited, Sendable {
    package var resource: UInt32 = 0
    package var soft: UInt64 = 0
    package var hard: UInt64 = 0
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&resource)
        try visitor.visit(&soft)
        try visitor.visit(&hard)
    }
}

package struct Descriptor: Visited, Sendable {
    package var number: Int32 = 0
    /// Its place among the open files of the plan.
    package var file: UInt32 = 0
    package var closesOnExec = false
    package init() {}
    package mutating func visit(_ visitor: inout some Visitor) throws(DecodingError) {
        try visitor.visit(&number)
        try visitor.visit(&file)
        try visitor.visit(&closesOnExec)
    }
}
