// A line on a terminal while something takes longer than a second; gone again when that is over. Whoever waits calls
// `tick` now and then: there is no thread behind it.

import Glibc
import Linux

struct Progress {
    private let what: String
    private let begun = Clock.now
    private var shownAt: UInt64 = 0
    private let isWanted = isatty(2) == 1

    private static let patience: UInt64 = 1_000_000_000

    /// - Parameter what: "waiting for hello"
    init(_ what: String) { self.what = what }

    /// - Parameter done: how much of it is done, in percent, where that is known
    mutating func tick(done: Int? = nil) {
        let now = Clock.now
        guard isWanted, now - begun >= Self.patience, now - shownAt >= Self.patience / 4 else { return }
        shownAt = now
        let share = done.map { ", \($0) %" } ?? ""
        Terminal.rewrite("\(what)\(share), \((now - begun) / Self.patience) s")
    }

    mutating func end() {
        if shownAt > 0 { Terminal.rewrite("") }
        shownAt = 0
    }
}
