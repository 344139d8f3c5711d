// How pid 1 and everything after it lose every right: the last steps before somebody else's code runs.

import Linux
import Wire

enum Privileges {
    /// The user inside, with the numbers that AWS Lambda's `sbx_user1051` has.
    static let user: UInt32 = 993
    static let group: UInt32 = 990

    /// Pid 1 keeps root's real uid, so that nothing inside may signal or trace it, and takes the user's effective one, so
    /// that it may signal what runs. It has no capabilities under either.
    static let guardian = UserIDs(real: 0, effective: user, saved: 0)
    /// What pid 1 is while it starts the command: a process that is executed keeps the first two, and its saved uid
    /// becomes the effective one.
    static let starter = UserIDs(real: user, effective: user, saved: 0)

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
