// What a caller is told when a function fails: a type and a message, as Lambda words them. The payload of a runtime's own
// error goes to the caller as it came.

package import Wire

package struct FunctionError: Error, Equatable, Sendable {
    package let type: String
    package let message: String

    package init(type: String, message: String) {
        self.type = type
        self.message = message
    }

    package var payload: [UInt8] {
        Array(JSON.object([("errorType", .text(type)), ("errorMessage", .text(message))]).line.utf8)
    }

    // MARK: what the engine finds

    package static func exited(_ requestID: String, _ ending: ProcessEnding) -> FunctionError {
        let how =
            switch ending {
            case .exited(0): "Runtime exited without providing a reason"
            case .exited(let status): "Runtime exited with error: exit status \(status)"
            case .signalled(let number): "Runtime exited with error: signal: \(signalName(number))"
            }
        return FunctionError(type: "Runtime.ExitError", message: "RequestId: \(requestID) Error: \(how)")
    }

    package static func timedOut(_ requestID: String, seconds: UInt32) -> FunctionError {
        FunctionError(
            type: "Sandbox.Timedout",
            message: "RequestId: \(requestID) Error: Task timed out after \(seconds).00 seconds")
    }

    package static func outOfMemory(_ requestID: String) -> FunctionError {
        FunctionError(
            type: "Runtime.OutOfMemory",
            message: "RequestId: \(requestID) Error: Runtime exited with error: signal: killed")
    }

    package static func extensionExited(_ requestID: String, crashed: Bool) -> FunctionError {
        let type = crashed ? "Extension.Crash" : "Extension.ExitError"
        return FunctionError(type: type, message: "RequestId: \(requestID) Error: \(type)")
    }

    package static func invalidEntrypoint(_ requestID: String, _ reason: String) -> FunctionError {
        FunctionError(type: "Runtime.InvalidEntrypoint", message: "RequestId: \(requestID) Error: \(reason)")
    }

    /// The environment could not be made, or went for a reason that is ours: nothing about the host is told.
    package static func failure(_ requestID: String) -> FunctionError {
        FunctionError(type: "Sandbox.Failure", message: "RequestId: \(requestID) Error: the environment has failed")
    }

    package static let responseTooLarge = FunctionError(
        type: "Function.ResponseSizeTooLarge",
        message: "Response payload size exceeded maximum allowed payload size (\(Payload.longestResponse) bytes).")

    package static let invalidResponseMode = FunctionError(
        type: "Runtime.InvalidResponseModeHeader", message: "Invalid function response mode")

    package static let truncatedResponse = FunctionError(
        type: "Runtime.TruncatedResponse", message: "The runtime closed the connection in the middle of its response")

    private static func signalName(_ number: Int32) -> String {
        switch number {
        case 4: "illegal instruction"
        case 6: "aborted"
        case 7: "bus error"
        case 8: "floating point exception"
        case 9: "killed"
        case 11: "segmentation fault"
        case 15: "terminated"
        default: "signal \(number)"
        }
    }

    // MARK: what the runtime says

    /// The type that a runtime gives in a header, put right as Lambda does: `Runtime.X` or `Function.X` wherever it
    /// stands in the text.
    package static func type(fromHeader header: String?) -> String {
        guard let header else { return "Runtime.Unknown" }
        let bytes = Array(header.utf8)
        for prefix in ["Runtime.", "Function."] {
            let wanted = Array(prefix.utf8)
            guard bytes.count > wanted.count else { continue }
            for start in 0..<(bytes.count - wanted.count) where bytes[start...].starts(with: wanted) {
                let rest = bytes[(start + wanted.count)...].prefix(while: \.isLetter)
                // One capital, and at least one letter more.
                if let first = rest.first, first < 97, rest.count > 1 {
                    return prefix + String(decoding: rest, as: UTF8.self)
                }
            }
        }
        return header.hasPrefix("Function.") ? "Function.Unknown" : "Runtime.Unknown"
    }
}

package enum Payload {
    /// Six MB, and a hundred bytes for what is around it.
    package static let longestResponse = 6 * 1024 * 1024 + 100
    package static let longestRequest = 6 * 1024 * 1024
    /// Of a response that is streamed.
    package static let longestStream = 200 * 1024 * 1024
}
