// The form of a row in the profile of system calls (SystemCallsAllowed, SystemCallsRefused).

/// System calls that belong together, with one verdict and one reason.
package struct SystemCallGroup: Sendable {
    package let reason: String
    package let names: [String]
    package let condition: Condition

    package init(_ reason: String, _ names: String, when condition: Condition = .always) {
        self.reason = reason
        self.names = names.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
        self.condition = condition
    }

    /// What must be true of the arguments. Only values in registers can be looked at, never what they point to.
    package enum Condition: Sendable {
        case always
        /// None of these bits may be set in the argument.
        case clear(argument: UInt32, bits: UInt64)
        /// These bits of the argument must be one of the values.
        case oneOf(argument: UInt32, bits: UInt64, values: [UInt64])
        /// Of setsockopt: the level, and below it the option, must stand there. All else is answered as unknown.
        case socketOptions([SocketLevel])
    }

    /// An `int` argument: the upper half of the register may hold anything.
    static let int: UInt64 = 0xffff_ffff
}

/// What may be set of a socket below one level.
package struct SocketLevel: Sendable {
    package let level: UInt32
    /// In order.
    package let options: [ClosedRange<UInt32>]

    package init(_ level: Int32, _ options: ClosedRange<UInt32>...) {
        (self.level, self.options) = (UInt32(level), options)
    }
}

/// A call with such an argument does nothing, and is answered with this code.
package struct SystemCallAnswer: Sendable {
    package let reason: String
    package let name: String
    package let argument: UInt32
    package let bits: UInt64
    package let value: UInt64
    /// Zero: as if it had been done.
    package let code: Int32

    package init(_ reason: String, _ name: String, argument: UInt32, bits: UInt64, value: UInt64, code: Int32) {
        (self.reason, self.name, self.argument, self.bits) = (reason, name, argument, bits)
        (self.value, self.code) = (value, code)
    }
}
