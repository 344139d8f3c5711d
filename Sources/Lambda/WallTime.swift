// A point in time as logs write it, of the proleptic Gregorian calendar, in UTC.

package struct WallTime: Equatable, Sendable {
    /// Since 1970.
    package let milliseconds: UInt64

    package init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    /// `2026-01-31`
    package var date: String {
        let (year, month, day) = Self.civil(days: Int(milliseconds / 86_400_000))
        return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
    }

    /// `2026-01-31T23:59:59.123Z`
    package var iso: String {
        let rest = Int(milliseconds % 86_400_000)
        let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60)
        let (seconds, thousandths) = (rest / 1000 % 60, rest % 1000)
        return """
            \(date)T\(Self.padded(hours, 2)):\(Self.padded(minutes, 2)):\(Self.padded(seconds, 2)).\
            \(Self.padded(thousandths, 3))Z
            """
    }

    /// Days since 1970 to a date: counted from the first of March of year 0, so that leap days come last.
    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let (era, dayOfEra) = (shifted / 146_097, shifted % 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return text.utf8.count >= width ? text : String(repeating: "0", count: width - text.utf8.count) + text
    }
}
