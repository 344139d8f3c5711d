// Words for a person: results on standard output, everything else on standard error, each line in one write.

import Glibc
import Linux
import Wire

enum Terminal {
    static func print(_ text: String) { write(text + "\n", to: 1) }
    static func note(_ text: String) { write(text + "\n", to: 2) }
    /// What others have said moves no cursor. Lines are those that we have written.
    static func complain(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
        note("martlet: " + lines.joined(separator: "\n"))
    }

    /// Replaces the line on which the cursor stands.
    static func rewrite(_ line: String) { write("\r\u{1b}[K" + line, to: 2) }

    static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8)[...], to: descriptor) }

    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A standard stream that cannot be written to is the caller's choice.
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Columns as wide as their longest cell, two spaces apart; numbers to the right.
    static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                if index == row.count - 1, !right.contains(index) { return cell }
                return right.contains(index) ? padding + cell : cell + padding
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
