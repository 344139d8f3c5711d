// The arithmetic of limits: what a sandbox of so much memory gets of everything else. Pure.

import Wire

package struct GroupLimits: Equatable, Sendable {
    package let memoryBytes: UInt64
    /// CPU time per period, both in microseconds.
    package let quotaUS: UInt64
    package let weight: UInt64
    package let shares: UInt64
    package let pids: UInt64
    /// What waits in sockets, where the kernel does not count it as memory: cgroup v1.
    package var socketBytes: UInt64 { memoryBytes / 8 }

    /// The quota of a sandbox that is still on its way up.
    package var boostedQuotaUS: UInt64 { max(quotaUS, Self.periodUS) }

    /// Short, so that a small sandbox is served a little often rather than much seldom.
    package static let periodUS: UInt64 = 20_000
    package static let mostPids: UInt64 = 1024

    /// Of a process of the engine's own: its memory and its number of processes; CPU is not limited.
    init(memoryBytes: UInt64, pids: UInt64) {
        (self.memoryBytes, self.pids) = (memoryBytes, pids)
        (quotaUS, weight, shares) = (0, 0, 0)
    }

    package init(memoryMB: UInt32) {
        let memory = UInt64(memoryMB)
        let oneCPU = UInt64(SandboxRequest.oneCPU)
        memoryBytes = memory << 20
        quotaUS = memory * Self.periodUS / oneCPU
        weight = max(1, memory * 100 / oneCPU)
        shares = max(2, memory * 1024 / oneCPU)
        pids = Self.mostPids
    }
}
