// What the supervisor says about itself, to its operator: lines on standard error, for people or as JSON.

import Lambda
import Linux
import Wire

package struct Logger: Sendable {
    package enum Format: String, CaseIterable, Sendable {
        case text, json
        /// Nothing but what is wrong.
        case quiet
    }

    let format: Format

    package init(_ format: Format) { self.format = format }

    func note(_ message: String, _ details: [(String, String)] = []) {
        if format != .quiet { write("info", message, details) }
    }

    func complain(_ message: String, _ details: [(String, String)] = []) { write("error", message, details) }

    private func write(_ level: String, _ message: String, _ details: [(String, String)]) {
        let time = WallTime(milliseconds: Clock.wallMilliseconds).iso
        let line: String
        switch format {
        case .json:
            line =
                JSON.object(
                    [("time", .text(time)), ("level", .text(level)), ("message", .text(message))]
                        + details.map { ($0.0, .text($0.1)) }
                ).line
        case .text, .quiet:
            // Reasons may have names in them that a function has chosen.
            let words = details.map { "\($0.0)=\($0.1.printable)" }
            line = ([time, level == "info" ? message : "\(level): \(message)"] + words).joined(separator: " ")
        }
        try? Files.write(Array((line + "\n").utf8), to: 2, named: "standard error")
    }
}
