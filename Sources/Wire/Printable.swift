// Words that somebody untrusted may have had a hand in, on their way to a terminal or into a log.

extension String {
    /// The same with spaces for whatever would begin a new line or move a terminal's cursor: what is below a space, and the
    /// same once more above 127.
    package var printable: String {
        if utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) { return self }
        return String(UnicodeScalarView(unicodeScalars.map { Self.moves($0) ? " " : $0 }))
    }

    private static func moves(_ scalar: UnicodeScalar) -> Bool {
        scalar.value < 32 || scalar.value >= 127 && scalar.value < 160
    }
}
