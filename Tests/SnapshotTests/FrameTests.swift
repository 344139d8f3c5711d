// The frame that a thread goes on from is the kernel's own, byte for byte; and where it lies nothing of anybody else's is.

import Testing
import Wire

@testable import Snapshot

@Suite struct Frames {
    private let address: UInt64 = 0x3700_0000_2000
    private let thread = Sample.thread(9)
    private let frame: Frame

    init() { frame = Frame(thread, at: address) }

    private func number(_ place: Int, _ count: Int = 8) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(frame.bytes[place + $1]) << UInt64($1 * 8) }
    }

    /// Where the kernel looks: at the stack pointer that the frame is entered with.
    private var context: Int { Int(frame.entry - address) }

    @Test func itBeginsWithTheVectorState() {
        #expect(address % 64 == 0 && frame.entry % 64 == 0)
        #expect(Array(frame.bytes[..<464]) == Array(thread.vector[..<464]))
        // uc_flags: the state is extended, SS is there and strict. No link.
        #expect(number(context) == 7 && number(context + 8) == 0)
        // fpstate
        #expect(number(context + 224) == address)
    }

    @Test func theVectorStateSaysHowLongItIs() {
        #expect(number(464, 4) == 0x4650_5853)
        let (extended, size) = (number(468, 4), number(480, 4))
        #expect(extended == size + 4 && number(472) == 7)
        #expect(size >= 576 && size <= 832)
        #expect(number(Int(size), 4) == 0x4650_5845)
        #expect(Int(extended) <= context)
    }

    @Test func registersAreWhereTheKernelHasThem() {
        // struct sigcontext: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags; each by its place in
        // struct user_regs_struct.
        let order = [9, 8, 7, 6, 3, 2, 1, 0, 14, 13, 4, 5, 12, 10, 11, 19, 16, 18]
        for (index, place) in order.enumerated() {
            #expect(number(context + 40 + index * 8) == thread.registers[place], "register \(place)")
        }
        // cs and ss
        #expect(number(context + 184, 2) == thread.registers[17] && number(context + 190, 2) == thread.registers[20])
    }

    @Test func maskAndAlternateStackAreThere() {
        #expect(number(context + 16) == thread.stackAddress && number(context + 32) == thread.stackSize)
        // It is not on it: a handler that was is still, and says so by its stack pointer.
        #expect(number(context + 24) == thread.stackFlags & ~1)
        #expect(number(context + 296) == thread.signalMask)
    }

    @Test(arguments: [576, 832, 1088, 2696, 16_384]) func itFitsItsRoom(_ count: Int) {
        var thread = thread
        thread.vector = Array(repeating: 0xff, count: count)
        let frame = Frame(thread, at: address)
        #expect(frame.bytes.count <= Frame.size(of: thread) && frame.entry % 64 == 0)
    }

    @Test func itSaysNothingOfPartsThatTakeLeave() {
        var thread = thread
        // What a process has to ask for (AMX) is in nobody's frame who has not.
        for place in [464, 512] { thread.vector.replaceSubrange(place..<place + 8, with: [7, 0, 6, 0, 0, 0, 0, 0]) }
        let frame = Frame(thread, at: address)
        #expect(Array(frame.bytes[472..<480]) == [7, 0, 0, 0, 0, 0, 0, 0])
    }
}

@Suite struct Layouts {
    private func plan(at starts: [UInt64], threads: Int = 1) -> Plan {
        var plan = Sample.plan
        for start in starts {
            var mapping = Mapping()
            (mapping.start, mapping.end, mapping.protection) = (start, start + 4096, 3)
            plan.processes[0].mappings.append(mapping)
        }
        plan.processes[0].threads = (0..<threads).map { Sample.thread(Int32($0) + 2) }
        return plan
    }

    private static let places: [UInt64] = [0x3700_0000_0000, 0x2b00_0000_0000, 0x4300_0000_0000, 0x1900_0000_0000]

    @Test func itLiesWhereNothingOfThePlanLies() throws {
        for count in 0..<Self.places.count {
            let plan = plan(at: Self.places[..<count].map { $0 + 0x3fff_f000 })
            let layout = try Layout(plan)
            let room = layout.base..<layout.end
            #expect(layout.base == Self.places[count])
            for process in plan.processes {
                for mapping in process.mappings + process.kernelMappings { #expect(!mapping.range.overlaps(room)) }
            }
        }
    }

    @Test func whereThereIsNoRoomItIsRefused() throws {
        let plan = plan(at: Self.places)
        #expect(throws: Refusal.self) { try Layout(plan) }
    }

    /// In any process of the plan, and in its kernel's pages too.
    @Test func pagesOfTheKernelAreInTheWayAsWell() throws {
        var plan = Sample.plan
        plan.processes[0].kernelMappings[0].start = Self.places[0]
        plan.processes[0].kernelMappings[0].end = Self.places[0] + 4096
        #expect(try Layout(plan).base == Self.places[1])
    }

    @Test(arguments: [1, 3, 1024]) func itsPartsLieOneAfterTheOther(_ threads: Int) throws {
        let layout = try Layout(plan(at: [], threads: threads))
        let frames = layout.frames.flatMap { $0 }
        #expect(frames.count == threads && frames.allSatisfy { $0 % 64 == 0 })
        let size = UInt64(Frame.size(of: Sample.thread(2)))
        for (one, next) in zip(frames, frames.dropFirst()) { #expect(one + size <= next) }
        #expect(layout.code.upperBound <= frames[0] && frames[threads - 1] + size <= layout.staying.upperBound)
        #expect(layout.staying.upperBound == layout.park.lowerBound)
        #expect(layout.park.upperBound == layout.stacks.lowerBound)
        #expect(layout.code.upperBound <= layout.passed && layout.passed + 8 <= frames[0])
        #expect(layout.stack(ofThread: threads - 1) + 1024 <= layout.firstStackTop - 2048)
        #expect(layout.stacks.upperBound <= layout.header && layout.header < layout.data)
        #expect(layout.data < layout.end && layout.stacks.lowerBound % 4096 == 0 && layout.header % 4096 == 0)
    }
}
