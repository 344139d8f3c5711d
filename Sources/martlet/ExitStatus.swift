// What an exit status of martlet means. The numbers below 128 that programs rarely use themselves tell the engine's own
// endings apart; sysexits.h lends those for bad input. `martlet exec --help` prints the same table.

import Wire

enum ExitStatus {
    static let success: Int32 = 0
    static let usage: Int32 = 64
    static let noInput: Int32 = 66
    static let limit: Int32 = 69
    static let state: Int32 = 73
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
