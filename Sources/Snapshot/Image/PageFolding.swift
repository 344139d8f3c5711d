// Pages of equal content are in an image once, where they come in stretches: what processes have of a common parent, what a
// runtime has twice. Done when the processes run again. A stretch costs a step of the restore wherever it begins, so
// single pages are left as they are.

package import Linux

extension PageFile {
    /// Fewer pages than these in a row are not worth it.
    static let shortestStretch = 8
    private static let chunk = 256

    /// Gives up what is there twice. Positions in the plan are changed to what they are then.
    package func fold(_ plan: inout Plan) throws(SystemError) {
        let count = Int(size >> 12)
        // The last page may not be there to its end yet.
        try FileRegions.setSize(raw, size)
        let firsts = try firstAlike(count)
        var places = [UInt32](repeating: 0, count: count)
        var (index, next) = (0, 0)
        while index < count {
            let repeats = Self.stretch(firsts, from: index)
            let pages = repeats > 0 ? repeats : Self.others(firsts, from: index)
            let bytes = try FileRegions.read(raw, at: UInt64(index) << 12, count: pages << 12)
            var place = next
            if repeats > 0, try isAt(places[Int(firsts[index])], bytes) {
                place = Int(places[Int(firsts[index])])
            } else {
                if next != index { try FileRegions.write(raw, bytes[...], at: UInt64(next) << 12) }
                next += pages
            }
            for offset in 0..<pages { places[index + offset] = UInt32(place + offset) }
            index += pages
        }
        if next == count { return }
        shorten(to: UInt64(next) << 12)
        plan.changeRuns { runs in runs = runs.flatMap { Self.split($0, places) } }
    }

    /// For each page the first one that seems to have the same content.
    private func firstAlike(_ count: Int) throws(SystemError) -> [UInt32] {
        var known: [PageSum.Lanes: UInt32] = [:]
        known.reserveCapacity(count)
        var firsts: [UInt32] = []
        firsts.reserveCapacity(count)
        while firsts.count < count {
            let pages = min(Self.chunk, count - firsts.count)
            let bytes = try FileRegions.read(raw, at: UInt64(firsts.count) << 12, count: pages << 12)
            for page in 0..<pages {
                let number = UInt32(firsts.count)
                let sum = PageSum.lanes(of: bytes[page << 12..<(page + 1) << 12], after: PageSum.start)
                if let first = known[sum] {
                    firsts.append(first)
                } else {
                    known[sum] = number
                    firsts.append(number)
                }
            }
        }
        return firsts
    }

    /// How many pages from there on repeat earlier ones that lie in a row; none when they are too few.
    private static func stretch(_ firsts: [UInt32], from index: Int) -> Int {
        var end = index
        while end < firsts.count, end - index < chunk, firsts[end] < end,
            end == index || firsts[end] == firsts[end - 1] + 1
        { end += 1 }
        return end - index < shortestStretch ? 0 : end - index
    }

    private static func others(_ firsts: [UInt32], from index: Int) -> Int {
        var end = index + 1
        while end < firsts.count, end - index < chunk, stretch(firsts, from: end) == 0 { end += 1 }
        return end - index
    }

    /// That they seem so is not enough: what a program computes may be made to have the same sum.
    private func isAt(_ place: UInt32, _ bytes: [UInt8]) throws(SystemError) -> Bool {
        try FileRegions.read(raw, at: UInt64(place) << 12, count: bytes.count) == bytes
    }

    private static func split(_ run: PageRun, _ places: [UInt32]) -> [PageRun] {
        var runs: [PageRun] = []
        for offset in 0..<run.pages {
            let position = UInt64(places[Int(run.position >> 12 + offset)]) << 12
            if let last = runs.last, last.position + last.pages << 12 == position {
                runs[runs.count - 1].pages += 1
            } else {
                runs.append(PageRun(address: run.address + offset << 12, pages: 1, position: position))
            }
        }
        return runs
    }
}

extension Plan {
    /// All lists of pages that are in the image, one after the other.
    fileprivate mutating func changeRuns(_ change: (inout [PageRun]) -> Void) {
        for process in processes.indices {
            for mapping in processes[process].mappings.indices { change(&processes[process].mappings[mapping].runs) }
        }
        for file in files.indices { change(&files[file].contents) }
        for entry in entries.indices { change(&entries[entry].contents) }
    }

    /// How many pages there are when each is counted wherever it belongs.
    var storedPages: UInt64 {
        var plan = self
        var pages: UInt64 = 0
        plan.changeRuns { runs in pages += runs.reduce(0) { $0 + $1.pages } }
        return pages
    }
}
