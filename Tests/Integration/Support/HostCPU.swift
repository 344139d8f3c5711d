// How much CPU the host had to spare while something was measured.

package enum HostCPU {
    /// The CPUs that were idle on average while `body` ran.
    package static func spare(during body: () async throws -> Void) async throws -> Double {
        let before = idleTicks()
        let start = ContinuousClock().now
        try await body()
        let seconds = Double((ContinuousClock().now - start).components.seconds) + 0.5
        return Double(idleTicks() - before) / ticksPerSecond / seconds
    }

    private static let ticksPerSecond = 100.0

    /// Idle and waiting for disks, over all CPUs.
    private static func idleTicks() -> Int {
        guard let bytes = try? HostFiles.read("/proc/stat") else { return 0 }
        let fields = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self).split(separator: " ")
        return fields.count > 5 ? (Int(fields[4]) ?? 0) + (Int(fields[5]) ?? 0) : 0
    }
}
