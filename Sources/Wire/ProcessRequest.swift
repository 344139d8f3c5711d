// What shall be started in a sandbox that is there already: a runtime, or an extension beside it. Many processes may come
// of each; the number names the one that was started.

package struct ProcessRequest: Equatable, Sendable {
    package var number: UInt32
    package var command: [String]
    package var environment: [String]

    package init(number: UInt32, command: [String], environment: [String] = []) {
        self.number = number
        self.command = command
        self.environment = environment
    }

    /// A runtime and ten extensions, with room for those that are on their way out.
    package static let mostInASandbox = 32

    /// What is wrong with it, in words, or nil.
    package func problem() -> String? {
        guard let first = command.first, !first.isEmpty else { return "there is no command to run" }
        return Self.problem(environment: environment)
    }

    static func problem(environment: [String]) -> String? {
        // Bytes, as the kernel and every program take them.
        for variable in environment {
            guard let equals = variable.utf8.firstIndex(of: UInt8(ascii: "=")), equals > variable.startIndex else {
                return "'\(variable)' is not of the form NAME=VALUE"
            }
        }
        return nil
    }

    package func encode(into encoder: inout Encoder) {
        encoder.put(number)
        encoder.put(command)
        encoder.put(environment)
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        number = try decoder.integer()
        command = try decoder.texts()
        environment = try decoder.texts()
    }
}

/// How a process in a sandbox ended.
package enum ProcessEnding: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)

    package func encode(into encoder: inout Encoder) {
        switch self {
        case .exited(let status):
            encoder.put(UInt8(1))
            encoder.put(UInt8(truncatingIfNeeded: status))
        case .signalled(let number):
            encoder.put(UInt8(2))
            encoder.put(UInt8(truncatingIfNeeded: number))
        }
    }

    package init(from decoder: inout Decoder) throws(DecodingError) {
        switch try decoder.byte() {
        case 1: self = .exited(Int32(try decoder.byte()))
        case 2: self = .signalled(Int32(try decoder.byte() & 0x7f))
        case let other: throw .unknownKind(other)
        }
    }
}
