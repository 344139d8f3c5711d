// What `martlet bench` has measured, for a person and for a program.

import Environments
import Lambda
import Wire

struct BenchReport {
    let name: String
    let start: StartMode
    let processors: Int
    var interpreter = ""
    var bare: [UInt64] = []
    var whyNoBare: String?
    /// How many events came at once, and how long it took to the last answer, each time.
    var crowd = 0
    var crowds: [UInt64] = []

    private var total: [UInt64] = []
    private var phases: [(name: String, values: [UInt64])] = [
        ("sandbox", []), ("restore", []), ("init", []), ("invoke", []),
    ]
    private var started: [(how: String, count: Int)] = []

    init(name: String, start: StartMode, processors: Int) {
        (self.name, self.start, self.processors) = (name, start, processors)
    }

    mutating func add(_ one: InvocationReport) {
        total.append(one.totalUS)
        let values = [one.phases.sandboxUS, one.phases.restoreUS, one.phases.initUS, one.phases.invokeUS]
        for (index, value) in values.enumerated() { phases[index].values.append(value) }
        let how = one.phases.start.rawValue
        if let index = started.firstIndex(where: { $0.how == how }) {
            started[index].count += 1
        } else {
            started.append((how, 1))
        }
    }

    /// How many times as long the bare start takes.
    private var ratio: Double? {
        let (own, bare) = (Figures(total).median, Figures(self.bare).median)
        return own > 0 && bare > 0 ? Double(bare) / Double(own) : nil
    }

    /// The time to the last answer of a crowd, in times of what as many perfect processors would need.
    private var crowdRatio: Double? {
        let perfect = Double(Figures(total).median) * Double(crowd) / Double(processors)
        return crowds.isEmpty || perfect == 0 ? nil : Double(Figures(crowds).median) / perfect
    }

    var words: String {
        let ways = started.map { "\($0.count) \($0.how)" }.joined(separator: ", ")
        var rows = [["µs", "median", "p90", "p99"], ["client to answer"] + Figures(total).row]
        for (name, values) in phases where values.contains(where: { $0 > 0 }) {
            rows.append(["  \(name)"] + Figures(values).row)
        }
        if !bare.isEmpty { rows.append(["bare \(interpreter)"] + Figures(bare).row) }
        var lines = ["\(name), start \(start.rawValue): \(ways)", Terminal.table(rows, right: [1, 2, 3])]
        if let ratio { lines.append("the bare start takes \(Self.rounded(ratio)) times as long, by the medians") }
        if let whyNoBare { lines.append("nothing to compare with: \(whyNoBare)") }
        if let crowdRatio {
            lines.append(
                """
                \(crowd) at once: the last answer after \(Figures(crowds).median) µs (median of \(crowds.count)), \
                \(Self.rounded(crowdRatio)) times what \(processors) perfect processors would need
                """)
        }
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        var members: [(String, JSON)] = [
            ("function", .text(name)), ("start", .text(start.rawValue)),
            ("started", .object(started.map { ($0.how, .integer(Int64($0.count))) })),
            ("client", Figures(total).json), ("phases", .object(phases.map { ($0.name, Figures($0.values).json) })),
        ]
        if !bare.isEmpty {
            members.append(("bare", .object([("interpreter", .text(interpreter)), ("client", Figures(bare).json)])))
        }
        if let whyNoBare { members.append(("no_bare", .text(whyNoBare))) }
        if let ratio { members.append(("ratio", .number(ratio))) }
        if let crowdRatio {
            members.append(
                (
                    "crowd",
                    .object([
                        ("at_once", .integer(Int64(crowd))), ("last_answer", Figures(crowds).json),
                        ("processors", .integer(Int64(processors))), ("ratio_to_perfect", .number(crowdRatio)),
                    ])
                ))
        }
        return .object(members)
    }

    private static func rounded(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
