// What the kernel says of a single thread, traced or not.

import Glibc

package enum TaskStatus {
    /// It runs no more, even where somebody has yet to ask how it ended.
    package static func hasEnded(_ tid: Int32) -> Bool {
        guard let text = try? Files.read("/proc/\(tid)/stat", limit: 4096), let end = text.lastIndex(of: 41),
            end + 2 < text.count
        else { return true }
        // Z and X
        return text[end + 2] == 90 || text[end + 2] == 88
    }

    /// The process that it belongs to; nil when it is no more.
    package static func process(of tid: Int32) -> Int32? { number("Tgid:", of: tid) }

    /// Who traces it: 0 for nobody, nil when it is no more.
    package static func tracer(of tid: Int32) -> Int32? { number("TracerPid:", of: tid) }

    private static func number(_ key: String, of tid: Int32) -> Int32? {
        guard let text = try? Files.read("/proc/\(tid)/status", limit: 65_536) else { return nil }
        for line in text.split(separator: 10) where line.starts(with: Array(key.utf8)) {
            return Int32(String(decoding: line.dropFirst(key.utf8.count + 1), as: UTF8.self))
        }
        return nil
    }

    /// Which namespace of process numbers it is in; nil when it is no more.
    package static func processNamespace(of tid: Int32) -> String? { try? Files.readLink("/proc/\(tid)/ns/pid") }
}
