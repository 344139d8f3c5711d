// How the kernel shares processors and disks out to a thread.

internal import CLinux
import Glibc

package enum Scheduling {
    /// A bit for each processor that it may run on.
    package static func processors(of tid: Int32) throws(SystemError) -> [UInt64] {
        var mask = [UInt64](repeating: 0, count: 128)
        let size = mask.count * 8
        let count = unsafe mask.withUnsafeMutableBytes {
            Kernel.call(CLINUX_SYS_sched_getaffinity, Int(tid), size, Int(bitPattern: $0.baseAddress))
        }
        try Kernel.check(count, "sched_getaffinity", String(tid))
        return Array(mask.prefix(count / 8))
    }

    package static func inputPriority(of tid: Int32) -> Int {
        let process = 1
        return Kernel.call(CLINUX_SYS_ioprio_get, process, Int(tid))
    }
}
