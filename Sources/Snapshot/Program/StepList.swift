// The steps of a program as the restorer reads them (`struct restorer_step`, 64 bytes each). A snapshot may take a hundred
// thousand steps, so none of them has an array or a string of its own.

import CRestorer
import Wire

struct StepList: Sendable, RandomAccessCollection {
    private(set) var bytes: [UInt8] = []
    /// Each once; a step has its place here in the two bytes behind the modes, which the restorer does not read.
    private(set) var words: [String] = []
    private var places: [String: UInt16] = [:]

    static let size = 64
    private static let modesOffset = 8, wordsOffset = 14, argumentsOffset = 16, mostArguments = 6

    var startIndex: Int { 0 }
    var endIndex: Int { bytes.count / Self.size }

    mutating func append(_ step: Step) {
        Self.encode(step, words: place(of: step.words), into: &bytes)
    }

    private static func encode(_ step: Step, words: UInt16, into bytes: inout [UInt8]) {
        bytes.append(littleEndian: step.kind.rawValue)
        bytes.append(littleEndian: UInt16(truncatingIfNeeded: step.slot ?? Int(RESTORER_NO_SLOT)))
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: step.number))
        for index in 0..<mostArguments {
            bytes.append(index < step.arguments.count ? step.arguments[index].encoded.mode : 0)
        }
        bytes.append(littleEndian: words)
        for index in 0..<mostArguments {
            bytes.append(littleEndian: index < step.arguments.count ? step.arguments[index].encoded.value : 0)
        }
    }

    /// The last argument of a step that makes a process or thread.
    mutating func setTarget(of step: Int, to target: Int) {
        let start = step * Self.size
        bytes[start + Self.modesOffset + Self.mostArguments - 1] = 0
        for index in 0..<8 {
            bytes[start + Self.argumentsOffset + 40 + index] = UInt8(truncatingIfNeeded: target >> (index * 8))
        }
    }

    /// One that shall fail, for a test, is a system call that there is not.
    mutating func fail(_ step: Int) {
        guard indices.contains(step) else { return }
        for (offset, byte) in [UInt8(0), 0, 0xff, 0xff, 0xff, 0xff, 0, 0].enumerated() {
            bytes[step * Self.size + offset] = byte
        }
    }

    private mutating func place(of text: String) -> UInt16 {
        if let known = places[text] { return known }
        // More than there are numbers for: nobody is told which of the last it was.
        guard words.count < Int(UInt16.max) else { return UInt16.max }
        places[text] = UInt16(words.count)
        words.append(text)
        return UInt16(words.count - 1)
    }

    // MARK: for people

    subscript(index: Int) -> Step { Self.decode(bytes[index * Self.size..<(index + 1) * Self.size], words) }

    static func decode(_ bytes: ArraySlice<UInt8>, _ words: [String]) -> Step {
        let start = bytes.startIndex
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 | UInt64(bytes[start + offset + $1]) << UInt64($1 * 8) }
        }
        let (slot, place) = (Int(number(2, 2)), Int(number(wordsOffset, 2)))
        return Step(
            kind: Step.Kind(rawValue: UInt16(number(0, 2))) ?? .call, slot: slot == Int(RESTORER_NO_SLOT) ? nil : slot,
            number: Int(number(4, 4)),
            arguments: (0..<mostArguments).map { index in
                Argument(mode: bytes[start + modesOffset + index], value: number(argumentsOffset + index * 8, 8))
            }, words: place < words.count ? words[place] : "?")
    }
}

extension Argument {
    var encoded: (mode: UInt8, value: UInt64) {
        switch self {
        case .value(let value): (0, value)
        case .slot(let slot): (1, UInt64(slot))
        case .data(let offset): (2, UInt64(offset))
        case .parameter(let parameter): (3, UInt64(parameter))
        }
    }

    init(mode: UInt8, value: UInt64) {
        switch mode {
        case 1: self = .slot(Int(truncatingIfNeeded: value))
        case 2: self = .data(Int(truncatingIfNeeded: value))
        case 3: self = .parameter(Int(truncatingIfNeeded: value))
        default: self = .value(value)
        }
    }
}
