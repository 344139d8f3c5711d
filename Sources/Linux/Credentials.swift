// Users, groups, capabilities: how a process gives up what it may do.

internal import CLinux
import Glibc

package struct UserIDs: Sendable {
    package let real, effective, saved: UInt32

    package init(real: UInt32, effective: UInt32, saved: UInt32) {
        self.real = real
        self.effective = effective
        self.saved = saved
    }

    package init(all id: UInt32) { self.init(real: id, effective: id, saved: id) }
}

package enum Credentials {
    package static var userID: UInt32 { UInt32(Kernel.call(CLINUX_SYS_getuid)) }

    package static func setUser(_ ids: UserIDs) throws(SystemError) {
        let result = Kernel.call(CLINUX_SYS_setresuid, Int(ids.real), Int(ids.effective), Int(ids.saved))
        try Kernel.check(result, "setresuid", "\(ids.real) \(ids.effective) \(ids.saved)")
    }

    /// Sets the effective user alone. Capabilities stay as they are after `Capabilities.keepAcrossUsers`.
    package static func setEffectiveUser(_ id: UInt32) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_setresuid, -1, Int(id), -1), "setresuid", String(id))
    }

    /// Sets the group and leaves every supplementary one.
    package static func setGroup(_ id: UInt32) throws(SystemError) {
        try Kernel.check(Kernel.call(CLINUX_SYS_setgroups, 0, 0), "setgroups")
        try Kernel.check(Kernel.call(CLINUX_SYS_setresgid, Int(id), Int(id), Int(id)), "setresgid", String(id))
    }
}

package enum Capabilities {
    /// Empties the bounding and ambient sets, so that no program that is executed later can bring any back.
    package static func dropBounds() throws(SystemError) {
        for capability in 0..<64 {
            // One that is not held is dropped as well: asking first would take as long again.
            let dropped = Kernel.call(CLINUX_SYS_prctl, Int(CLINUX_PR_CAPBSET_DROP), capability)
            if dropped == -Int(EINVAL), capability > 0 { break }  // past the last capability this kernel knows
            try Kernel.check(dropped, "prctl", "PR_CAPBSET_DROP \(capability)")
        }
        try Processes.control(CLINUX_PR_CAP_AMBIENT, Int(CLINUX_PR_CAP_AMBIENT_CLEAR_ALL))
    }

    /// From now on a change of users changes no capability of the caller. A new user namespace starts without this.
    package static func keepAcrossUsers() throws(SystemError) {
        try Processes.control(CLINUX_PR_SET_SECUREBITS, Int(CLINUX_SECBIT_NO_SETUID_FIXUP))
    }

    /// CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN (to join a time), CAP_CHECKPOINT_RESTORE.
    package static let toRestore: UInt64 = 1 << 6 | 1 << 7 | 1 << 21 | 1 << 40

    package static func keepOnly(_ set: UInt64) throws(SystemError) {
        try Kernel.check(clinux_capset_only(set), "capset")
    }

    /// Empties the effective, permitted and inheritable sets of the calling thread.
    package static func dropAll() throws(SystemError) {
        try Kernel.check(clinux_capset_none(), "capset")
    }

    package static func forbidNewPrivileges() throws(SystemError) {
        try Processes.control(CLINUX_PR_SET_NO_NEW_PRIVS, 1)
    }

    /// The effective set of the caller, a bit for each capability.
    package static var effective: UInt64 {
        var effective: UInt64 = 0
        _ = unsafe clinux_effective_capabilities(&effective)
        return effective
    }
}
