// The part of the filter that decides most calls: a binary tree over the numbers that are allowed whatever their
// arguments. libseccomp compares number by number; neighbours decided at once make a program a third as long, which is
// what installing it costs, and it costs that for every sandbox. What the tree does not allow goes on to libseccomp's
// program behind it.

struct NumberTree {
    /// An instruction of classic BPF.
    struct Instruction: Equatable {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var value: UInt32

        var bytes: [UInt8] {
            [UInt8(truncatingIfNeeded: code), UInt8(code >> 8), ifTrue, ifFalse]
                + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
    }

    private static let load: UInt16 = 0x20
    private static let jump: UInt16 = 0x05
    private static let jumpIfEqual: UInt16 = 0x15
    private static let jumpIfGreater: UInt16 = 0x25
    private static let jumpIfAtLeast: UInt16 = 0x35
    private static let answer: UInt16 = 0x06

    private static let numberOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4
    private static let x86_64: UInt32 = 0xc000_003e
    /// Numbers with this bit are of the x32 way to call; the program behind kills those.
    private static let x32: UInt32 = 0x4000_0000

    /// Where the verdict changes: from an odd place on numbers are allowed, from an even one they are not.
    private let boundaries: [UInt32]

    /// The whole program up to the one behind it.
    private(set) var program: [Instruction] = []

    /// - Parameters:
    ///   - allowed: numbers that are allowed whatever their arguments
    ///   - newest: the highest number that the profile knows; higher ones get `unknown`
    init(allowed: Set<UInt32>, newest: UInt32, unknown: UInt32, allow: UInt32) {
        precondition(!allowed.isEmpty, "without a number to look for, the tree would fall through to its answer")
        var boundaries: [UInt32] = []
        for number in allowed.sorted() {
            if boundaries.last == number { boundaries.removeLast() } else { boundaries.append(number) }
            boundaries.append(number + 1)
        }
        self.boundaries = boundaries

        // Distances are counted from the next instruction. Behind the tree stands the answer that allows, and behind
        // that the program that looks further.
        let tree = boundaries.count
        let start = 8
        let allowAt = start + tree
        let behind = allowAt + 1
        program = [
            Instruction(code: Self.load, value: Self.architectureOffset),
            Instruction(code: Self.jumpIfEqual, ifTrue: 1, value: Self.x86_64),
            Instruction(code: Self.jump, value: UInt32(behind - 3)),
            Instruction(code: Self.load, value: Self.numberOffset),
            Instruction(code: Self.jumpIfAtLeast, ifFalse: 1, value: Self.x32),
            Instruction(code: Self.jump, value: UInt32(behind - 6)),
            Instruction(code: Self.jumpIfGreater, ifFalse: 1, value: newest),
            Instruction(code: Self.answer, value: unknown),
        ]
        precondition(behind - start <= UInt8.max, "too many boundaries for the short jumps of BPF")
        place(0..<tree, below: false, allowAt: allowAt, otherAt: behind)
        program.append(Instruction(code: Self.answer, value: allow))
    }

    /// Emits the tree for a part of the boundaries. `below` is the verdict for numbers under the first of them.
    private mutating func place(_ part: Range<Int>, below: Bool, allowAt: Int, otherAt: Int) {
        guard !part.isEmpty else { return }
        let middle = part.lowerBound + part.count / 2
        let left = part.lowerBound..<middle
        let right = middle + 1..<part.upperBound
        let at = program.count
        func end(_ verdict: Bool) -> Int { verdict ? allowAt : otherAt }
        // A number at or above boundary i is allowed when i is even: boundaries open and close in turn.
        let leftStart = left.isEmpty ? end(below) : at + 1
        let rightStart = right.isEmpty ? end(middle % 2 == 0) : at + 1 + left.count
        program.append(
            Instruction(
                code: Self.jumpIfAtLeast, ifTrue: UInt8(rightStart - at - 1), ifFalse: UInt8(leftStart - at - 1),
                value: boundaries[middle]))
        place(left, below: below, allowAt: allowAt, otherAt: otherAt)
        place(right, below: middle % 2 == 0, allowAt: allowAt, otherAt: otherAt)
    }
}
