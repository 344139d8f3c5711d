// Eight bytes at once. Scanning text, checksums and unpacking are several times faster over words than over bytes,
// and the standard library counts every such load as unsafe: this is the one place that makes it.

extension Span where Element == UInt8 {
    /// The eight bytes from `position`, the first of them lowest.
    @inlinable
    @inline(__always)
    package func word(at position: Int) -> UInt64 {
        precondition(position >= 0 && position &+ 8 <= count, "a word beyond the bytes")
        // Safe: the bounds are checked above, any bits are a UInt64, and the load asks for no alignment.
        return unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
}
