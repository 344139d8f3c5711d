// What the operator of a supervisor decides.

package import Environments

package struct ServiceSettings: Sendable {
    package var engine = EngineSettings()
    package var run = "/run/martlet"
    package var cgroup: String?
    /// Nothing: no control socket is made.
    package var socket: String?
    package var socketMode: UInt32 = 0o660
    package var socketGroup: UInt32?
    /// Whom the supervisor becomes. The default is no account of the host's, and below the numbers of sandboxes.
    package var user: UInt32 = 0x6fff_ffff
    package var drainSeconds: UInt64 = 30
    package var logFormat = Logger.Format.text
    /// Further options of the warden's: for tests, which have steps of captures and restores fail.
    package var wardenOptions: [String] = []

    package init() {}
}
