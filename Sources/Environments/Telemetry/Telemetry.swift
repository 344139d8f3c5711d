// The Telemetry API: extensions subscribe to what happens, and get it in batches over HTTP or TCP, at an address in their
// own sandbox.

import Lambda
import Linux
import Reactor
import Wire

final class Telemetry {
    private unowned let environment: Environment
    private var subscriptions: [TelemetrySubscription] = []
    /// Those that wait for a socket, in the order in which they asked.
    private var waitingForSockets: [TelemetrySubscription] = []
    private var initStarted = ""
    /// As they came.
    private(set) var requests: [String] = []
    var queue: [Queued] = []
    /// Of those in the queue, the ones at its beginning that are made into events.
    var done = 0
    var queuedBytes = 0
    var registration: EventLoop.Registration?

    /// Subscriptions in an environment: as many as extensions. Each takes a descriptor, and keeps what it has not sent.
    static let most = 10
    /// Of each socket, in each direction.
    private static let kernelBuffer: Int32 = 64 * 1024

    init(_ environment: Environment) { self.environment = environment }

    var subscriptionCount: Int { subscriptions.count }

    /// Whether anything need be made at all.
    var isWanted: Bool { !subscriptions.isEmpty }

    // MARK: the route

    func subscribe(_ exchange: HTTPExchange) {
        guard let name = environment.extensions.name(of: exchange) else {
            return exchange.refuse(
                403, type: "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier")
        }
        guard environment.phase == .starting else {
            return exchange.refuse(
                403, type: "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed already")
        }
        guard subscriptions.count < Self.most else {
            return exchange.refuse(
                403, type: "Telemetry.TooManySubscriptions", "Telemetry API subscription limit (\(Self.most)) reached")
        }
        do throws(TelemetryOptions.Invalid) {
            let options = try TelemetryOptions(body: exchange.body)
            let subscription = begin(options)
            requests.append(String(decoding: exchange.body, as: UTF8.self))
            exchange.answer(200, type: "text/plain; charset=utf-8", body: Array("\"OK\"".utf8))
            tell(
                .platform, "platform.telemetrySubscription",
                .object([
                    ("name", .text(name)), ("state", .text("Subscribed")),
                    ("types", .list(options.types.map { .text($0.rawValue) })),
                ]))
            replayBeginning(to: subscription)
        } catch {
            exchange.refuse(400, type: "ValidationError", error.message)
        }
    }

    private func begin(_ options: TelemetryOptions) -> TelemetrySubscription {
        let subscription = TelemetrySubscription(
            options, environment.engine.loop, chargedTo: .share(environment.share), holdings: environment.api.holdings
        ) { [unowned self] subscription in
            waitingForSockets.append(subscription)
            environment.engine.warden.askForSocket(in: environment.sandbox)
        }
        subscription.isHeld = environment.isBeingCaptured
        subscriptions.append(subscription)
        // While it can be had: from an environment that is frozen nothing comes.
        subscription.prepare()
        return subscription
    }

    /// Those who subscribed before a snapshot was made hear of what comes after it is restored.
    func takeUp(_ requests: [String]) {
        for request in requests.prefix(Self.most) {
            guard let options = try? TelemetryOptions(body: Array(request.utf8)) else { continue }
            _ = begin(options)
        }
        self.requests = requests
    }

    func socketCame(_ socket: consuming FileDescriptor) {
        // Of TCP, or it could keep us waiting when it is closed.
        guard !waitingForSockets.isEmpty, Network.isPlainTCP(socket.raw) else { return }
        StreamSockets.boundBuffers(socket.raw, bytes: Self.kernelBuffer)
        waitingForSockets.removeFirst().take(socket)
    }

    /// What is gathered goes out now, because there may be no later.
    func flush() {
        for subscription in subscriptions { subscription.flush() }
    }

    /// What was held because of a capture goes out.
    func release() {
        for subscription in subscriptions { subscription.isHeld = false }
        flush()
    }

    func close() {
        forgetQueue()
        for subscription in subscriptions { subscription.close() }
        (subscriptions, waitingForSockets, requests) = ([], [], [])
    }

    // MARK: what happens

    func initStarts() { initStarted = environment.engine.wallTime.iso }

    /// An init that is done anew, after a failure, is a part of the invocation that it is done for.
    private var phase: String { environment.isFirstInit ? "init" : "invoke" }

    /// What has begun before anybody could subscribe.
    private func replayBeginning(to subscription: TelemetrySubscription) {
        let function = environment.function
        let record = JSON.object([
            ("initializationType", .text(environment.initType.rawValue)), ("phase", .text(phase)),
            ("runtimeVersion", .text(function.configuration.runtime)), ("functionName", .text(function.name)),
            ("functionVersion", .text(function.version)),
        ])
        subscription.add(.platform, Self.event(initStarted, "platform.initStart", record))
        if let invocation = environment.invocation, invocation.isLogged {
            subscription.add(.platform, Self.event(initStarted, "platform.start", start(of: invocation)))
        }
    }

    func initEnds(status: InvocationFigures.Status, durationUS: UInt64) {
        guard isWanted else { return }
        var done: [(String, JSON)] = [
            ("initializationType", .text(environment.initType.rawValue)), ("phase", .text(phase)),
            ("status", .text(status.name)),
        ]
        if case .error(let type) = status { done.append(("errorType", .text(type))) }
        tell(.platform, "platform.initRuntimeDone", .object(done))
        let metrics = JSON.object([("durationMs", ReportLines.number(durationUS))])
        tell(
            .platform, "platform.initReport",
            .object([
                ("initializationType", .text(environment.initType.rawValue)), ("phase", .text(phase)),
                ("status", .text(status.name)),
                ("metrics", metrics),
            ]))
    }

    func restoreStarts() {
        guard isWanted else { return }
        let function = environment.function
        tell(
            .platform, "platform.restoreStart",
            .object([
                ("runtimeVersion", .text(function.configuration.runtime)), ("functionName", .text(function.name)),
                ("functionVersion", .text(function.version)), ("instanceId", .text(environment.id)),
            ]))
    }

    func restoreEnds(status: InvocationFigures.Status, durationUS: UInt64) {
        guard isWanted else { return }
        var done: [(String, JSON)] = [("status", .text(status.name))]
        if case .error(let type) = status { done.append(("errorType", .text(type))) }
        tell(.platform, "platform.restoreRuntimeDone", .object(done))
        tell(
            .platform, "platform.restoreReport",
            .object(done + [("metrics", .object([("durationMs", ReportLines.number(durationUS))]))]))
    }

    func extensionState(_ name: String, _ state: String, _ events: [String]) {
        tell(
            .platform, "platform.extension",
            .object([
                ("name", .text(name)), ("state", .text(state)), ("events", .list(events.map(JSON.text))),
            ]))
    }

    func started(_ invocation: Invocation) { tell(.platform, "platform.start", start(of: invocation)) }

    private func start(of invocation: Invocation) -> JSON {
        .object([
            ("requestId", .text(invocation.requestID)), ("version", .text(environment.function.version)),
            ("tracing", Self.tracing(invocation)),
        ])
    }

    func runtimeDone(_ invocation: Invocation, producedBytes: Int) {
        let duration = ReportLines.number(invocation.figures.durationUS)
        let span = JSON.object([
            ("name", .text("responseLatency")), ("start", .text(environment.engine.wallTime.iso)),
            ("durationMs", duration),
        ])
        tell(
            .platform, "platform.runtimeDone",
            .object(
                status(invocation) + [
                    ("requestId", .text(invocation.requestID)),
                    (
                        "metrics",
                        .object([("durationMs", duration), ("producedBytes", .integer(Int64(producedBytes)))])
                    ),
                    ("spans", .list([span])), ("tracing", Self.tracing(invocation)),
                ]))
    }

    func reported(_ invocation: Invocation) {
        let figures = invocation.figures
        var metrics: [(String, JSON)] = [
            ("durationMs", ReportLines.number(figures.durationUS)),
            ("billedDurationMs", .integer(Int64(figures.billedMS))),
            ("memorySizeMB", .integer(Int64(figures.memoryMB))), ("maxMemoryUsedMB", .integer(Int64(figures.peakMB))),
        ]
        if let initUS = figures.initUS { metrics.append(("initDurationMs", ReportLines.number(initUS))) }
        if let restoreUS = figures.restoreUS {
            metrics.append(("restoreDurationMs", ReportLines.number(restoreUS)))
            metrics.append(("billedRestoreDurationMs", .integer(Int64(figures.billedRestoreMS))))
        }
        tell(
            .platform, "platform.report",
            .object(
                status(invocation) + [
                    ("requestId", .text(invocation.requestID)), ("metrics", .object(metrics)),
                    ("tracing", Self.tracing(invocation)),
                ]))
    }

    private func status(_ invocation: Invocation) -> [(String, JSON)] {
        var members: [(String, JSON)] = [("status", .text(invocation.figures.status.name))]
        if case .error(let type) = invocation.figures.status { members.append(("errorType", .text(type))) }
        return members
    }

    private static func tracing(_ invocation: Invocation) -> JSON {
        .object([("type", .text("X-Amzn-Trace-Id")), ("value", .text(invocation.traceID))])
    }

    func functionLines(_ lines: ArraySlice<UInt8>, requestID: String?) { tellLines(lines, .function, "function") }
    func extensionLines(_ lines: ArraySlice<UInt8>) { tellLines(lines, .extension, "extension") }

    private func tellLines(_ lines: ArraySlice<UInt8>, _ type: TelemetryOptions.EventType, _ name: String) {
        guard isWanted(type) else { return }
        enqueue(.lines(type, name, Array(lines), next: 0))
    }

    func isWanted(_ type: TelemetryOptions.EventType) -> Bool {
        subscriptions.contains { $0.options.types.contains(type) }
    }

    func tellLine(_ line: ArraySlice<UInt8>, _ type: TelemetryOptions.EventType, _ name: String) {
        // A function that logs in JSON has its objects passed on as such.
        let isObject = environment.function.configuration.logFormat == .json && line.first == UInt8(ascii: "{")
        let object = isObject ? try? JSON(parsing: Array(line)) : nil
        give(
            type,
            Self.event(environment.engine.wallTime.iso, name, object ?? .text(String(decoding: line, as: UTF8.self))))
    }

    private func tell(_ type: TelemetryOptions.EventType, _ name: String, _ record: @autoclosure () -> JSON) {
        guard isWanted else { return }
        let event = Self.event(environment.engine.wallTime.iso, name, record())
        // Behind the lines that came before.
        if queue.isEmpty { give(type, event) } else { enqueue(.event(type, event)) }
    }

    func give(_ type: TelemetryOptions.EventType, _ event: [UInt8]) {
        for subscription in subscriptions { subscription.add(type, event) }
    }

    func drop(_ bytes: Int) {
        for subscription in subscriptions { subscription.drop(1, bytes: bytes) }
    }

    var payer: (loop: EventLoop, share: LoopShare, holdings: Holdings) {
        (environment.engine.loop, environment.share, environment.api.holdings)
    }

    static func event(_ time: String, _ type: String, _ record: JSON) -> [UInt8] {
        Array(JSON.object([("time", .text(time)), ("type", .text(type)), ("record", record)]).line.utf8)
    }
}
