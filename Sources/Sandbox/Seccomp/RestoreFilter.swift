// A restore makes processes and threads under numbers of its choice, and joins a time that is set for it, with calls that
// nothing in a sandbox may make. So a sandbox that is to be restored begins with the profile and those two calls, and
// closes them with a second, tiny filter before the first instruction of a function runs. To install that is a third such
// call, which it closes as well.

import Linux

enum RestoreFilter {
    private static let clone3: UInt32 = 435, setns: UInt32 = 308, seccomp: UInt32 = 317
    private static let load: UInt16 = 0x20, jumpIfEqual: UInt16 = 0x15, answer: UInt16 = 0x06
    private static let x86_64: UInt32 = 0xc000_003e
    private static let allowed: UInt32 = 0x7fff_0000
    /// As the profile answers it: there is no such call.
    private static let unknown: UInt32 = 0x0005_0000 | 38
    private static let invalid: UInt32 = 0x0005_0000 | 22
    private static let setFilter: UInt32 = 1

    /// The profile, with the three calls in front of it.
    static func opening(_ profile: [UInt8]) -> [UInt8] {
        let front: [NumberTree.Instruction] = [
            .init(code: load, value: 4), .init(code: jumpIfEqual, ifFalse: 5, value: x86_64),
            .init(code: load, value: 0), .init(code: jumpIfEqual, ifTrue: 2, value: clone3),
            .init(code: jumpIfEqual, ifTrue: 1, value: setns), .init(code: jumpIfEqual, ifFalse: 1, value: seccomp),
            .init(code: answer, value: allowed),
        ]
        return front.flatMap(\.bytes) + profile
    }

    static let closing: [UInt8] = {
        let all: [NumberTree.Instruction] = [
            .init(code: load, value: 4), .init(code: jumpIfEqual, ifFalse: 8, value: x86_64),
            .init(code: load, value: 0), .init(code: jumpIfEqual, ifTrue: 1, value: clone3),
            .init(code: jumpIfEqual, ifFalse: 1, value: setns), .init(code: answer, value: unknown),
            .init(code: jumpIfEqual, ifFalse: 3, value: seccomp), .init(code: load, value: 16),
            .init(code: jumpIfEqual, ifFalse: 1, value: setFilter), .init(code: answer, value: invalid),
            .init(code: answer, value: allowed),
        ]
        return all.flatMap(\.bytes)
    }()
}
