// Many measurements of one thing, and what is said of them.

import Wire

struct Figures {
    private var sorted: [UInt64]

    init(_ microseconds: [UInt64]) { sorted = microseconds.sorted() }

    var isEmpty: Bool { sorted.isEmpty }
    var median: UInt64 { share(50) }

    /// The smallest that so many percent do not exceed.
    func share(_ percent: Int) -> UInt64 {
        guard !sorted.isEmpty else { return 0 }
        return sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }

    var row: [String] { [share(50), share(90), share(99)].map(String.init) }

    var json: JSON {
        .object([
            ("median_us", .integer(Int64(share(50)))), ("p90_us", .integer(Int64(share(90)))),
            ("p99_us", .integer(Int64(share(99)))), ("least_us", .integer(Int64(sorted.first ?? 0))),
            ("count", .integer(Int64(sorted.count))),
        ])
    }
}
