// The files of /proc that tell of a process, taken apart.

import Linux

enum ProcFile {
    struct Stat {
        let state: String
        /// As proc(5) numbers them, from one.
        let fields: [Int64]
        subscript(number: Int) -> Int64 { number < fields.count ? fields[number] : 0 }
        func address(_ number: Int) -> UInt64 { UInt64(bitPattern: self[number]) }
    }

    static func stat(of pid: Int32, thread: Int32? = nil) throws(SystemError) -> Stat {
        let path = thread.map { "/proc/\(pid)/task/\($0)/stat" } ?? "/proc/\(pid)/stat"
        return stat(try Files.readText(path, limit: 4096))
    }

    static func stat(_ text: String) -> Stat {
        // The name in brackets may hold anything, also brackets.
        let rest = text[(text.lastIndex(of: ")").map(text.index(after:)) ?? text.endIndex)...]
            .split(whereSeparator: \.isWhitespace)
        var fields: [Int64] = [0, 0, 0, 0]
        fields += rest.dropFirst().map { Int64($0) ?? Int64(bitPattern: UInt64($0) ?? 0) }
        return Stat(state: rest.first.map(String.init) ?? "", fields: fields)
    }

    /// Lines of the form `Key:<tab>value`.
    static func values(_ path: String) throws(SystemError) -> [String: [String]] {
        values(in: try Files.readText(path, limit: 1 << 20))
    }

    static func values(in text: String) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            values[String(line[..<colon]), default: []].append(String(value))
        }
        return values
    }

    /// The last of several numbers: the one in the innermost namespace.
    static func innermost(_ text: String?) -> Int32 {
        text?.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) } ?? 0
    }

    static func link(_ path: String) throws(SystemError) -> String { try Files.readLink(path) }
}
