// Pages that are alike are stored once, and every run leads to what it led to before.

import Glibc
import Linux
import Testing

@testable import Snapshot

@Suite struct PageFoldings {
    private let path = "/tmp/martlet-folding-\(getpid())-\(UInt64.random(in: 0..<UInt64.max))"
    private let pages: PageFile

    init() throws {
        let file = try Files.open(path, [.readWrite, .create, .exclusive], mode: 0o600)
        try Files.remove(path)
        pages = PageFile(file)
    }

    /// A page for each letter, which is at its beginning; made as a whole, because tests are not optimised.
    private func bytes(_ letters: some Sequence<UInt16>) -> [UInt8] {
        letters.reduce(into: []) { bytes, letter in
            bytes += [UInt8(truncatingIfNeeded: letter), UInt8(letter >> 8)]
            bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: letter &* 31), count: 4094)
        }
    }

    /// A plan whose mappings have these pages, each as one run.
    private func plan(_ contents: [[UInt16]]) throws -> Plan {
        var plan = Plan()
        var process = ProcessState()
        for (index, letters) in contents.enumerated() {
            var mapping = Mapping()
            mapping.start = UInt64(index + 1) << 32
            mapping.end = mapping.start + UInt64(letters.count) << 12
            let position = try pages.append(bytes(letters)[...])
            mapping.runs = [PageRun(address: mapping.start, pages: UInt64(letters.count), position: position)]
            process.mappings.append(mapping)
        }
        plan.processes = [process]
        return plan
    }

    private func contents(_ mapping: Mapping) throws -> [UInt8] {
        var found: [UInt8] = []
        for run in mapping.runs {
            #expect(run.address == mapping.start + UInt64(found.count), "a run is missing")
            found += try FileRegions.read(pages.raw, at: run.position, count: Int(run.pages) << 12)
        }
        return found
    }

    private func fold(_ letters: [[UInt16]]) throws -> Plan {
        var plan = try plan(letters)
        try pages.fold(&plan)
        for (mapping, letters) in zip(plan.processes[0].mappings, letters) {
            #expect(try contents(mapping) == bytes(letters))
        }
        #expect(plan.storedPages == UInt64(letters.joined().count))
        return plan
    }

    @Test func whatIsThereTwiceIsStoredOnce() throws {
        let row = Array(UInt16(1)...20)
        let plan = try fold([row, [100, 101], row, Array(row[4..<16]) + [102]])
        #expect(pages.size == 23 << 12)
        #expect(plan.processes[0].mappings.map(\.runs.count) == [1, 1, 1, 2])
    }

    @Test func aFewInARowAreLeftAsTheyAre() throws {
        let row = Array(UInt16(1)...UInt16(PageFile.shortestStretch - 1))
        let plan = try fold([row, [100], row])
        #expect(pages.size == UInt64(2 * row.count + 1) << 12)
        #expect(plan.processes[0].mappings.map(\.runs.count) == [1, 1, 1])
    }

    @Test func thePagesOfOneContentAreNoRow() throws {
        _ = try fold([Array(repeating: 7, count: 600)])
        #expect(pages.size == 600 << 12)
    }

    @Test func filesAreFoldedAsWell() throws {
        let row = Array(UInt16(1)...300)
        var plan = try plan([row])
        let last = Array(bytes(row).dropLast(4000))
        let position = try pages.append(last[...])
        var file = OpenFile()
        file.contents = [PageRun(address: 0, pages: 300, position: position)]
        plan.files = [file]
        try pages.fold(&plan)
        // The last page is not whole, and so another.
        #expect(pages.size == 301 << 12)
        var found: [UInt8] = []
        for run in plan.files[0].contents {
            #expect(run.address == UInt64(found.count))
            found += try FileRegions.read(pages.raw, at: run.position, count: Int(run.pages) << 12)
        }
        #expect(Array(found.prefix(last.count)) == last && found.dropFirst(last.count).allSatisfy { $0 == 0 })
    }

    @Test(arguments: 0..<20) func anythingComesBack(_ seed: UInt64) throws {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var letters: [[UInt16]] = []
        for _ in 0..<6 {
            var row: [UInt16] = []
            for _ in 0..<random(6) {
                let first = UInt16(random(40))
                row += (0..<UInt16(random(40))).map { first + $0 }
            }
            if !row.isEmpty { letters.append(row) }
        }
        if !letters.isEmpty { _ = try fold(letters) }
    }
}
