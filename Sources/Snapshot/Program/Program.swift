// The steps of a restore, as the restorer takes them: a list of system calls and the data that they point to. Built by
// Compiler; laid out in memory by Layout.

import Linux
import Wire

/// An argument of a step.
enum Argument: Sendable {
    case value(UInt64)
    /// What an earlier step returned.
    case slot(Int)
    /// The address of data at this offset.
    case data(Int)
    case parameter(Int)

    static func number(_ value: some BinaryInteger) -> Argument { .value(UInt64(truncatingIfNeeded: value)) }
}

/// What pid 1 tells the program when it starts it.
enum Parameter {
    /// Where its registration for restartable sequences is, and its length: set by the launcher.
    static let sequences = 0
    static let sequencesLength = 1
    /// Address and length of each of the kernel's own pages in pid 1, in their order.
    static let kernelPages = 2
    static let mostKernelPages = 4
    /// The numbers of the pipes for logs.
    static let logs = 10
    static let mostLogs = 4
}

struct Step: Sendable {
    enum Kind: UInt16 {
        case call = 0, attempt, patch, fork, thread, leave, finish, place, stop, count, take
    }
    var kind = Kind.call
    var slot: Int?
    var number: Int = 0
    var arguments: [Argument] = []
    /// For people who look for what failed. Where they end in a space, the path that the step names follows.
    var words = ""
}

/// Steps are kept as the restorer reads them, 64 bytes each: a plan with many files has a hundred thousand of them. What is
/// told of one that fails is put together then, from words that many steps have in common and the path that it names.
struct Program: Sendable {
    private(set) var steps = StepList()
    private(set) var data: [UInt8] = []
    private(set) var slotCount = 0
    private var freeSlots: [Int] = []
    /// What it may become. Above that nothing is added any more, and the compiler refuses.
    private let ceilings: Ceilings
    private(set) var excess: Ceilings.Kind?

    init(_ ceilings: Ceilings = .largest) { self.ceilings = ceilings }

    /// - Parameter words: where they end in a space, the path that the step names follows
    mutating func add(
        _ words: String, _ number: Int, _ arguments: Argument..., into slot: Int? = nil, mayFail: Bool = false
    ) {
        add(Step(kind: mayFail ? .attempt : .call, slot: slot, number: number, arguments: arguments, words: words))
    }

    mutating func add(_ step: Step) {
        guard steps.count < ceilings[.steps] else { return excess = .steps }
        steps.append(step)
    }

    private mutating func hasRoom(for bytes: Int) -> Bool {
        if data.count + bytes + 8 <= ceilings[.dataBytes] { return true }
        excess = .dataBytes
        return false
    }

    /// What a new process or thread begins with is what is added next.
    mutating func setTarget(of step: Int) {
        if excess == nil { steps.setTarget(of: step, to: steps.count) }
    }

    var next: Int { steps.count }

    mutating func newSlot() -> Int {
        if let slot = freeSlots.popLast() { return slot }
        defer { slotCount += 1 }
        return slotCount
    }

    /// No step that is added from now on reads what is in it: others may put something else there.
    mutating func giveUp(_ slot: Int) { freeSlots.append(slot) }

    /// Puts bytes where steps can point to; where that is.
    mutating func put(_ bytes: some Collection<UInt8>, alignment: Int = 8) -> Int {
        guard hasRoom(for: bytes.count) else { return 0 }
        align(alignment)
        defer { data += bytes }
        return data.count
    }

    mutating func put(_ text: String) -> Int {
        guard hasRoom(for: text.utf8.count + 1) else { return 0 }
        defer {
            data += text.utf8
            data.append(0)
        }
        return data.count
    }

    mutating func put(_ values: [UInt64]) -> Int {
        guard hasRoom(for: values.count * 8) else { return 0 }
        align(8)
        defer { for value in values { data.append(littleEndian: value) } }
        return data.count
    }

    mutating func put32(_ values: [UInt32]) -> Int {
        guard hasRoom(for: values.count * 4) else { return 0 }
        align(8)
        defer { for value in values { data.append(littleEndian: value) } }
        return data.count
    }

    private mutating func align(_ alignment: Int) {
        while data.count % alignment != 0 { data.append(0) }
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
