// How much memory the host has left, and whether anybody waits for it, as the kernel tells whoever asks.

import Linux

struct HostMemory: Equatable {
    /// Bytes.
    var total: UInt64 = 1 << 40
    var available: UInt64 = 1 << 40
    /// Of the last ten seconds, in percent.
    var pressure = 0.0

    /// What cannot be read is taken to be in order: a host may have neither file.
    static func read() -> HostMemory {
        HostMemory(
            meminfo: (try? Files.readText("/proc/meminfo")) ?? "",
            pressure: (try? Files.readText("/proc/pressure/memory")) ?? "")
    }

    init() {}

    init(meminfo: String, pressure: String) {
        for line in meminfo.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            guard words.count >= 2, let kilobytes = UInt64(words[1]), kilobytes < 1 << 50 else { continue }
            if words[0] == "MemTotal" { total = kilobytes * 1024 }
            if words[0] == "MemAvailable" { available = kilobytes * 1024 }
        }
        for line in pressure.split(separator: "\n") where line.hasPrefix("some ") {
            for word in line.split(separator: " ") where word.hasPrefix("avg10=") {
                self.pressure = Double(word.dropFirst(6)) ?? 0
            }
        }
    }
}
