// The memory of a stopped process: which pages cannot be had from anywhere else, and a copy of those.

import Glibc
import Linux
import Wire

extension Capture {
    func captureMappings(of stopped: StoppedProcess, _ state: inout ProcessState) throws {
        var lines: [MappingLine] = []
        for line in try MemoryMap.read(of: stopped.pid, most: spending.left(.mappings)) where line.name != "[vsyscall]"
        {
            if line.name == "[vdso]" || line.name.hasPrefix("[vvar") {
                var page = line.mapping
                (page.kind, page.path) = (.kernel, line.name)
                state.kernelMappings.append(page)
            } else {
                lines.append(line)
            }
        }
        try spending.take(.mappings, lines.count)
        self.lines[stopped.pid] = lines
    }

    func captureMemory(of stopped: StoppedProcess, _ state: inout ProcessState) throws {
        let memory = try OtherProcess(stopped.pid)
        let pages = try Files.open("/proc/\(stopped.pid)/pagemap")
        for line in lines[stopped.pid] ?? [] {
            var mapping = try classify(line, of: stopped.pid)
            if line.hasPages, mapping.kind != .shared, !mapping.has(Mapping.wipedOnFork) {
                let onlyWritten = mapping.kind == .file || mapping.kind == .ownFile
                try copy(&mapping, from: memory, pages, onlyWritten: onlyWritten)
            }
            state.mappings.append(mapping)
        }
    }

    private func classify(_ line: MappingLine, of pid: Int32) throws -> Mapping {
        var mapping = line.mapping
        let name = line.name
        if line.flags.contains("ht") { throw Refusal(.snapshot, "it uses huge pages of its own (hugetlbfs)") }
        if line.flags.contains("io") || line.flags.contains("pf") {
            throw Refusal(.snapshot, "it has mapped a device (\(name))")
        }
        guard name.hasPrefix("/") else {
            if line.isShared { throw Refusal(.snapshot, "it shares memory of an unknown kind (\(name))") }
            mapping.offset = 0
            return mapping
        }
        if name.hasPrefix("/SYSV") { throw Refusal(.snapshot, "it uses shared memory of System V (shmat)") }
        let link = "/proc/\(pid)/map_files/\(Self.hex(mapping.start))-\(Self.hex(mapping.end))"
        let isGone = name.hasSuffix(" (deleted)")
        if line.isShared, isGone || Self.isOwn(name) {
            mapping.kind = .shared
            mapping.file = try sharedFile(link, name, line.flags.contains("mw"))
            return mapping
        }
        if isGone || name == "/dev/zero" {
            // A private mapping of a file without a name, or of nothing: all of it is copied.
            mapping.offset = 0
            return mapping
        }
        mapping.kind = Self.isOwn(name) ? .ownFile : .file
        mapping.path = name
        if line.isShared { mapping.flags |= Mapping.seenByAll }
        let details = try FileDetails(of: try Files.open(link, .nameOnly))
        (mapping.fileSize, mapping.fileTime) = (details.size, details.modifiedSeconds)
        return mapping
    }

    /// Below these a sandbox has files of its own.
    static func isOwn(_ path: String) -> Bool { path.hasPrefix("/tmp/") || path.hasPrefix("/dev/shm/") }

    static func hex(_ value: UInt64) -> String { String(value, radix: 16) }

    // MARK: pages

    private static let chunk = 256
    /// Pages of a run: the kernel reads no more than two gigabytes at once.
    private static let longestRun: UInt64 = 1 << 18

    private func copy(
        _ mapping: inout Mapping, from memory: borrowing OtherProcess, _ pagemap: borrowing FileDescriptor,
        onlyWritten: Bool
    ) throws(SystemError) {
        var wanted: Range<UInt64>?
        var address = mapping.start
        while address < mapping.end {
            let count = min(65_536, (mapping.end - address) >> 12)
            let entries = try FileRegions.read(pagemap.raw, at: address >> 12 * 8, count: Int(count) * 8)
            guard entries.count == Int(count) * 8 else {
                throw SystemError(call: "read", subject: "the pages of a process that has ended", code: ESRCH)
            }
            for page in 0..<Int(count) {
                let top = entries[page * 8 + 7]
                // Present or swapped out; and not a page of the file, where only those that were written to count.
                let isThere = top & 0xc0 != 0 && !(onlyWritten && top & 0x20 != 0)
                let place = address + UInt64(page) << 12
                if isThere, let open = wanted, open.upperBound == place, open.count < Self.chunk << 12 {
                    wanted = open.lowerBound..<place + 4096
                } else {
                    if let open = wanted { try copy(open, &mapping, memory) }
                    wanted = isThere ? place..<place + 4096 : nil
                }
            }
            address += count << 12
        }
        if let open = wanted { try copy(open, &mapping, memory) }
    }

    private func copy(
        _ range: Range<UInt64>, _ mapping: inout Mapping, _ memory: borrowing OtherProcess
    ) throws(SystemError) {
        let bytes = try memory.read(range.lowerBound, count: range.count)
        var first: Int?
        let count = range.count >> 12
        for page in 0...count {
            if page < count, !Pages.isZero(bytes, page) {
                first = first ?? page
            } else if let begin = first {
                let position = try pages.append(bytes[begin << 12..<page << 12])
                let address = range.lowerBound + UInt64(begin) << 12
                if let last = mapping.runs.last, last.range.upperBound == address,
                    last.position + last.pages << 12 == position, last.pages < Self.longestRun
                {
                    mapping.runs[mapping.runs.count - 1].pages += UInt64(page - begin)
                } else {
                    mapping.runs.append(PageRun(address: address, pages: UInt64(page - begin), position: position))
                }
                first = nil
            }
        }
    }
}

enum Pages {
    static func isZero(_ bytes: [UInt8], _ page: Int) -> Bool {
        unsafe bytes.withUnsafeBytes { buffer in
            for offset in stride(from: page << 12, to: (page + 1) << 12, by: 8)
            where unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 {
                return false
            }
            return true
        }
    }
}
