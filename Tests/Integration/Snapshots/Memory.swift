// The memory of another process, as root sees it.

import Glibc
import IntegrationSupport
import Linux

struct Memory {
    struct Region: Hashable, CustomStringConvertible {
        let range: Range<UInt64>
        let rights: String
        let name: String
        var place: String {
            "\(String(range.lowerBound, radix: 16))-\(String(range.upperBound, radix: 16)) \(rights)"
        }
        var description: String { "\(place) \(name)" }
    }

    let pid: Int32
    let regions: Set<Region>

    /// Without the names of files.
    var places: Set<String> { Set(regions.map(\.place)) }

    init(of pid: Int32) throws {
        self.pid = pid
        var all: Set<Region> = []
        for line in (HostProcesses.text("/proc/\(pid)/maps") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5)
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            let name = fields.count > 5 ? String(fields[5].drop { $0 == " " }) : ""
            if name == "[vsyscall]" { continue }
            all.insert(Region(range: ends[0]..<ends[1], rights: String(fields[1]), name: name))
        }
        guard !all.isEmpty else { throw Program.Failure(description: "process \(pid) has no memory") }
        regions = all
    }

    func bytes(at address: UInt64, count: Int) throws -> [UInt8] {
        let memory = try Files.open("/proc/\(pid)/mem")
        return try FileRegions.read(memory.raw, at: address, count: count, named: "memory")
    }

    /// Where these bytes stand, in all that can be read; at most a hundred places.
    func places(of word: [UInt8]) throws -> [UInt64] {
        var found: [UInt64] = []
        for region in regions where region.rights.hasPrefix("r") && !region.name.hasPrefix("[vv") {
            for start in stride(from: region.range.lowerBound, to: region.range.upperBound, by: 1 << 20) {
                let count = Int(min(region.range.upperBound, start + 1 << 20 + UInt64(word.count)) - start)
                guard let bytes = try? bytes(at: start, count: min(count, 1 << 20 + word.count)) else { continue }
                found += Self.places(of: word, in: bytes).map { start + UInt64($0) }
                if found.count > 100 { return found }
            }
        }
        return Array(Set(found))
    }

    func finds(_ word: [UInt8]) throws -> Bool { try !places(of: word).isEmpty }

    private static func places(of word: [UInt8], in bytes: [UInt8]) -> [Int] {
        var found: [Int] = []
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe word.withUnsafeBytes { word in
                guard let start = buffer.baseAddress, let wanted = word.baseAddress else { return }
                var place = 0
                while place + word.count <= buffer.count,
                    let hit = unsafe memchr(start + place, Int32(word[0]), buffer.count - place - word.count + 1)
                {
                    place = unsafe start.distance(to: UnsafeRawPointer(hit))
                    if unsafe memcmp(hit, wanted, word.count) == 0 { found.append(place) }
                    place += 1
                }
            }
        }
        return found
    }
}
