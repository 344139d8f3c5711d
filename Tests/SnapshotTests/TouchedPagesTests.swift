// The hint of which pages a first event uses: it comes back, and what is wrong in any way is no hint.

import Archive
import Testing
import Wire

@testable import Snapshot

@Suite struct TouchedPagesFiles {
    private static let sample: TouchedPages = {
        var pages = TouchedPages()
        pages.written = [
            PageRun(address: 0x5555_0000_0000, pages: 3, position: 0), PageRun(address: 0x7000, pages: 1, position: 0),
        ]
        pages.read = [PageRun(address: 0x7f00_0000_0000, pages: 16, position: 0)]
        return pages
    }()

    /// With the digest that belongs to it.
    private static func sealed(_ words: [UInt32], _ runs: [(UInt64, UInt64)] = [], more: [UInt8] = []) -> [UInt8] {
        let body =
            words.flatMap(Sample.bytes) + runs.flatMap { Sample.bytes($0.0) + Sample.bytes($0.1) } + more
        return body + SHA256.digest(of: body)
    }

    private static let magic: UInt32 = 0x5443_4831

    @Test func comeBackAsTheyWent() throws {
        let decoded = try #require(TouchedPages(decoding: Self.sample.encoded()))
        #expect("\(decoded)" == "\(Self.sample)")
        let empty = try #require(TouchedPages(decoding: TouchedPages().encoded()))
        #expect(empty.written.isEmpty && empty.read.isEmpty)
    }

    @Test func everyTruncationIsNone() {
        let whole = Self.sample.encoded()
        for count in 0..<whole.count { #expect(TouchedPages(decoding: Array(whole[..<count])) == nil, "\(count)") }
    }

    @Test func everyFlippedBitIsNone() {
        let whole = Self.sample.encoded()
        for place in whole.indices {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            #expect(TouchedPages(decoding: bytes) == nil, "\(place)")
        }
    }

    @Test func whatIsHostileWithARightDigestIsNone() {
        #expect(TouchedPages(decoding: Self.sealed([Self.magic, 0, 0])) != nil)
        let hostile = [
            Self.sealed([Self.magic + 1, 0, 0]),
            Self.sealed([Self.magic, 0]),
            Self.sealed([Self.magic, 0, 0], more: [0]),
            Self.sealed([Self.magic, 4097]),
            Self.sealed([Self.magic, .max]),
            Self.sealed([Self.magic, 0, 1]),
            Self.sealed([Self.magic, 1], [(0x7fff_ffff_f000, 1)], more: [0, 0, 0, 0]),
            Self.sealed([Self.magic, 1], [(.max, 1)], more: [0, 0, 0, 0]),
            Self.sealed([Self.magic, 1], [(0x1000, 1 << 20)], more: [0, 0, 0, 0]),
            Self.sealed([Self.magic, 1], [(0x1000, .max)], more: [0, 0, 0, 0]),
        ]
        for (index, bytes) in hostile.enumerated() { #expect(TouchedPages(decoding: bytes) == nil, "\(index)") }
    }

    @Test func pagesThatLieTogetherAreOneRun() {
        var runs: [PageRun] = []
        for address in [0x1000, 0x2000, 0x4000, 0x9000] as [UInt64] {
            TouchedPages.add(address, to: &runs, gap: 1, within: 0x1000)
        }
        #expect(runs.map(\.address) == [0x1000, 0x9000] && runs.map(\.pages) == [4, 1])
        // Not across the start of a mapping.
        TouchedPages.add(0xa000, to: &runs, gap: 1, within: 0xa000)
        #expect(runs.map(\.address) == [0x1000, 0x9000, 0xa000])
    }

    /// What is only a hint is followed no further than it goes: nothing but whole runs inside what may be written to.
    @Test func aHintOutsideTheMappingsIsNotFollowed() throws {
        var compiler = Compiler(Sample.plan, try Layout(Sample.plan), Sample.inside)
        compiler.touched = [
            PageRun(address: Sample.start, pages: 2, position: 0), PageRun(address: Sample.end, pages: 1, position: 0),
            PageRun(address: Sample.end - 4096, pages: 2, position: 0),
            PageRun(address: 0x5555_2222_2000, pages: 1, position: 0),
        ]
        let steps = try compiler.compile().program.steps.filter { $0.words == "copy pages ahead" }
        #expect(steps.count == 1)
        #expect(steps.allSatisfy { $0.kind == .attempt })
    }
}
