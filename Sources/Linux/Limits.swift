// Resource limits of a process. Lowering one needs no privilege, and a hard limit is never raised here.

internal import CLinux

package enum ResourceLimit: Int32, Sendable {
    case coreFile = 4
    case processes = 6
    case openFiles = 7
    case lockedMemory = 8
    case pendingSignals = 11
    case messageQueues = 12
    case nicePriority = 13
    case realTimePriority = 14

    /// Sets the soft and the hard limit, or as much of them as the hard limit of today allows.
    package func lower(to value: UInt64) throws(SystemError) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try Kernel.check(unsafe clinux_prlimit_get(rawValue, &soft, &hard), "prlimit")
        let new = min(value, hard)
        try Kernel.check(clinux_prlimit_set(rawValue, new, new), "prlimit", "\(self)=\(new)")
    }

    /// What this process may have at most, now.
    package var current: UInt64 {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        let result = unsafe clinux_prlimit_get(rawValue, &soft, &hard)
        return result < 0 ? 0 : soft
    }

    /// Uses all that the hard limit allows.
    package func useAll() throws(SystemError) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try Kernel.check(unsafe clinux_prlimit_get(rawValue, &soft, &hard), "prlimit")
        try Kernel.check(clinux_prlimit_set(rawValue, hard, hard), "prlimit", "\(self)=\(hard)")
    }
}
