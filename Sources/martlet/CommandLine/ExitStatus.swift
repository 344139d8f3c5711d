// What an exit status of martlet means. The numbers below 128 that programs rarely use themselves tell the engine's own
// endings apart; sysexits.h lends those for bad input. Each command's --help prints its part of this table.

import Wire

enum ExitStatus {
    static let success: Int32 = 0
    static let functionError: Int32 = 1
    static let usage: Int32 = 64
    static let noInput: Int32 = 66
    /// A limit that cannot be had, or an engine that cannot be reached.
    static let limit: Int32 = 69
    static let unreachable: Int32 = 69
    static let state: Int32 = 73
    static let tryLater: Int32 = 75
    static let noRights: Int32 = 77
    static let outOfMemory: Int32 = 123
    static let timedOut: Int32 = 124
    static let step: Int32 = 125
    static let notExecutable: Int32 = 126
    static let notFound: Int32 = 127

    static func of(_ kind: Refusal.Kind) -> Int32 {
        switch kind {
        case .request: usage
        case .input: noInput
        case .limit: limit
        case .state: state
        case .step: step
        case .notExecutable: notExecutable
        case .notFound: notFound
        case .rights: noRights
        case .snapshot: step
        }
    }

    /// Of what a function failed with, by the type of its error.
    static func of(errorType type: String) -> Int32 {
        switch type {
        case "Sandbox.Timedout": timedOut
        case "Runtime.OutOfMemory": outOfMemory
        default: functionError
        }
    }

    /// Of an answer of the control socket.
    static func of(httpStatus status: Int) -> Int32 {
        switch status {
        case 404: noInput
        case 409, 429, 503: tryLater
        case 422: functionError
        case 400..<500: usage
        default: step
        }
    }

    static func of(_ reason: Outcome.Reason) -> Int32 {
        switch reason {
        case .exited(let status): status
        case .signalled(let number): 128 + number
        case .timedOut: timedOut
        case .outOfMemory: outOfMemory
        case .killed: 128 + 9
        }
    }
}
