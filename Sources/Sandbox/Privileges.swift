// How pid 1 and everything after it lose every right: the last steps before somebody else's code runs.

import Linux
import Wire

enum Privileges {
    /// The user inside, with the numbers that AWS Lambda's `sbx_user1051` has.
    static let user: UInt32 = 993
    static let group: UInt32 = 990

    /// Pid 1 keeps root's real uid, so that nothing inside may signal or trace it, and takes the user's effective one, so
    /// that it may signal what runs. It has no capabilities under either.
    static var guardian: UserIDs { UserIDs(real: 0, effective: user, saved: 0) }
    /// What pid 1 is while it starts a process: what is executed keeps the first two, and its saved uid becomes the
    /// effective one, so that nothing leads back to root. Only the real uid differs from `guardian`: the effective one
    /// stays, and the kernel forgets neither that pid 1 dies with its keeper nor that nobody may look into its memory
    /// (both hang on the effective uid). While it is this, what runs inside may send it signals. That comes to nothing:
    /// the kernel throws away every signal from within for which the first process of a namespace has no handler, SIGKILL
    /// and SIGSTOP too. Tracing it or changing its limits stays out of reach, because its saved uid is another.
    static var starter: UserIDs { UserIDs(real: user, effective: user, saved: 0) }

    static func setLimits(waived: [Limit]) throws(SystemError) {
        try ResourceLimit.openFiles.lower(to: 1024)
        if !waived.contains(.pids) { try ResourceLimit.processes.lower(to: GroupLimits.mostPids) }
        // One byte, not none: where the host pipes core dumps into a program, the kernel takes none for "run it all the
        // same", and one for "never".
        try ResourceLimit.coreFile.lower(to: 1)
        try ResourceLimit.lockedMemory.lower(to: 64 * 1024)
        try ResourceLimit.messageQueues.lower(to: 800 * 1024)
        try ResourceLimit.pendingSignals.lower(to: 4096)
        // A caller's leave to use real-time classes, which no CPU quota bounds, is not passed on.
        try ResourceLimit.nicePriority.lower(to: 0)
        try ResourceLimit.realTimePriority.lower(to: 0)
    }

    /// What a pid 1 keeps that is to make processes from a snapshot: their numbers, their users. Until then nothing of
    /// anybody else's runs beside it.
    static func dropAllButRestoring() throws(SystemError) {
        try Capabilities.dropBounds()
        try Capabilities.keepOnly(Capabilities.toRestore)
        try Capabilities.forbidNewPrivileges()
    }

    /// Bounding and ambient sets first, while the capability to change them is there; the user next, which takes the
    /// capability to change users; then the rest.
    static func drop(without: [Measure]) throws(SystemError) {
        if without.contains(.capabilities) {
            try Credentials.setGroup(0)
        } else {
            try Capabilities.dropBounds()
            try Credentials.setGroup(group)
            try Credentials.setUser(starter)
            try Capabilities.dropAll()
        }
        if !without.contains(.noNewPrivileges) { try Capabilities.forbidNewPrivileges() }
    }
}
