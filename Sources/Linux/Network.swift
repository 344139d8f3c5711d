// The little of networking that a sandbox needs.

internal import CLinux

package enum Network {
    /// Brings up the loopback interface of the caller's network namespace: a new one is born with it down.
    package static func bringLoopbackUp() throws(SystemError) {
        try Kernel.check(clinux_loopback_up(), "ioctl SIOCSIFFLAGS", "lo")
    }

    package static func setHostName(_ name: String) throws(SystemError) {
        let length = name.utf8.count
        let result = name.withAddress { Kernel.call(CLINUX_SYS_sethostname, $0, length) }
        try Kernel.check(result, "sethostname", name)
    }
}
