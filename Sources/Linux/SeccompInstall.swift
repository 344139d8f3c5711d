// Gives the kernel a filter of system calls, as raw BPF.

internal import CLinux

package enum SystemCallFilter {
    /// Installs a BPF program, 8 bytes an instruction, for the calling thread and all that come from it.
    package static func install(_ program: [UInt8]) throws(SystemError) {
        precondition(program.count % 8 == 0 && program.count / 8 <= 4096, "not a BPF program")
        let result = unsafe program.withUnsafeBytes {
            unsafe clinux_seccomp_install($0.baseAddress, UInt16($0.count / 8))
        }
        try Kernel.check(result, "seccomp")
    }
}
