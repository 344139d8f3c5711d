// Compiles the profile into a BPF program: the calls that are always allowed as a tree (NumberTree), the options of sockets
// as another (SocketOptionTree), the other calls with a condition, and the refusal of everything else, with libseccomp.
// About a millisecond: done once and kept (FilterStore).

internal import CSeccomp
import Glibc
import Linux

package enum SystemCallProgram {
    /// The newest call that the profile knows. Newer ones get ENOSYS.
    static let newest = "set_mempolicy_home_node"

    package enum Failure: Error, CustomStringConvertible {
        case unknownName(String)
        case library(String, Int32)

        package var description: String {
            switch self {
            case .unknownName(let name): "libseccomp does not know the system call \(name)"
            case .library(let step, let code): "libseccomp: \(step): \(SystemError.reason(of: -code))"
            }
        }
    }

    package static func compile() throws -> [UInt8] {
        guard let context = unsafe seccomp_init(errno(EPERM)) else { throw Failure.library("init", -ENOMEM) }
        defer { unsafe seccomp_release(context) }
        // A binary tree instead of a list: the cost of a call no longer depends on its place in the profile.
        try check("optimize", unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))
        // int 0x80 and x32: other numbers, other rules. Nothing of ours uses them.
        try check("architecture", unsafe seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, killProcess))

        var always: Set<UInt32> = []
        var options: [NumberTree.Instruction] = []
        for group in SystemCalls.allowed {
            for name in group.names {
                let number = try number(of: name)
                switch group.condition {
                case .always: always.insert(UInt32(number))
                case .socketOptions(let levels):
                    options +=
                        SocketOptionTree(
                            levels, call: UInt32(number), allow: allowed, refuse: errno(ENOPROTOOPT)
                        ).program
                default: try unsafe allow(number, group.condition, in: context)
                }
            }
        }
        for name in SystemCalls.unknown.flatMap(\.names) {
            let rule = try number(of: name)
            try check(name, unsafe seccomp_rule_add_array(context, errno(ENOSYS), rule, 0, nil))
        }
        for rule in SystemCalls.answered {
            let comparison = masked(rule.argument, rule.bits, rule.value)
            let call = try number(of: rule.name)
            try check(
                rule.name, unsafe seccomp_rule_add_array(context, errno(rule.code), call, 1, [comparison]))
        }
        let tree = NumberTree(
            allowed: always, newest: UInt32(try number(of: newest)), unknown: errno(ENOSYS), allow: allowed)
        return (tree.program + options).flatMap(\.bytes) + (try unsafe export(context))
    }

    package static func number(of name: String) throws -> Int32 {
        let number = unsafe seccomp_syscall_resolve_name(name)
        guard number != __NR_SCMP_ERROR else { throw Failure.unknownName(name) }
        return number
    }

    /// The name of a number on this architecture, nil when it has none.
    static func name(of number: Int32) -> String? {
        let native: UInt32 = 0
        guard let name = unsafe seccomp_syscall_resolve_num_arch(native, number) else { return nil }
        defer { unsafe free(name) }
        return unsafe String(cString: name)
    }

    private static func allow(
        _ call: Int32, _ condition: SystemCallGroup.Condition, in context: scmp_filter_ctx
    ) throws {
        func rule(_ comparisons: [scmp_arg_cmp]) throws {
            let count = UInt32(comparisons.count)
            try check("rule \(call)", unsafe seccomp_rule_add_array(context, allowed, call, count, comparisons))
        }
        switch condition {
        // These are not libseccomp's to decide.
        case .always, .socketOptions: break
        case .clear(let argument, let bits):
            try rule([masked(argument, bits, 0)])
        case .oneOf(let argument, let bits, let values):
            for value in values { try rule([masked(argument, bits, value)]) }
        }
    }

    private static func masked(_ argument: UInt32, _ bits: UInt64, _ value: UInt64) -> scmp_arg_cmp {
        scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: bits, datum_b: value)
    }

    private static func check(_ step: String, _ result: Int32) throws {
        guard result == 0 else { throw Failure.library(step, result) }
    }

    /// libseccomp can only write to a descriptor.
    private static func export(_ context: scmp_filter_ctx) throws -> [UInt8] {
        let file = try MemoryFile.make(named: "seccomp")
        try check("export", unsafe seccomp_export_bpf(context, file.raw))
        return try MemoryFile.contents(of: file, limit: 1 << 16)
    }

    // The library's macros for actions are not visible to Swift.
    private static let allowed: UInt32 = 0x7fff_0000
    private static let killProcess: UInt32 = 0x8000_0000
    private static func errno(_ code: Int32) -> UInt32 { 0x0005_0000 | UInt32(code) }
}
