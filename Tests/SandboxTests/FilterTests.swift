import Glibc
import Testing

@testable import Sandbox
@testable import Snapshot

/// Runs classic BPF programs as the kernel does, as far as filters of system calls use it.
struct Machine {
    struct Call {
        var number: UInt32
        var arguments: [UInt64] = []
        var architecture: UInt32 = 0xc000_003e
    }

    let program: [UInt8]

    private func word(_ call: Call, at offset: UInt32) -> UInt32 {
        switch offset {
        case 0: return call.number
        case 4: return call.architecture
        default:
            let index = Int(offset - 16) / 8
            let argument = index < call.arguments.count ? call.arguments[index] : 0
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
        }
    }

    func verdict(on call: Call) -> UInt32 {
        var accumulator: UInt32 = 0
        var at = 0
        while true {
            let bytes = program[at * 8..<at * 8 + 8].map { UInt32($0) }
            let code = bytes[0] | bytes[1] << 8
            let value = bytes[4] | bytes[5] << 8 | bytes[6] << 16 | bytes[7] << 24
            func jump(_ condition: Bool) { at += 1 + Int(condition ? bytes[2] : bytes[3]) }
            switch code {
            case 0x20: accumulator = word(call, at: value); at += 1
            case 0x54: accumulator &= value; at += 1
            case 0x05: at += 1 + Int(value)
            case 0x15: jump(accumulator == value)
            case 0x25: jump(accumulator > value)
            case 0x35: jump(accumulator >= value)
            case 0x45: jump(accumulator & value != 0)
            case 0x06: return value
            default: fatalError("an instruction no filter has: \(code)")
            }
        }
    }
}

@Suite struct Filter {
    let machine: Machine
    private let allow: UInt32 = 0x7fff_0000
    private let refuse = 0x0005_0000 | UInt32(EPERM)
    private let unknown = 0x0005_0000 | UInt32(ENOSYS)
    private let kill: UInt32 = 0x8000_0000

    init() throws { machine = Machine(program: try SystemCallProgram.compile()) }

    private func verdict(_ name: String, _ arguments: UInt64...) throws -> UInt32 {
        machine.verdict(on: .init(number: UInt32(try SystemCallProgram.number(of: name)), arguments: arguments))
    }

    @Test func everyCallIsDecidedAsTheProfileSays() throws {
        let allowed = SystemCalls.allowed.filter { if case .always = $0.condition { true } else { false } }
        for name in allowed.flatMap(\.names) { #expect(try verdict(name) == allow, "\(name)") }
        for name in SystemCalls.refused.flatMap(\.names) {
            guard try SystemCallProgram.number(of: name) >= 0 else { continue }
            #expect(try verdict(name) == refuse, "\(name)")
        }
        for name in SystemCalls.unknown.flatMap(\.names) { #expect(try verdict(name) == unknown, "\(name)") }
    }

    /// The filter holds while a capture has a thread make these.
    @Test func whatACaptureAsksInsideIsAllowedWhateverItsArguments() throws {
        let always = SystemCalls.allowed.filter { if case .always = $0.condition { true } else { false } }
        for number in InsideCalls.numbers {
            let name = try #require(SystemCallProgram.name(of: Int32(number)))
            // All that it asks of prctl, and all else of it, but for filters.
            if name == "prctl" {
                for option in UInt64(0)..<96 where option != 22 { #expect(try verdict("prctl", option) == allow) }
                continue
            }
            #expect(always.contains { $0.names.contains(name) }, "\(name)")
            #expect(machine.verdict(on: .init(number: UInt32(number))) == allow, "\(name)")
        }
    }

    /// The profile must have looked at every call there is: a row for each, and no call in two rows of different mind.
    @Test func everyCallOfThisArchitectureHasARow() throws {
        var rows: [Int32: Int] = [:]
        for list in [SystemCalls.allowed, SystemCalls.refused, SystemCalls.unknown] {
            for name in Set(list.flatMap(\.names)) { rows[try SystemCallProgram.number(of: name), default: 0] += 1 }
        }
        for number in 0...(try SystemCallProgram.number(of: SystemCallProgram.newest)) {
            guard let name = SystemCallProgram.name(of: number) else { continue }
            #expect(rows[number] == 1, "\(name) (\(number)) stands in \(rows[number] ?? 0) lists")
        }
    }

    @Test func namespacesCannotBeMadeByClone() throws {
        #expect(try verdict("clone", 0x3d0f00) == allow)  // what pthread_create asks for
        #expect(try verdict("clone", UInt64(SIGCHLD)) == allow)
        for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            #expect(try verdict("clone", UInt64(flag | 0x100)) == refuse)
        }
    }

    @Test func onlyOrdinarySocketsCanBeMade() throws {
        for family in [UInt64(1), 2, 10] { #expect(try verdict("socket", family, 1, 0) == allow) }
        for family in UInt64(0)..<50 where ![1, 2, 10, 16].contains(family) {
            #expect(try verdict("socket", family, 1, 0) == refuse, "family \(family)")
        }
        // As on a kernel without netlink.
        for netlink in UInt64(0)..<24 { #expect(try verdict("socket", 16, 3, netlink) == unknown) }
    }

    @Test func noOptionOfASocketKeepsMemoryThatNobodyCounts() throws {
        let missing = 0x0005_0000 | UInt32(ENOPROTOOPT)
        let allowed: [UInt64: [UInt64]] = [
            1: [1, 2, 6, 7, 8, 13, 15, 20, 21, 25, 27, 49, 52, 83], 0: [1, 2, 8, 10, 11, 15, 24, 32, 33, 34, 49],
            6: [1, 3, 4, 5, 6, 9, 12, 13, 18, 23, 25, 30, 36], 17: [1, 103, 104],
            41: [1, 16, 17, 18, 19, 23, 25, 26, 49, 50, 51, 62, 66, 67, 72, 78],
        ]
        for (level, options) in allowed {
            for option in options {
                #expect(try verdict("setsockopt", 3, level, option) == allow, "\(level) \(option)")
            }
        }
        let refused: [UInt64: [UInt64]] = [
            1: [26, 50, 51, 128], 0: [0, 4, 16, 35, 36, 39, 41, 42, 48, 64], 6: [0, 14, 31, 32, 38, 39],
            17: [0, 2, 100, 105], 41: [6, 20, 21, 27, 32, 42, 46, 48, 54, 55, 57, 59, 64, 79], 58: [1], 132: [0],
            255: [1], 282: [1], 284: [1], 0xffff_ffff: [1],
        ]
        for (level, options) in refused {
            for option in options {
                #expect(try verdict("setsockopt", 3, level, option) == missing, "\(level) \(option)")
                let disguise = UInt64(0xdead_beef) << 32
                #expect(try verdict("setsockopt", 3, disguise | level, disguise | option) == missing)
            }
        }
    }

    @Test func nothingInsideInstallsAFilter() throws {
        let invalid = 0x0005_0000 | UInt32(EINVAL)
        for disguise in [UInt64(0), 0xdead_beef_0000_0000] {
            #expect(try verdict("seccomp", disguise | 1, 1) == invalid)
            #expect(try verdict("prctl", disguise | 22, 2) == invalid)
        }
        #expect(try verdict("seccomp", 2) == allow)
        for option in [UInt64(0x5356_4d41), 0x5961_6d61] { #expect(try verdict("prctl", option) == allow) }
    }

    @Test func aRestoreHasThreeCallsMoreAndClosesThem() throws {
        func verdict(_ filter: [UInt8], _ name: String, _ arguments: UInt64...) throws -> UInt32 {
            let number = UInt32(try SystemCallProgram.number(of: name))
            return Machine(program: filter).verdict(on: .init(number: number, arguments: arguments))
        }
        let opening = RestoreFilter.opening(machine.program)
        for name in ["clone3", "setns", "seccomp"] { #expect(try verdict(opening, name, 1) == allow) }
        for name in ["clone3", "setns"] { #expect(try verdict(RestoreFilter.closing, name, 1) == unknown) }
        let invalid = 0x0005_0000 | UInt32(EINVAL)
        #expect(try verdict(RestoreFilter.closing, "seccomp", 1) == invalid)
        #expect(try verdict(opening, "prctl", 22, 2) == invalid)
        for name in ["read", "execve", "clone"] { #expect(try verdict(RestoreFilter.closing, name, 1) == allow) }
        #expect(try verdict(opening, "unshare") == refuse)
        #expect(try verdict(opening, "read") == allow)
        let other = Machine.Call(number: 317, arguments: [1], architecture: 0x4000_0003)
        #expect(Machine(program: opening).verdict(on: other) == kill)
    }

    @Test func upperHalvesOfIntArgumentsDoNotMatter() throws {
        #expect(try verdict("socket", 0xffff_ffff_0000_0028, 1, 0) == refuse)  // AF_VSOCK in disguise
        #expect(try verdict("ioctl", 0, 0xdead_beef_0000_5412) == refuse)
        #expect(try verdict("personality", 0xffff_ffff_ffff_ffff) == allow)
    }

    @Test func terminalsCannotBeTypedInto() throws {
        #expect(try verdict("ioctl", 0, 0x5401) == allow)
        #expect(try verdict("ioctl", 0, 0x5412) == refuse)  // TIOCSTI
        #expect(try verdict("ioctl", 0, 0x541c) == refuse)  // TIOCLINUX
    }

    @Test func devicesCannotBeMade() throws {
        #expect(try verdict("mknod", 0, 0o010644) == allow)
        #expect(try verdict("mknod", 0, 0o020644) == refuse)
        #expect(try verdict("mknodat", 0, 0, 0o060644) == refuse)
    }

    @Test func hugePagesAreAnsweredAsOnAHostWithout() throws {
        let none = 0x0005_0000 | UInt32(ENOMEM)
        #expect(try verdict("mmap", 0, 1 << 21, 3, 0x22) == allow)
        #expect(try verdict("mmap", 0, 1 << 21, 3, 0x40022) == none)
        // With a size: MAP_HUGE_1GB.
        #expect(try verdict("mmap", 0, 1 << 30, 3, 0x7804_0022) == none)
        #expect(try verdict("memfd_create", 0, 3) == allow)
        #expect(try verdict("memfd_create", 0, 4) == none)
        #expect(try verdict("shmget", 0, 4096, 0o1600) == allow)
        #expect(try verdict("shmget", 0, 1 << 21, 0o5600) == none)
    }

    @Test func pagesOfSharedFilesAreNotSentAway() throws {
        for advice in [UInt64(0), 1, 2, 3, 5] { #expect(try verdict("fadvise64", 3, 0, 0, advice) == allow) }
        // Answered as if it were done.
        #expect(try verdict("fadvise64", 3, 0, 0, 4) == 0x0005_0000)
    }

    @Test func addressesStayRandom() throws {
        #expect(try verdict("personality", 0) == allow)
        #expect(try verdict("personality", 0x0040000) == refuse)
    }

    @Test func newerCallsAreUnknown() throws {
        let newest = UInt32(try SystemCallProgram.number(of: SystemCallProgram.newest))
        for number in newest + 1..<newest + 50 { #expect(machine.verdict(on: .init(number: number)) == unknown) }
    }

    @Test func otherWaysToCallAreDeath() {
        #expect(machine.verdict(on: .init(number: 4, architecture: 0x4000_0003)) == kill)  // int 0x80
        #expect(machine.verdict(on: .init(number: 0x4000_0000 | 39)) == kill)  // x32
    }

    @Test func theProgramIsShort() {
        // Installing it costs every sandbox, in proportion to its length.
        #expect(machine.program.count / 8 < 400)
    }
}

@Suite struct NumberTrees {
    private func verdicts(_ allowed: Set<UInt32>, newest: UInt32) -> [UInt32] {
        let tree = NumberTree(allowed: allowed, newest: newest, unknown: 2, allow: 1)
        let behind = NumberTree.Instruction(code: 0x06, value: 3)
        let machine = Machine(program: (tree.program + [behind]).flatMap(\.bytes))
        return (0..<newest + 3).map { machine.verdict(on: .init(number: $0)) }
    }

    @Test func decidesEveryNumber() {
        var random = SystemRandomNumberGenerator()
        for density in [0.05, 0.5, 0.95, 1.0] {
            let newest: UInt32 = 200
            let some = (0...newest).filter { _ in Double.random(in: 0..<1, using: &random) < density }
            let allowed = Set(some + [7])
            let expected = (0..<newest + 3).map { number -> UInt32 in
                number > newest ? 2 : allowed.contains(number) ? 1 : 3
            }
            #expect(verdicts(allowed, newest: newest) == expected)
        }
    }
}

@Suite struct ReaderFilter {
    /// It has its memory, what is open, and its end. There is no call with which it could get anything else.
    @Test func nothingCanBeOpenedOrMade() throws {
        let machine = Machine(program: UnprivilegedReader.filter)
        func verdict(_ name: String) throws -> UInt32 {
            machine.verdict(on: .init(number: UInt32(try SystemCallProgram.number(of: name))))
        }
        for name in ["read", "pread64", "write", "mmap", "munmap", "mremap", "brk", "madvise", "exit_group"] {
            #expect(try verdict(name) == 0x7fff_0000, "\(name)")
        }
        for name in [
            "open", "openat", "openat2", "socket", "connect", "sendmsg", "clone", "clone3", "fork", "execve", "ptrace",
            "kill", "ioctl", "process_vm_readv", "pidfd_getfd", "io_uring_setup", "setuid", "prctl", "unlink", "mount",
        ] {
            #expect(try verdict(name) == 0x8000_0000, "\(name)")
        }
        let allowed = (UInt32(0)..<1024).filter { machine.verdict(on: .init(number: $0)) == 0x7fff_0000 }
        #expect(allowed.count == 19)
        #expect(machine.verdict(on: .init(number: 0, architecture: 0x4000_0003)) == 0x8000_0000)
    }
}
