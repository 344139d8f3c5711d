// Where in a process the restorer lies while it works: at an address where neither the process has anything that is to be
// captured, nor the one that it becomes. The code and the frames stay; everything else goes with the last step.

import CRestorer
import Wire

package struct Layout: Sendable {
    let base: UInt64
    /// Of each thread of each process.
    private(set) var frames: [[UInt64]] = []
    private let framesEnd: UInt64
    private let mostThreads: Int

    /// Far from where programs, their heaps, their libraries and their stacks are.
    private static let places: [UInt64] = [0x3700_0000_0000, 0x2b00_0000_0000, 0x4300_0000_0000, 0x1900_0000_0000]
    /// More than all of it needs.
    private static let room: UInt64 = 1 << 30
    static let page: UInt64 = 4096

    init(_ plan: Plan) throws(Refusal) {
        let mappings = plan.processes.flatMap { $0.mappings + $0.kernelMappings }
        let place = Self.places.first { place in
            !mappings.contains { $0.range.overlaps(place..<place + Self.room) }
        }
        guard let place else { throw Refusal(.snapshot, "there is no room in its memory to restore it from") }
        base = place
        var next = place + Self.codeSize + Self.wordSize
        for process in plan.processes {
            var addresses: [UInt64] = []
            for thread in process.threads {
                addresses.append(next)
                next += UInt64(Frame.size(of: thread) + 63) & ~63
            }
            frames.append(addresses)
        }
        framesEnd = (next + Self.page - 1) & ~(Self.page - 1)
        mostThreads = plan.processes.map(\.threads.count).max() ?? 1
    }

    static let codeSize = (crestorer_code_size() + page - 1) & ~(page - 1)

    var code: Range<UInt64> { base..<base + Self.codeSize }
    /// Not zero when the first thread of a process has passed the gate: the others go on then. Each process has a copy of
    /// its own. It stays, with the frames, because it is read until a thread has gone on.
    var passed: UInt64 { code.upperBound }
    private static let wordSize: UInt64 = 64
    /// Code and frames: what stays.
    var staying: Range<UInt64> { base..<framesEnd }
    /// The kernel's pages, on their way.
    var park: Range<UInt64> { framesEnd..<framesEnd + 16 * Self.page }
    var stacks: Range<UInt64> {
        let size = (UInt64(mostThreads) * UInt64(RESTORER_STACK) + Self.firstStack + Self.page - 1) & ~(Self.page - 1)
        return park.upperBound..<park.upperBound + size
    }
    private static let firstStack: UInt64 = 4096
    /// Where the first thread's stack begins, growing down.
    var firstStackTop: UInt64 { stacks.upperBound - 64 }
    func stack(ofThread index: Int) -> UInt64 { stacks.lowerBound + UInt64(index) * UInt64(RESTORER_STACK) }

    package var header: UInt64 { stacks.upperBound }
    var data: UInt64 { header + (UInt64(unsafe MemoryLayout<restorer>.size) + 63) & ~63 }
    /// The address of an offset in the data.
    func address(_ offset: Int) -> UInt64 { data + UInt64(offset) }

    /// The steps come after the data.
    func steps(_ program: Program) -> UInt64 { (data + UInt64(program.data.count) + 63) & ~63 }
    /// The step that gives the rest up does not know yet how long that is.
    var end: UInt64 { base + Self.room }
}
