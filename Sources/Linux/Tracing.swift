// Stopping other processes and looking into them, as a debugger does. For a process with one thread that may trace them.

internal import CLinux
import Glibc

/// One thread that is stopped, until `letGo`.
package struct TracedThread: Sendable {
    package let tid: Int32

    /// Seizes it; it runs on until `stop`. Its filter of system calls does not stand in the way of ours.
    package init(seizing tid: Int32) throws(SystemError) {
        self.tid = tid
        let options = UInt64(CLINUX_PTRACE_O_SUSPEND_SECCOMP)
        try Kernel.check(clinux_ptrace(CLINUX_PTRACE_SEIZE, tid, 0, options), "ptrace", "seize \(tid)")
    }

    package func interrupt() throws(SystemError) {
        try Kernel.check(clinux_ptrace(CLINUX_PTRACE_INTERRUPT, tid, 0, 0), "ptrace", "interrupt \(tid)")
    }

    /// Waits until it stands still as it was told to. False when it has ended instead.
    package func awaitStop() throws(SystemError) -> Bool {
        while true {
            guard let stop = try nextStop() else { return false }
            if stop.isOwn { return true }
            // A signal was on its way to it and comes first: kept from it here, it would be lost.
            try Kernel.check(clinux_ptrace(CLINUX_PTRACE_CONT, tid, 0, UInt64(stop.signal)), "ptrace", "go on")
        }
    }

    /// Why it stands still: with a signal, or for its tracer. Nil when it has ended instead.
    private func nextStop() throws(SystemError) -> (signal: Int32, isOwn: Bool)? {
        var status: Int32 = 0
        let thread = tid
        try Kernel.check(unsafe clinux_wait_stopped(thread, &status), "waitpid", String(tid))
        guard status & 0xff == 0x7f else { return nil }
        return (status >> 8 & 0xff, Int(status >> 16) == CLINUX_PTRACE_EVENT_STOP)
    }

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

    /// Has it make a system call, with the instruction for that at `instruction`, and puts everything back. Signals are held
    /// off meanwhile: the next stop would be for one of them, before the call, and the signal lost.
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
            try? setRegisters(before)
            try? setSignalMask(mask)
            throw error
        }
    }

    private func step() throws(SystemError) {
        while true {
            try Kernel.check(clinux_ptrace(CLINUX_PTRACE_SINGLESTEP, tid, 0, 0), "ptrace", "step")
            guard let stop = try nextStop() else { throw SystemError(call: "ptrace", subject: "step", code: ESRCH) }
            if stop.isOwn { continue }
            guard stop.signal == SIGTRAP else {
                throw SystemError(call: "ptrace", subject: "step, but for signal \(stop.signal)", code: EBUSY)
            }
            return
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
