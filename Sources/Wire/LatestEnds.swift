// When each sandbox must have come to the end of what it does, as the supervisor tells the warden without a message: a word
// of memory for each, on the monotonic clock in nanoseconds, zero where nothing runs. The supervisor ends by itself what
// takes too long; the warden looks at the words for the case that it does not, and ends the sandbox as a whole.

package enum LatestEnds {
    /// As many as a warden keeps sandboxes.
    package static let count = 4096
    /// The word of a sandbox. No two sandboxes that live at once have numbers with the same one.
    package static func place(of id: UInt32) -> Int { Int(id % UInt32(count)) }
    /// How long after a sandbox's latest end the warden waits for the supervisor to see to it.
    package static let grace: UInt64 = 2_000_000_000
    /// How often the warden looks.
    package static let interval: UInt64 = 1_000_000_000
}
