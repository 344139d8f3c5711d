// Stopping other processes and looking into them, as a debugger does. For a process with one thread that may trace them.

internal import CLinux
import Glibc

/// One thread that is traced, until `letGo`. Its filter of system calls holds all the time: a thread of a function never
/// runs without it, so what `call` has the thread do must stand in the profile.
package struct TracedThread: Sendable {
    package let tid: Int32

    /// Seizes it; it runs on until it is interrupted.
    package init(seizing tid: Int32) throws(SystemError) {
        self.tid = tid
        try Kernel.check(clinux_seize(tid), "ptrace", "seize \(tid)")
    }

    /// A process that executes a program waits for its other threads to be gone, and those that are traced for whoever
    /// traces them; to seize a thread of it waits for the process. So while `body` seizes, the caller lets go of what has
    /// ended by a timer. For a process without children of its own.
    package static func seizing<Result>(_ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
        clinux_reap_traced(1)
        defer { clinux_reap_traced(0) }
        return try body()
    }

    /// One that the caller traces already, under another number: it has executed a program, and has that of the first thread.
    package init(renumbered tid: Int32) { self.tid = tid }

    package func interrupt() throws(SystemError) {
        try Kernel.check(clinux_ptrace(CLINUX_PTRACE_INTERRUPT, tid, 0, 0), "ptrace", "interrupt \(tid)")
    }

    /// Lets one that stands still run on; it stays traced.
    package func goOn() { _ = clinux_ptrace(CLINUX_PTRACE_CONT, tid, 0, 0) }

    package enum Waited: Equatable, Sendable {
        case standsStill
        /// It does, and not for us alone: a signal such as SIGSTOP has stopped its process.
        case isHeldBySignal
        case hasEnded
        case tookTooLong
    }

    /// Waits until it stands still as it was told to.
    /// - Parameter latest: on the monotonic clock
    package func awaitStop(until latest: UInt64) throws(SystemError) -> Waited {
        while true {
            switch try nextStop(until: latest) {
            case .ended: return .hasEnded
            case .none: return .tookTooLong
            case .interrupted(let signal): return signal == SIGTRAP ? .standsStill : .isHeldBySignal
            case .signal(let number):
                // A signal was on its way to it and comes first: kept from it here, it would be lost.
                let result = clinux_ptrace(CLINUX_PTRACE_CONT, tid, 0, UInt64(number))
                if result != -Int(ESRCH) { try Kernel.check(result, "ptrace", "go on") }
            }
        }
    }

    private enum Stop {
        /// For its tracer; with SIGTRAP, or with the signal that has stopped the whole process.
        case interrupted(Int32)
        case signal(Int32)
        case ended
        case none
    }

    /// The first thread of a process whose others live on ends without a word to whoever traces it, and one that another
    /// thread's execve has ended does too: so its state is looked at as well.
    private func nextStop(until latest: UInt64) throws(SystemError) -> Stop {
        while true {
            var status: Int32 = 0
            let result = unsafe clinux_wait_stopped(tid, &status, Self.interval)
            if result == -Int(ECHILD) { return .ended }
            try Kernel.check(result, "waitpid", String(tid))
            if result > 0 {
                guard status & 0xff == 0x7f else { return .ended }
                let signal = status >> 8 & 0xff
                return Int(status >> 16) == CLINUX_PTRACE_EVENT_STOP ? .interrupted(signal) : .signal(signal)
            }
            if TaskStatus.hasEnded(tid) { return .ended }
            if Clock.now >= latest { return .none }
        }
    }

    /// Nanoseconds, after which it is looked at again.
    private static let interval: UInt64 = 10_000_000

    package func letGo() {
        _ = clinux_ptrace(CLINUX_PTRACE_DETACH, tid, 0, 0)
    }

    package func registers() throws(SystemError) -> Registers {
        Registers(bytes: try read(CLINUX_NT_PRSTATUS, most: Registers.size))
    }

    package func setRegisters(_ registers: Registers) throws(SystemError) {
        let (thread, bytes) = (tid, registers.bytes)
        let result = unsafe bytes.withUnsafeBytes {
            unsafe clinux_set_registers(thread, CLINUX_NT_PRSTATUS, $0.baseAddress, UInt64($0.count))
        }
        try Kernel.check(result, "ptrace", "set registers")
    }

    /// The whole state of its vector unit, in the processor's own layout.
    package func vectorState() throws(SystemError) -> [UInt8] { try read(CLINUX_NT_X86_XSTATE, most: 16_384) }

    private func read(_ kind: Int32, most: Int) throws(SystemError) -> [UInt8] {
        let thread = tid
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: most) { buffer, filled in
            result = unsafe clinux_get_registers(thread, kind, buffer.baseAddress, UInt64(most))
            filled = max(0, result)
        }
        try Kernel.check(result, "ptrace", "get registers")
        return bytes
    }

    /// False when it runs, or is no more, or is not traced by the caller.
    package var standsStill: Bool { (try? signalMask()) != nil }

    package func signalMask() throws(SystemError) -> UInt64 {
        var mask: UInt64 = 0
        let thread = tid
        let result = unsafe withUnsafeMutablePointer(to: &mask) {
            clinux_ptrace(CLINUX_PTRACE_GETSIGMASK, thread, 8, UInt64(UInt(bitPattern: $0)))
        }
        try Kernel.check(result, "ptrace", "get signal mask")
        return mask
    }

    private func setSignalMask(_ mask: UInt64) throws(SystemError) {
        var mask = mask
        let thread = tid
        let result = unsafe withUnsafeMutablePointer(to: &mask) {
            clinux_ptrace(CLINUX_PTRACE_SETSIGMASK, thread, 8, UInt64(UInt(bitPattern: $0)))
        }
        try Kernel.check(result, "ptrace", "set signal mask")
    }

    /// Signals on their way to it, or with `shared` to any thread of its process; 128 bytes each. Of more than `most` there
    /// are a few more than that.
    package func pendingSignals(shared: Bool, most: Int) throws(SystemError) -> [[UInt8]] {
        let thread = tid
        var signals: [[UInt8]] = []
        while signals.count <= most {
            var result = 0
            let first = UInt64(signals.count)
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 32 * 128) { buffer, filled in
                result = unsafe clinux_pending_signals(thread, shared ? 1 : 0, first, buffer.baseAddress)
                filled = max(0, result) * 128
            }
            try Kernel.check(result, "ptrace", "look at signals")
            if result == 0 { break }
            signals += (0..<result).map { Array(bytes[$0 * 128..<($0 + 1) * 128]) }
        }
        return signals
    }

    /// Where it has registered for restartable sequences: address, length and signature. All zero when it has not.
    package func restartableSequences() throws(SystemError) -> (address: UInt64, length: UInt32, signature: UInt32) {
        var values: [UInt32] = Array(repeating: 0, count: 6)
        let thread = tid
        let result = unsafe values.withUnsafeMutableBytes {
            clinux_ptrace(
                CLINUX_PTRACE_GET_RSEQ_CONFIGURATION, thread, UInt64($0.count), UInt64(UInt(bitPattern: $0.baseAddress))
            )
        }
        try Kernel.check(result, "ptrace", "get restartable sequences")
        return (UInt64(values[0]) | UInt64(values[1]) << 32, values[2], values[3])
    }

    package func robustList() throws(SystemError) -> (head: UInt64, length: UInt64) {
        var (head, length): (UInt64, UInt64) = (0, 0)
        let thread = tid
        try Kernel.check(unsafe clinux_robust_list(thread, &head, &length), "get_robust_list", String(tid))
        return (head, length)
    }

    /// Whether the kernel hands the system calls that it makes back to itself (PR_SET_SYSCALL_USER_DISPATCH). A kernel before
    /// 6.4 does not tell.
    package func dispatchesCalls() -> Bool {
        // mode, selector, offset, length
        var values: [UInt64] = [0, 0, 0, 0]
        let thread = tid
        let result = unsafe values.withUnsafeMutableBytes {
            clinux_ptrace(
                CLINUX_PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, thread, UInt64($0.count),
                UInt64(UInt(bitPattern: $0.baseAddress)))
        }
        return result >= 0 && values[0] != 0
    }

    /// While `body` changes what the thread goes on with (registers, memory below its stack), the end of the caller is the
    /// end of the thread's process: a caller that is killed in the middle leaves no thread running with what is not its
    /// own. Where `body` leaves a thread behind that does not stand still, the caller ends itself for that.
    package func boundToTracer<Result>(_ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
        let (thread, options) = (tid, CLINUX_PTRACE_O_EXITKILL)
        let result = clinux_ptrace(CLINUX_PTRACE_SETOPTIONS, thread, 0, UInt64(options))
        try Kernel.check(result, "ptrace", "bind \(thread)")
        defer {
            let result = clinux_ptrace(CLINUX_PTRACE_SETOPTIONS, thread, 0, 0)
            if result != 0, !TaskStatus.hasEnded(thread) { Self.endBoth() }
        }
        return try body()
    }

    private static func endBoth() -> Never { _exit(70) }

    /// Has it make a system call, with the instruction for that at `instruction`, and puts everything back; within
    /// `boundToTracer`. Signals are held off meanwhile: the next stop would be for one of them, before the call, and the
    /// signal lost.
    package func call(
        _ number: Int, _ arguments: [UInt64], with instruction: UInt64
    ) throws(SystemError) -> Int {
        let (before, mask) = (try registers(), try signalMask())
        var changed = before
        changed.prepareCall(number, arguments, instruction)
        do throws(SystemError) {
            // But for the one that tells of the step: where that is held off, the kernel takes its handler away.
            try setSignalMask(~(1 << UInt64(SIGTRAP - 1)))
            try setRegisters(changed)
            try step()
            let result = Int(bitPattern: UInt(try registers()[.rax]))
            try setRegisters(before)
            try setSignalMask(mask)
            return result
        } catch {
            do throws(SystemError) {
                try setRegisters(before)
                try setSignalMask(mask)
            } catch {
                if !TaskStatus.hasEnded(tid) { Self.endBoth() }
            }
            throw error
        }
    }

    private static let longestStep: UInt64 = 5_000_000_000

    private func step() throws(SystemError) {
        let latest = Clock.now + Self.longestStep
        while true {
            try Kernel.check(clinux_ptrace(CLINUX_PTRACE_SINGLESTEP, tid, 0, 0), "ptrace", "step")
            switch try nextStop(until: latest) {
            case .ended: throw SystemError(call: "ptrace", subject: "step", code: ESRCH)
            case .none: throw SystemError(call: "ptrace", subject: "step", code: ETIMEDOUT)
            case .interrupted: continue
            case .signal(SIGTRAP): return
            case .signal(let number):
                throw SystemError(call: "ptrace", subject: "step, but for signal \(number)", code: EBUSY)
            }
        }
    }
}

/// The general registers of a thread, in the kernel's order.
package struct Registers: Equatable, Sendable {
    package enum Name: Int, Sendable {
        case r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, originalRAX, rip, cs, flags, rsp,
            ss
        case fsBase, gsBase, ds, es, fs, gs
    }

    package static let count = 27
    static let size = count * 8
    package var values: [UInt64]

    package init(values: [UInt64]) { self.values = values }

    init(bytes: [UInt8]) {
        values = (0..<Self.count).map { index in
            (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << UInt64($1 * 8) }
        }
    }

    var bytes: [UInt8] { values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } } }

    package subscript(name: Name) -> UInt64 {
        get { values[name.rawValue] }
        set { values[name.rawValue] = newValue }
    }

    fileprivate mutating func prepareCall(_ number: Int, _ arguments: [UInt64], _ instruction: UInt64) {
        self[.rax] = UInt64(number)
        // Not in a system call: the kernel must not begin it again.
        self[.originalRAX] = .max
        self[.rip] = instruction
        for (index, name) in [Name.rdi, .rsi, .rdx, .r10, .r8, .r9].enumerated() {
            // Some calls want those that they do not use to be zero.
            self[name] = index < arguments.count ? arguments[index] : 0
        }
    }
}

package enum VectorState {
    /// How long the state with these parts is.
    package static func size(of parts: UInt64) -> UInt64 { clinux_vector_state_size(parts) }
}
