// Which pages of a clone its first event has used. Those that it wrote to are copied in one go for later clones, and those
// of files that it read are in the template's tables of pages, which every clone inherits: both cost less than to be
// interrupted for each. Only a hint: what is wrong in it costs time or memory, and no more.

import Archive
import Wire

package struct TouchedPages: Sendable {
    var written: [PageRun] = []
    var read: [PageRun] = []

    package static let longest = 1 << 20
    static let most = 4096
    private static let magic: UInt32 = 0x5443_4831

    init() {}

    package func encoded() -> [UInt8] {
        var encoder = Encoder()
        encoder.put(Self.magic)
        for runs in [written, read] {
            encoder.put(UInt32(runs.count))
            for run in runs {
                encoder.put(run.address)
                encoder.put(run.pages)
            }
        }
        return encoder.bytes + SHA256.digest(of: encoder.bytes)
    }

    package init?(decoding bytes: [UInt8]) {
        guard bytes.count > 32, SHA256.digest(of: Array(bytes.dropLast(32))) == Array(bytes.suffix(32)) else {
            return nil
        }
        var decoder = Decoder(Array(bytes.dropLast(32)))
        do throws(DecodingError) {
            guard try decoder.integer(UInt32.self) == Self.magic else { return nil }
            written = try Self.runs(&decoder)
            read = try Self.runs(&decoder)
            try decoder.finish()
        } catch {
            return nil
        }
    }

    private static func runs(_ decoder: inout Decoder) throws(DecodingError) -> [PageRun] {
        let count = Int(try decoder.integer(UInt32.self))
        guard count <= most else { throw .tooMany(count) }
        var runs: [PageRun] = []
        for _ in 0..<count {
            let run = PageRun(address: try decoder.integer(), pages: try decoder.integer(), position: 0)
            guard run.address < Mapping.top, run.pages < 1 << 20 else { throw .outOfRange }
            runs.append(run)
        }
        return runs
    }

    /// Adds a page behind the last ones, together with a few in between that are not worth a run of their own.
    static func add(_ address: UInt64, to runs: inout [PageRun], gap: UInt64, within start: UInt64) {
        if let last = runs.last, last.address >= start, address <= last.range.upperBound + gap << 12 {
            runs[runs.count - 1].pages = (address - last.address) >> 12 + 1
        } else {
            runs.append(PageRun(address: address, pages: 1, position: 0))
        }
    }
}
