// The table of a process's mappings, as /proc/PID/smaps has it. Works on bytes: the process stands still meanwhile.

import Glibc
import Linux
import Wire

struct MappingLine {
    var mapping = Mapping()
    var isShared = false
    var name = ""
    /// Whether any page of it is in memory or swapped out.
    var hasPages = false
    var flags: [Substring] = []
}

enum MemoryMap {
    /// What is told of a mapping, with a path.
    private static let longestEntry = 2048

    /// - Parameter most: of mappings; whether there are more is for the caller to see
    static func read(of pid: Int32, most: Int) throws -> [MappingLine] {
        do throws(SystemError) {
            return parse(try Files.read("/proc/\(pid)/smaps", limit: (most + 16) * longestEntry))
        } catch {
            guard error.code == EFBIG else { throw error }
            throw Refusal(.snapshot, "the table of its mappings is longer than that of \(most) mappings")
        }
    }

    static func parse(_ bytes: [UInt8]) -> [MappingLine] {
        var lines: [MappingLine] = []
        for line in bytes.split(separator: 10) {
            // A mapping begins with an address, everything about it with a capital.
            if let first = line.first, first >= 48 && first <= 57 || first >= 97 && first <= 102 {
                if let header = header(line) { lines.append(header) }
            } else if !lines.isEmpty {
                detail(line, &lines[lines.count - 1])
            }
        }
        return lines
    }

    private static func header(_ line: ArraySlice<UInt8>) -> MappingLine? {
        // 7f00-7f01 r-xp 00001000 08:01 1234      /usr/lib/x
        var result = MappingLine()
        let fields = line.split(separator: 32, maxSplits: 5, omittingEmptySubsequences: true)
        let range = fields[0].split(separator: 45)
        guard fields.count > 4, range.count == 2, fields[1].count == 4 else { return nil }
        result.mapping.start = hexadecimal(range[0])
        result.mapping.end = hexadecimal(range[1])
        let rights = Array(fields[1])
        for (index, bit) in zip(0..., [1, 2, 4] as [UInt8]) where rights[index] != 45 {
            result.mapping.protection |= bit
        }
        result.isShared = rights[3] == 115
        result.mapping.offset = hexadecimal(fields[2])
        if fields.count > 5 { result.name = String(decoding: fields[5].drop { $0 == 32 }, as: UTF8.self) }
        return result
    }

    private static func detail(_ line: ArraySlice<UInt8>, _ last: inout MappingLine) {
        if line.starts(with: Array("Rss:".utf8)) || line.starts(with: Array("Swap:".utf8)) {
            if line.contains(where: { $0 >= 49 && $0 <= 57 }) { last.hasPages = true }
        } else if line.starts(with: Array("VmFlags:".utf8)) {
            last.flags = String(decoding: line.dropFirst(8), as: UTF8.self).split(separator: " ")
            for (flag, meaning) in meanings where last.flags.contains(flag) { last.mapping.flags |= meaning }
        }
    }

    private static let meanings: [(Substring, UInt32)] = [
        ("gd", Mapping.growsDown), ("wf", Mapping.wipedOnFork), ("dc", Mapping.keptFromChildren),
        ("dd", Mapping.leftOutOfDumps), ("lo", Mapping.locked), ("hg", Mapping.huge), ("nh", Mapping.notHuge),
        ("mg", Mapping.mergeable), ("nr", Mapping.reservesNothing), ("dp", Mapping.wipedOnFork),
    ]

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64 {
        digits.reduce(0) { $0 << 4 | (UInt64($1 & 15) + ($1 >= 97 ? 9 : 0)) }
    }
}
