// What all environments share: the loop they live on, the warden that makes their sandboxes, and the operator's choices.

package import Lambda
import Linux
package import Reactor
import Wire

package struct EngineSettings: Sendable {
    /// Holds `roots`, `functions` and `logs`.
    package var state = "/var/lib/martlet"
    package var place = Place()
    /// An environment without an event for this long is frozen.
    package var freezeAfterMS: UInt64 = 20
    /// An environment without an event for this long ends.
    package var idleAfterSeconds: UInt64 = 600
    package var mostEnvironments = 1000
    /// What all environments together may make the supervisor hold, beside what each may.
    package var mostHeld = 512 << 20
    package var mostConnections = 16 * 1024
    package var pools = PoolPolicy.Settings()
    /// Whether logs of functions are written to disk, or only given to whoever follows them.
    package var keepsLogs = true
    /// Limits of the sandbox that the operator does without.
    package var waived: [String] = []

    /// What the supervisor itself may use: a few megabytes for each environment (a payload, an answer, its log), and
    /// room for code that is being deployed. No more than half of the host.
    package var supervisorMemoryMB: UInt64 {
        min(512 + 8 * UInt64(mostEnvironments), max(512, HostMemory.read().total >> 21))
    }

    package init() {}
}

package final class Engine {
    package let loop: EventLoop
    package let warden: WardenLink
    package let settings: EngineSettings
    package let events = EventFeed()
    package let metrics = Metrics()
    package let randoms = Randoms()
    let logs: LogStore
    /// What all environments together make us hold.
    package let holdings: Holdings

    package init(_ loop: EventLoop, _ warden: WardenLink, _ settings: EngineSettings) {
        self.loop = loop
        self.warden = warden
        self.settings = settings
        // Descriptors that are not connections: those that each environment needs to be one, and the operators'.
        let descriptors = min(settings.mostConnections, Int(clamping: ResourceLimit.openFiles.current) / 2)
        holdings = Holdings(bytes: settings.mostHeld, descriptors: max(descriptors, 64))
        logs = LogStore(directory: settings.keepsLogs ? "\(settings.state)/logs" : nil, loop)
    }

    /// Where faults of the engine's own go: the operator's log. Callers of functions are not told.
    package var complaints: (_ message: String, _ details: [(String, String)]) -> Void = { _, _ in }

    func complain(_ message: String, of environment: Environment, _ reason: String) {
        complaints(
            message, [("function", environment.function.name), ("environment", environment.id), ("reason", reason)])
        events.tell(
            wallTime.iso, "fault",
            [("environment", .text(environment.id)), ("message", .text(message)), ("reason", .text(reason))])
    }

    package func newTraceID() -> String {
        Names.trace(second: Clock.wallMilliseconds / 1000, randoms.take(20))
    }

    // MARK: logs of functions

    package func readLog(of function: String, limit: Int) -> [UInt8] { logs.read(function, limit: limit) }
    package func followLog(of function: String, _ follower: LogFollower) { logs.follow(function, follower) }
    package func unfollowLog(of function: String, _ follower: LogFollower) { logs.unfollow(function, follower) }
    package func removeLog(of function: String) { logs.remove(function) }
    package func flushLogs() { logs.flush() }

    package var wallTime: WallTime { WallTime(milliseconds: Clock.wallMilliseconds) }
}

/// Random bytes of the kernel's, taken by the handful.
package final class Randoms {
    private var bytes: [UInt8] = []

    package func take(_ count: Int) -> [UInt8] {
        if bytes.count < count { bytes = Streams.random(4096) }
        let taken = Array(bytes.suffix(count))
        bytes.removeLast(count)
        return taken
    }
}
