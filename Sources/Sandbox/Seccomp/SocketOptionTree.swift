// The part of the filter that decides setsockopt: two arguments, of which the second means something else under each value
// of the first. It stands between the tree of numbers (NumberTree) and libseccomp's program, and passes on every other call.

struct SocketOptionTree {
    private static let load: UInt16 = 0x20, jumpIfEqual: UInt16 = 0x15, jumpIfAtLeast: UInt16 = 0x35
    private static let answer: UInt16 = 0x06
    private static let numberOffset: UInt32 = 0, architectureOffset: UInt32 = 4
    /// The lower halves of the second and third argument, which are ints.
    private static let levelOffset: UInt32 = 24, optionOffset: UInt32 = 32
    private static let x86_64: UInt32 = 0xc000_003e

    let program: [NumberTree.Instruction]

    /// - Parameter call: the number of setsockopt
    /// - Parameter refuse: the answer to a level or option that is not allowed
    init(_ levels: [SocketLevel], call: UInt32, allow: UInt32, refuse: UInt32) {
        let blocks = levels.map { Self.block($0, allow: allow, refuse: refuse) }
        let length = blocks.reduce(0) { $0 + $1.count }
        // Behind the blocks stands the refusal, and behind that the program that looks further. Distances are counted
        // from the next instruction.
        precondition(5 + length <= UInt8.max, "too many options for the short jumps of BPF")
        let front: [NumberTree.Instruction] = [
            .init(code: Self.load, value: Self.architectureOffset),
            .init(code: Self.jumpIfEqual, ifFalse: UInt8(4 + length), value: Self.x86_64),
            .init(code: Self.load, value: Self.numberOffset),
            .init(code: Self.jumpIfEqual, ifFalse: UInt8(2 + length), value: call),
            .init(code: Self.load, value: Self.levelOffset),
        ]
        program = front + blocks.flatMap { $0 } + [.init(code: Self.answer, value: refuse)]
    }

    private static func block(_ level: SocketLevel, allow: UInt32, refuse: UInt32) -> [NumberTree.Instruction] {
        // Where the verdict changes: refused below the first, allowed below the second, and so on.
        let boundaries = level.options.flatMap { [$0.lowerBound, $0.upperBound + 1] }
        precondition(zip(boundaries, boundaries.dropFirst()).allSatisfy(<), "options in order, and none that touch")
        // The comparisons are followed by a refusal, which is also what comes behind the last range, and an answer that allows.
        let refuseAt = boundaries.count, allowAt = boundaries.count + 1
        let comparisons = boundaries.indices.map { index in
            let verdictAt = index % 2 == 0 ? refuseAt : allowAt
            return NumberTree.Instruction(
                code: Self.jumpIfAtLeast, ifFalse: UInt8(verdictAt - index - 1), value: boundaries[index])
        }
        let decision = comparisons + [.init(code: answer, value: refuse), .init(code: answer, value: allow)]
        return [
            .init(code: jumpIfEqual, ifFalse: UInt8(decision.count + 1), value: level.level),
            .init(code: load, value: optionOffset),
        ] + decision
    }
}
