// The stack frame with which a thread goes on: the one that the kernel takes its state from when a signal handler has
// returned. It holds all registers, the whole vector state, the mask of signals and the alternate stack.

import Linux

struct Frame {
    /// For the frame at `address`: its bytes, and where in them the kernel expects the stack pointer.
    let bytes: [UInt8]
    let entry: UInt64

    private static let magicOne: UInt32 = 0x4650_5853
    private static let magicTwo: UInt32 = 0x4650_5845
    private static let softwareBytes = 464

    /// How much room it takes.
    static func size(of thread: ThreadState) -> Int { (thread.vector.count + 4 + 63) & ~63 + 512 }

    /// - Parameter address: a multiple of 64
    init(_ thread: ThreadState, at address: UInt64) {
        var vector = thread.vector
        // Parts that a process gets only when it asks for them are not in the frame of one that has not.
        let parts = Self.number(vector, at: Self.softwareBytes, count: 8) & ~(3 << 17)
        let length = min(Int(VectorState.size(of: parts)), vector.count)
        vector = Array(vector.prefix(length))
        Self.put(UInt64(Self.magicOne), into: &vector, at: Self.softwareBytes, count: 4)
        Self.put(UInt64(length + 4), into: &vector, at: Self.softwareBytes + 4, count: 4)
        Self.put(parts, into: &vector, at: Self.softwareBytes + 8, count: 8)
        Self.put(UInt64(length), into: &vector, at: Self.softwareBytes + 16, count: 4)
        vector += [0, 0, 0, 0]
        Self.put(UInt64(Self.magicTwo), into: &vector, at: length, count: 4)
        while vector.count % 64 != 0 { vector.append(0) }
        let registers = Registers(values: thread.registers)
        var words: [UInt64] = [7, 0, thread.stackAddress, thread.stackFlags & ~1, thread.stackSize]
        let order: [Registers.Name] = [
            .r8, .r9, .r10, .r11, .r12, .r13, .r14, .r15, .rdi, .rsi, .rbp, .rbx, .rdx, .rax, .rcx, .rsp, .rip, .flags,
        ]
        words += order.map { registers[$0] }
        words.append(registers[.cs] | registers[.ss] << 48)
        // Error, trap, old mask, address of a fault: none of them matters on the way back. Then the vector state.
        words += [0, 0, 0, 0, address] + Array(repeating: 0, count: 8)
        words.append(thread.signalMask)
        entry = address + UInt64(vector.count)
        bytes = vector + words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    private static func number(_ bytes: [UInt8], at place: Int, count: Int) -> UInt64 {
        guard place + count <= bytes.count else { return 0 }
        return (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64($1 * 8) }
    }

    private static func put(_ value: UInt64, into bytes: inout [UInt8], at place: Int, count: Int) {
        guard place + count <= bytes.count else { return }
        for index in 0..<count { bytes[place + index] = UInt8(truncatingIfNeeded: value >> (UInt64(index) * 8)) }
    }
}
