// One execution environment: a sandbox in which one function version runs, one event at a time. What may happen when is
// EnvironmentLife's to say; this object does it. The parts of its life are in files of their own: Starting, Capturing,
// Restoring, Invoking, Failing, Ending.

import Glibc
package import Lambda
import Linux
import Reactor
package import Wire

/// Hears of the turns in an environment's life; a dispatcher.
package protocol EnvironmentOwner: AnyObject {
    /// It waits for an event.
    func isIdle(_ environment: Environment)
    /// Its processes have failed; it can still serve, by starting anew.
    func isBroken(_ environment: Environment)
    /// The first init is over, one way or the other.
    func initEnded(_ environment: Environment, _ result: Result<Void, FunctionError>)
    func hasEnded(_ environment: Environment)

    // MARK: one that comes out of a snapshot

    /// Its sandbox waits for the snapshot to be restored.
    func isShell(_ environment: Environment)
    func restoreEnded(_ environment: Environment)
    /// The fault is the snapshot's, or ours. An event that the environment can do nothing for is given back.
    func restoreFailed(_ environment: Environment, _ reason: Refusal, _ invocation: Invocation?)
    /// The fault is the function's.
    func hooksFailed(_ environment: Environment)
}

package final class Environment {
    /// What people call it; the sandbox has a number.
    package let id: String
    package let function: FunctionVersion
    package let logStream: String
    let engine: Engine
    let sandbox: UInt32
    /// Outlives all its environments. Not weak: a weak reference slows every use of what it is to.
    unowned let owner: any EnvironmentOwner

    /// What the loop may do for it.
    let share = LoopShare()

    var life = EnvironmentLife()
    package var phase: EnvironmentLife.Phase { life.phase }

    // MARK: parts

    var api: RuntimeAPI!
    var extensions: Extensions!
    var telemetry: Telemetry!
    var runtimeLog: LogPipe?
    var extensionLog: LogPipe?
    var extensionLines: ExtensionLines?
    var tail = LogTail()
    let functionLog: FunctionLog
    var freezer = Freezer(nil)
    /// One or none.
    var peakMemoryFile = Descriptors(owning: [])

    // MARK: processes

    /// The numbers of those that run, with what they are.
    var processes: [(number: UInt32, role: ProcessRole)] = []
    var lastProcess: UInt32 = 0

    // MARK: times, of the monotonic clock

    package let createdAt: UInt64
    var startingAt: UInt64 = 0
    package internal(set) var idleSince: UInt64 = 0
    package internal(set) var phases = Phases()
    var deadlineTimer: Timer?
    var endTimer: Timer?
    var lastTimer: Timer?

    // MARK: what it is busy with

    package internal(set) var invocation: Invocation?
    package internal(set) var served = 0
    // MARK: snapshots

    /// What it is restored from; nothing for one whose processes are started.
    package let snapshot: Snapshot?
    let ready: Snapshot.Ready?
    /// Of one that a snapshot is made of.
    var maker: Maker?
    /// Whether its runtime was told that it is restored before it serves.
    var isSnapStart = false
    package internal(set) var wasRestored = false
    /// It waits in a pool, or shall.
    package internal(set) var isToBeParked = false
    /// It was made ahead of need, and has had no event.
    package internal(set) var isForPool = false
    /// It was made because somebody asked for a new one.
    package internal(set) var isSurplus = false
    /// Connections of the snapshot that were not taken up yet.
    var connectionsToCome: [SnapshotMemo.Connection] = []
    var restoringAt: UInt64 = 0
    /// When the runtime's hooks began.
    var releasedAt: UInt64 = 0
    var hooksUS: UInt64 = 0
    /// The first event was there before the sandbox.
    var hasWaitedForSandbox = false

    /// Until the first init is over, well or not: any other is inside an invocation.
    var isFirstInit = true
    /// Why the last start failed.
    var initError: FunctionError?
    /// The body that the runtime reported with it.
    var initErrorBody: [UInt8]?
    /// What is left of its processes is being ended.
    var isClearing = false
    var hasKilledAll = false
    /// Why the warden would not make the sandbox: for the operator.
    package internal(set) var refusalWords: String?
    package var endsWhenIdle = false
    /// False when the function is gone, and its log with it.
    var keepsLog = true
    var isQueuedForFreezing = false
    var outcome: Outcome?
    /// Runtimes find the Runtime API at a Unix name too.
    var hasRuntimeSocket = false

    enum ProcessRole: Equatable {
        case runtime
        case external(name: String)
    }

    /// - Parameter snapshot: one that is ready, to be restored
    package init(
        _ function: FunctionVersion, _ engine: Engine, _ owner: any EnvironmentOwner, from snapshot: Snapshot? = nil
    ) {
        self.function = function
        self.snapshot = snapshot
        ready = snapshot?.ready
        self.engine = engine
        self.owner = owner
        sandbox = engine.warden.newID()
        id = Names.hex(engine.randoms.take(8))
        logStream = Names.logStream(engine.wallTime, version: function.version, engine.randoms.take(16))
        createdAt = engine.loop.now
        functionLog = engine.logs.open(function.name)
        api = RuntimeAPI(self)
        extensions = Extensions(self)
        telemetry = Telemetry(self)
    }

    /// Makes the change if it may be made now. A change that may not is a mistake of ours or a race that is over: the
    /// caller goes no further.
    func advance(_ event: EnvironmentLife.Event) -> Bool {
        do throws(EnvironmentLife.NotNow) {
            try life.apply(event)
            engine.events.tell(
                engine.wallTime.iso, "environment",
                [
                    ("environment", .text(id)), ("function", .text(function.name)), ("state", .text(phase.rawValue)),
                    ("because", .text(event.rawValue)),
                ])
            return true
        } catch {
            return false
        }
    }

    var isBeingCaptured: Bool { maker?.isAtWork == true }

    /// For an event; also one whose processes have failed, and that starts anew when one comes.
    package var isWaiting: Bool { phase == .idle || phase == .broken && invocation == nil }

    var arn: String { engine.settings.place.functionARN(function.name) }

    package var isFrozen: Bool { freezer.isFrozen }

    package func freeze() {
        if phase == .idle || phase == .parked { freezer.freeze() }
    }

    func park() -> Bool { advance(.park) }

    // MARK: deadlines

    /// Calls when what is going on now must be over. The warden knows of it as well, and sees to it where we do not.
    func setDeadline(_ time: UInt64, _ tooLate: @escaping () -> Void) {
        deadlineTimer?.cancel()
        deadlineTimer = engine.loop.at(time, tooLate)
        engine.warden.setLatestEnd(time, of: sandbox)
    }

    func clearDeadline() {
        deadlineTimer?.cancel()
        engine.warden.setLatestEnd(0, of: sandbox)
    }

    // MARK: the log

    var lines: ReportLines { ReportLines(function.configuration.logFormat) }

    /// A line of the engine's own.
    func log(_ line: String) {
        guard !line.isEmpty else { return }
        keep(Array(line.utf8)[...])
    }

    /// Lines of whoever, in the function's log and for the caller who asked for the end of it.
    func keep(_ lines: ArraySlice<UInt8>) {
        if keepsLog { functionLog.append(lines) }
        tail.add(lines)
    }

    func drainLogs() {
        runtimeLog?.drain()
        extensionLog?.drain()
    }

    /// The most memory that was ever used, as the kernel counts.
    func peakMemory() -> UInt64? {
        // Of a sandbox that is gone, the warden has told.
        if let outcome { return outcome.peakMemory }
        guard peakMemoryFile.count > 0 else { return nil }
        let count = Streams.readFromStart(peakMemoryFile[0], into: &engine.loop.scratch)
        var value: UInt64 = 0
        for byte in engine.loop.scratch[..<count] where byte >= 48 && byte <= 57 {
            value = value * 10 + UInt64(byte - 48)
        }
        return value
    }
}

extension Environment: LineReceiver {
    func logLines(_ lines: ArraySlice<UInt8>) {
        keep(lines)
        if telemetry.isWanted { telemetry.functionLines(lines, requestID: invocation?.requestID) }
    }
}

/// The lines of extensions: in the same log, of another kind to who subscribes.
final class ExtensionLines: LineReceiver {
    private unowned let environment: Environment
    init(_ environment: Environment) { self.environment = environment }

    func logLines(_ lines: ArraySlice<UInt8>) {
        environment.keep(lines)
        if environment.telemetry.isWanted { environment.telemetry.extensionLines(lines) }
    }
}
