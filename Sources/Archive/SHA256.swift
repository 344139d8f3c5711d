// SHA-256 of FIPS 180-4: the digest that names code, as AWS's CodeSha256 does. Not for secrets: no care is taken that
// the time it needs tells nothing.

import Wire

package struct SHA256 {
    private typealias Words = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)

    private var state: Words = (
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19
    )
    private var count: UInt64 = 0
    /// Less than a block, until there is one.
    private var rest: [UInt8] = []

    package init() {}

    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes.span)
        return hash.finish()
    }

    package mutating func update(_ bytes: ArraySlice<UInt8>) { update(bytes.span) }

    package mutating func update(_ bytes: Span<UInt8>) {
        count += UInt64(bytes.count)
        var position = 0
        if !rest.isEmpty {
            while rest.count < 64, position < bytes.count {
                rest.append(bytes[position])
                position += 1
            }
            guard rest.count == 64 else { return }
            let block = rest
            compress(block.span, at: 0)
            rest.removeAll(keepingCapacity: true)
        }
        while position &+ 64 <= bytes.count {
            compress(bytes, at: position)
            position &+= 64
        }
        while position < bytes.count {
            rest.append(bytes[position])
            position += 1
        }
    }

    /// The digest, 32 bytes, of all that was given.
    package consuming func finish() -> [UInt8] {
        let bits = count * 8
        // A one bit, zeros to the end of a block, and there the length.
        var last = rest + [0x80]
        while last.count % 64 != 56 { last.append(0) }
        for place in 0..<8 { last.append(UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64(place)))) }
        for start in stride(from: 0, to: last.count, by: 64) { compress(last.span, at: start) }
        let words = [state.0, state.1, state.2, state.3, state.4, state.5, state.6, state.7]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * UInt32($0))) } }
    }

    private mutating func compress(_ bytes: Span<UInt8>, at start: Int) {
        let constants = Self.constants
        let steps = constants.span
        var (a, b, c, d, e, f, g, h) = state
        // The last sixteen words of the schedule, in a ring.
        var words = InlineArray<16, UInt32>(repeating: 0)
        var ring = words.mutableSpan
        for pair in 0..<8 {
            let word = bytes.word(at: start &+ pair &* 8).byteSwapped
            ring[pair &* 2] = UInt32(truncatingIfNeeded: word >> 32)
            ring[pair &* 2 &+ 1] = UInt32(truncatingIfNeeded: word)
        }
        for step in 0..<64 {
            let place = step & 15
            if step >= 16 {
                let early = ring[(place &+ 1) & 15]
                let late = ring[(place &+ 14) & 15]
                let sigma0 = early.turned(7) ^ early.turned(18) ^ early >> 3
                let sigma1 = late.turned(17) ^ late.turned(19) ^ late >> 10
                ring[place] = ring[place] &+ sigma0 &+ ring[(place &+ 9) & 15] &+ sigma1
            }
            let sum1 = e.turned(6) ^ e.turned(11) ^ e.turned(25)
            let first = h &+ sum1 &+ (g ^ e & (f ^ g)) &+ steps[step] &+ ring[place]
            let sum0 = a.turned(2) ^ a.turned(13) ^ a.turned(22)
            let second = sum0 &+ (a & b | c & (a | b))
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        state.0 &+= a
        state.1 &+= b
        state.2 &+= c
        state.3 &+= d
        state.4 &+= e
        state.5 &+= f
        state.6 &+= g
        state.7 &+= h
    }

    /// The fractions of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}

extension UInt32 {
    @inline(__always)
    fileprivate func turned(_ bits: UInt32) -> UInt32 { self &>> bits | self &<< (32 &- bits) }
}
