// What one turn may do. Whoever is watched gets a turn when its descriptor is ready: a number of bytes, and an amount of
// work. What is left when either is used up is for its next turn, after everything else that is ready has had one. Reading
// and accepting go through the turn, so that nobody can read without end and forget the others; a test sees to it that
// there is no other way in this module and those above it.

package import Linux

package struct Turn: ~Copyable {
    package static let mostBytes = 64 * 1024
    /// A unit is about a third of a microsecond: the cheapest thing that bytes from outside can ask for.
    package static let mostWork = 128
    package static let workOfAccept = 32

    /// The other side has gone: after what can be read now comes the end, and that is not told once more.
    package let hasEnd: Bool
    private var bytesLeft = Turn.mostBytes
    private var workLeft = Turn.mostWork
    /// It was used up before what it is for: there is another one.
    package private(set) var isUnfinished = false

    /// The last read found less than it might have: that was all.
    package private(set) var foundAll = false

    package init(hasEnd: Bool = false) { self.hasEnd = hasEnd }

    package enum Reading: Equatable {
        case count(Int)
        /// Nothing for now.
        case nothing
        /// The end, or a peer that is gone.
        case ended
        /// There may be more, for the next turn.
        case later
    }

    package mutating func read(_ raw: Int32, into buffer: inout [UInt8]) -> Reading {
        guard bytesLeft > 0, canGoOn() else {
            isUnfinished = true
            return .later
        }
        return understood(Streams.read(raw, into: &buffer, most: bytesLeft), buffer.count)
    }

    /// The same where descriptors may come along: see `Streams.read`.
    package mutating func read(
        _ raw: Int32, into buffer: inout [UInt8], descriptors: inout Descriptors
    ) -> Reading {
        guard bytesLeft > 0, canGoOn() else {
            isUnfinished = true
            return .later
        }
        return understood(Streams.read(raw, into: &buffer, most: bytesLeft, descriptors: &descriptors), buffer.count)
    }

    private mutating func understood(_ reading: Streams.Reading, _ room: Int) -> Reading {
        switch reading {
        case .count(let count):
            foundAll = count < min(room, bytesLeft)
            bytesLeft -= count
            workLeft -= 1
            return .count(count)
        case .nothing: return .nothing
        case .ended: return .ended
        }
    }

    package enum Acceptance: ~Copyable {
        case connection(FileDescriptor)
        case nothing
        case later
    }

    package mutating func accept(_ listener: Int32) throws(SystemError) -> Acceptance {
        guard canGoOn() else { return .later }
        guard let connection = try StreamSockets.accept(listener) else { return .nothing }
        workLeft -= Self.workOfAccept
        return .connection(connection)
    }

    /// To be asked before each piece of work. False when the turn is used up; what is left is for the next one.
    package mutating func canGoOn() -> Bool {
        if workLeft > 0 { return true }
        isUnfinished = true
        return false
    }

    /// To be told after each piece of work.
    package mutating func charge(_ work: Int) { workLeft -= work }

    /// There is more to do that needs no readiness of the descriptor.
    package mutating func comesAgain() { isUnfinished = true }
}
