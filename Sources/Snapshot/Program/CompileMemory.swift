// The steps that leave a process with the memory that it had, and nothing else.

import Glibc
import Wire

extension Compiler {
    private static let fixed: UInt64 = 0x10, isPrivate: UInt64 = 2, isShared: UInt64 = 1, anonymous: UInt64 = 0x20
    private static let growsDown: UInt64 = 0x100, noReserve: UInt64 = 0x4000

    /// What the first process has from the template already: it is there because pid 1 has it.
    static func isInherited(_ mapping: Mapping) -> Bool {
        switch mapping.kind {
        case .anonymous, .file: true
        default: false
        }
    }

    /// Leaves what the first process has from the template, and nothing of pid 1's.
    mutating func giveUpMemory(_ state: ProcessState, isFirst: Bool) {
        clearMemory(state, isFirst: isFirst)
        placeKernelPages(state)
        // What shall not be inherited has been, until here: V8 has all of its heap like that.
        for mapping in state.mappings
        where isFirst && Self.isInherited(mapping) && mapping.has(Mapping.keptFromChildren) {
            program.add(
                "keep from children", Call.madvise, .number(mapping.start), .number(mapping.range.count),
                .number(Self.keepFromChildren))
        }
    }

    /// Gives up all memory that is pid 1's own. The kernel's pages are moved aside before.
    private mutating func clearMemory(_ state: ProcessState, isFirst: Bool) {
        for index in state.kernelMappings.indices {
            let place = layout.park.lowerBound + UInt64(index) * 4 * Layout.page
            program.add(
                "put a page of the kernel's aside", Call.mremap, .parameter(Parameter.kernelPages + 2 * index),
                .parameter(Parameter.kernelPages + 2 * index + 1), .parameter(Parameter.kernelPages + 2 * index + 1),
                .value(3), .number(place))
        }
        var kept = isFirst ? state.mappings.filter(Self.isInherited).map(\.range) : []
        kept.append(layout.base..<layout.end)
        kept.sort { $0.lowerBound < $1.lowerBound }
        var start: UInt64 = 0x10000
        for range in kept + [Mapping.top..<Mapping.top] {
            if range.lowerBound > start {
                program.add("give memory up", Call.munmap, .number(start), .number(range.lowerBound - start))
            }
            start = max(start, range.upperBound)
        }
    }

    private mutating func placeKernelPages(_ state: ProcessState) {
        for (index, page) in state.kernelMappings.enumerated() {
            let place = layout.park.lowerBound + UInt64(index) * 4 * Layout.page
            program.add(
                "place \(page.path)", Call.mremap, .number(place), .number(page.range.count), .number(page.range.count),
                .value(3), .number(page.start))
        }
    }

    /// Makes what was not inherited.
    mutating func fillMemory(_ state: ProcessState, isFirst: Bool) throws(Refusal) {
        for mapping in state.mappings where !isFirst || !Self.isInherited(mapping) {
            try make(mapping)
        }
        for mapping in state.mappings where mapping.has(Mapping.locked) {
            program.add("lock memory", Call.mlock, .number(mapping.start), .number(mapping.range.count), mayFail: true)
        }
    }

    /// Copies of what will be written to, in few calls instead of one interruption for each page.
    mutating func prefault(_ state: ProcessState) {
        let writable = state.mappings.filter { Self.isInherited($0) && $0.protection & 2 != 0 }
        for run in touched where writable.contains(where: { $0.start <= run.address && run.range.upperBound <= $0.end })
        {
            program.add(
                "copy pages ahead", Call.madvise, .number(run.address), .number(run.pages << 12), .value(23),
                mayFail: true)
        }
    }

    private mutating func make(_ mapping: Mapping) throws(Refusal) {
        let protection = UInt64(mapping.protection)
        var flags = Self.fixed
        let isFilled = !mapping.runs.isEmpty
        let early = isFilled ? protection | 2 : protection
        let range = (Argument.number(mapping.start), Argument.number(mapping.range.count))
        switch mapping.kind {
        case .kernel: return
        case .anonymous:
            flags |= Self.isPrivate | Self.anonymous
            if mapping.has(Mapping.growsDown) { flags |= Self.growsDown }
            if mapping.has(Mapping.reservesNothing) { flags |= Self.noReserve }
            program.add("map memory", Call.mmap, range.0, range.1, .value(early), .value(flags), .number(-1), .value(0))
        case .file, .ownFile:
            flags |= mapping.has(Mapping.seenByAll) ? Self.isShared : Self.isPrivate
            let slot = program.newSlot()
            program.add(
                "open ", Call.openat, .number(-100), .data(program.put(mapping.path)), .value(0),
                .value(0), into: slot)
            program.add(
                "map a file", Call.mmap, range.0, range.1, .value(early), .value(flags), .slot(slot),
                .number(mapping.offset))
            program.add("close a file", Call.close, .slot(slot))
            program.giveUp(slot)
        case .shared:
            guard let slot = lifted[Int(mapping.file)] else {
                throw Refusal(.snapshot, "a shared mapping has no file")
            }
            flags |= Self.isShared
            program.add(
                "map shared memory", Call.mmap, range.0, range.1, .value(protection), .value(flags), .slot(slot),
                .number(mapping.offset))
        }
        for run in mapping.runs {
            program.add(
                "fill memory", Call.pread, .number(Self.pagesDescriptor), .number(run.address),
                .number(run.pages << 12),
                .number(run.position))
        }
        if early != protection { program.add("protect memory", Call.mprotect, range.0, range.1, .value(protection)) }
        for advice in Self.advice(for: mapping) {
            program.add("advise on memory", Call.madvise, range.0, range.1, .number(advice), mayFail: true)
        }
    }

    /// MADV_DONTFORK
    static let keepFromChildren = 10

    /// What the kernel is told about a mapping, beside its protection.
    static func advice(for mapping: Mapping) -> [Int] {
        var all: [Int] = []
        if mapping.has(Mapping.wipedOnFork) { all.append(18) }
        if mapping.has(Mapping.keptFromChildren) { all.append(keepFromChildren) }
        if mapping.has(Mapping.leftOutOfDumps) { all.append(16) }
        if mapping.has(Mapping.mergeable) { all.append(12) }
        if mapping.has(Mapping.huge) { all.append(14) }
        if mapping.has(Mapping.notHuge) { all.append(15) }
        return all
    }
}
