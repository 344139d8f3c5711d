// What a stopped thread is: its registers and what the kernel keeps for it alone.

import Glibc
import Linux
import Wire

extension Capture {
    func capture(
        _ thread: TracedThread, of pid: Int32, with calls: InsideCalls
    ) throws -> ThreadState {
        var state = ThreadState()
        let status = try ProcFile.values("/proc/\(pid)/task/\(thread.tid)/status")
        let stat = try ProcFile.stat(of: pid, thread: thread.tid)
        state.tid = ProcFile.innermost(status["NSpid"]?.first)
        state.name = String(try Files.readText("/proc/\(pid)/task/\(thread.tid)/comm").dropLast())
        state.registers = try Self.restarting(thread.registers(), of: pid).values
        state.vector = try thread.vectorState()
        state.signalMask = try thread.signalMask()
        let sequences = try thread.restartableSequences()
        (state.sequencesAddress, state.sequencesLength) = (sequences.address, sequences.length)
        state.sequencesSignature = sequences.signature
        let robust = try thread.robustList()
        (state.robustHead, state.robustLength) = (robust.head, robust.length)
        let stack = try calls.ask(thread, Call.sigaltstack, [0, calls.scratch], length: 24)
        (state.stackAddress, state.stackFlags, state.stackSize) = (stack[0], stack[1] & 0xffff_ffff, stack[2])
        state.clearedWord = try calls.ask(
            thread, Call.prctl, [Control.getTIDAddress, calls.scratch], length: 8)[0]
        state.parentDeathSignal = UInt32(
            truncatingIfNeeded: try calls.ask(
                thread, Call.prctl, [Control.getParentDeathSignal, calls.scratch], length: 8)[0] & 0xff)
        state.timerSlack = UInt64(
            try calls.make(thread, Call.prctl, [Control.getTimerSlack]))
        state.pending = try Self.pending(thread, shared: false)
        state.nice = Int32(truncatingIfNeeded: stat[19])
        state.inputPriority = UInt32(max(0, Scheduling.inputPriority(of: thread.tid)))
        let processors = try Scheduling.processors(of: thread.tid)
        if processors != (try Scheduling.processors(of: guardian)) { state.processors = processors }
        state.policy = UInt32(truncatingIfNeeded: stat[41])
        return state
    }

    static func pending(_ thread: TracedThread, shared: Bool) throws -> [SignalInformation] {
        let signals = try thread.pendingSignals(shared: shared, most: Plan.Limits.pending)
        guard signals.count <= Plan.Limits.pending else {
            throw Refusal(.snapshot, "more than \(Plan.Limits.pending) signals wait for it")
        }
        return signals.map(SignalInformation.init(bytes:))
    }

    /// A system call in which the thread waits is made again from its start. One that the kernel would go on with for
    /// what was left of its time (-516) waits its whole time again: what was left stays behind in the kernel. To have the
    /// thread go on with it and stop it once more would not tell either: the kernel gives the rest out only where the
    /// program has asked for it, and there it is what the call begins with again, as in `sleep`.
    private static func restarting(_ registers: Registers, of pid: Int32) throws(SystemError) -> Registers {
        guard Int64(bitPattern: registers[.originalRAX]) >= 0 else { return registers }
        var registers = registers
        switch Int64(bitPattern: registers[.rax]) {
        case -512, -513, -514, -516:
            var number = registers[.originalRAX]
            // It goes on already for the second time: which call it once was stands before the instruction that makes it.
            if number == restartSystemCall {
                guard let first = try numberLoaded(before: registers[.rip] &- 2, of: pid) else {
                    registers[.rax] = UInt64(bitPattern: Int64(-EINTR))
                    break
                }
                number = first
            }
            if number == connect, isConnected(Int32(truncatingIfNeeded: registers[.rdi]), of: pid) {
                registers[.rax] = 0
            } else {
                registers[.rax] = number
                registers[.rip] &-= 2
            }
        default: break
        }
        registers[.originalRAX] = .max
        return registers
    }

    private static let connect: UInt64 = 42

    /// A connection that was made while its maker was being stopped: where it is made anew there is nothing left to do.
    private static func isConnected(_ number: Int32, of pid: Int32) -> Bool {
        guard let process = try? OtherProcess(pid), let copy = try? process.descriptor(number) else { return false }
        return (try? SocketDetails(copy.raw))?.isConnected ?? false
    }

    private static let restartSystemCall: UInt64 = 219
    /// nanosleep, poll, futex, clock_nanosleep: the only ones that the kernel goes on with.
    private static let restartable: [UInt64] = [35, 7, 202, 230]

    /// What the instruction `mov $number, %eax` ahead of this address loads.
    private static func numberLoaded(before address: UInt64, of pid: Int32) throws(SystemError) -> UInt64? {
        let bytes = try OtherProcess(pid).read(address &- 5, count: 5)
        guard bytes[0] == 0xb8 else { return nil }
        let number = (1...4).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << UInt64(($1 - 1) * 8) }
        return restartable.contains(number) ? number : nil
    }
}

enum Control {
    static let getParentDeathSignal: UInt64 = 2
    static let getDumpable: UInt64 = 3
    static let getTimerSlack: UInt64 = 30
    static let getSubreaper: UInt64 = 37
    static let getHugePagesOff: UInt64 = 42
    static let getKeepsCapabilities: UInt64 = 7
    static let getTIDAddress: UInt64 = 40
}

/// System calls made by a stopped process itself: what only it can say. All of them are in the profile whatever their
/// arguments, because the filter of the thread that makes one holds meanwhile (a test compares the two lists).
struct InsideCalls {
    let process: Int32
    /// Where there is an instruction that makes one.
    let instruction: UInt64
    /// Memory to put answers in: below the stack, where nothing is that the process still needs.
    let scratch: UInt64

    /// Whatever is asked here, by their numbers.
    static let numbers = [
        Call.sigaltstack, Call.prctl, Call.brk, Call.rtSigaction, Call.getitimer, Call.timerGettime,
    ]

    func make(_ thread: TracedThread, _ number: Int, _ arguments: [UInt64]) throws(SystemError) -> Int {
        precondition(Self.numbers.contains(number), "\(number) is not among the calls that the profile has")
        return try thread.boundToTracer { () throws(SystemError) in
            try thread.call(number, arguments, with: instruction)
        }
    }

    /// Makes the call, which fills `length` bytes at `scratch`, and gives them as numbers. What was there is put back.
    func ask(
        _ thread: TracedThread, _ number: Int, _ arguments: [UInt64], length: Int
    ) throws(SystemError) -> [UInt64] {
        precondition(Self.numbers.contains(number), "\(number) is not among the calls that the profile has")
        let memory = try OtherProcess(process)
        let before = try memory.read(scratch, count: 64)
        var bytes: [UInt8] = []
        let result = try thread.boundToTracer { () throws(SystemError) in
            try memory.write(Array(repeating: 0, count: 64), at: scratch)
            let result = try thread.call(number, arguments, with: instruction)
            bytes = try memory.read(scratch, count: 64)
            try memory.write(before, at: scratch)
            return result
        }
        if result < 0 { throw SystemError(call: "call \(number)", subject: "inside", code: Int32(-result)) }
        return (0..<(length + 7) / 8).map { index in
            (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << UInt64($1 * 8) }
        }
    }
}
