// The Extensions API: programs beside the runtime that hear of events and of the end. External ones are started from
// /opt/extensions before the runtime; internal ones live in its process and announce themselves while it starts.

import Lambda
import Linux
import Reactor
import Wire

final class Extensions {
    private unowned let environment: Environment
    private var members: [Member] = []
    /// External ones that were started.
    private(set) var externalNames: [String] = []
    private var isOpen = true
    private(set) var hasToldShutdown = false
    private var shutdownEvent: [UInt8]?

    private struct Member {
        let name: String
        let identifier: String
        let isExternal: Bool
        let events: [String]
        /// It has asked for its first event.
        var hasAsked = false
        var waiting: HTTPExchange?
        /// An event that came while it was not waiting.
        var pending: [UInt8]?
    }

    private static let most = 10

    init(_ environment: Environment) { self.environment = environment }

    func reset(expecting names: [String]) {
        members = []
        externalNames = names
        isOpen = true
        hasToldShutdown = false
        shutdownEvent = nil
    }

    var isAny: Bool { !members.isEmpty }
    func closeRegistration() { isOpen = false }

    /// Every one that has registered waits for an event, and none is missing.
    var allAreReady: Bool { members.allSatisfy { $0.waiting?.isOpen == true } && allHaveRegistered }

    private var allHaveRegistered: Bool {
        externalNames.allSatisfy { name in members.contains { $0.isExternal && $0.name == name } }
    }

    var identifiers: [String] { members.map(\.identifier) }

    /// How far each has come, in the words of Lambda's log.
    var states: [(name: String, state: String, events: [String])] {
        let missing = externalNames.filter { name in !members.contains { $0.isExternal && $0.name == name } }
        return members.map { ($0.name, $0.hasAsked ? "Ready" : "Registered", $0.events) }
            + missing.map { ($0, "Started", []) }
    }

    /// Whose request it is; nothing when nobody of that identifier has registered.
    func name(of exchange: HTTPExchange) -> String? { index(of: exchange).map { members[$0].name } }

    // MARK: snapshots

    var registered: [SnapshotMemo.Extension] {
        members.map {
            SnapshotMemo.Extension(
                name: $0.name, identifier: $0.identifier, isExternal: $0.isExternal, events: $0.events)
        }
    }

    /// Those that are restored: each has asked for its next event.
    func takeUp(_ extensions: [SnapshotMemo.Extension]) {
        members = extensions.map {
            Member(
                name: $0.name, identifier: $0.identifier, isExternal: $0.isExternal, events: $0.events, hasAsked: true)
        }
        isOpen = false
    }

    /// Whose waiting request it is.
    func identifier(waitingWith exchange: HTTPExchange) -> String? {
        members.first { $0.waiting === exchange }?.identifier
    }

    // MARK: routes

    func register(_ exchange: HTTPExchange) {
        guard let name = exchange.head.fields["lambda-extension-name"], !name.isEmpty else {
            return refuse(exchange, "Extension.InvalidExtensionName", "Empty extension name")
        }
        guard isOpen else {
            return refuse(exchange, "Extension.RegistrationClosed", "Extension registration closed already")
        }
        if members.contains(where: { $0.name == name }) {
            return refuse(exchange, "Extension.AlreadyRegistered", "Extension with this name already registered")
        }
        guard let events = Self.events(exchange.body) else {
            return refuse(exchange, "InvalidRequestFormat", "Invalid request format")
        }
        let isExternal = externalNames.contains(name)
        for event in events {
            if event == "SHUTDOWN", !isExternal {
                return refuse(
                    exchange, "Extension.InvalidEventType",
                    "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension")
            }
            if event != "INVOKE", event != "SHUTDOWN" {
                return refuse(exchange, "Extension.InvalidEventType", "\(event): ErrorInvalidEventType")
            }
        }
        if members.count == Self.most {
            return refuse(exchange, "Extension.TooManyExtensions", "Extension limit (\(Self.most)) reached")
        }
        let identifier = Names.uuid(environment.engine.randoms.take(16))
        members.append(Member(name: name, identifier: identifier, isExternal: isExternal, events: events))
        answerRegistration(exchange, identifier)
        if isExternal, allHaveRegistered { environment.startRuntime() }
    }

    private func answerRegistration(_ exchange: HTTPExchange, _ identifier: String) {
        let function = environment.function
        var body: [(String, JSON)] = [
            ("functionName", .text(function.name)), ("functionVersion", .text(function.version)),
            ("handler", .text(function.configuration.handler)),
        ]
        if exchange.head.fields["lambda-extension-accept-feature"]?.contains("accountId") == true {
            body.append(("accountId", .text(environment.engine.settings.place.account)))
        }
        exchange.answer(
            200, [("Lambda-Extension-Identifier", identifier)], body: Array(JSON.object(body).line.utf8))
    }

    private static func events(_ body: [UInt8]) -> [String]? {
        guard let json = try? JSON(parsing: body), let list = json["events"]?.list else { return nil }
        var events: [String] = []
        for item in list {
            guard let event = item.text else { return nil }
            if !events.contains(event) { events.append(event) }
        }
        return events
    }

    func next(_ exchange: HTTPExchange) {
        guard let index = checkedIndex(of: exchange) else { return }
        if let event = members[index].pending {
            members[index].pending = nil
            return send(event, to: exchange)
        }
        if members[index].waiting?.isOpen == true {
            return refuse(exchange, "Extension.InvalidExtensionState", "State transition is not allowed")
        }
        members[index].hasAsked = true
        members[index].waiting = exchange
        environment.checkReady()
    }

    func reportError(_ exchange: HTTPExchange, type: String) {
        guard let index = checkedIndex(of: exchange) else { return }
        guard let reported = exchange.head.fields["lambda-extension-function-error-type"], !reported.isEmpty else {
            return refuse(exchange, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
        }
        exchange.accept()
        let error = FunctionError(
            type: type, message: "RequestId: \(environment.invocation?.requestID ?? "") Error: \(reported)")
        environment.extensionFailed(members[index].name, error)
    }

    private func index(of exchange: HTTPExchange) -> Int? {
        guard let identifier = exchange.head.fields["lambda-extension-identifier"] else { return nil }
        return members.firstIndex { $0.identifier == identifier }
    }

    private func checkedIndex(of exchange: HTTPExchange) -> Int? {
        guard let identifier = exchange.head.fields["lambda-extension-identifier"], !identifier.isEmpty else {
            refuse(exchange, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
            return nil
        }
        guard Self.isIdentifier(identifier) else {
            refuse(exchange, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
            return nil
        }
        if let index = index(of: exchange) { return index }
        refuse(exchange, "Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier")
        return nil
    }

    private static func isIdentifier(_ text: String) -> Bool {
        text.utf8.count == 36
            && text.utf8.enumerated().allSatisfy { place, byte in
                [8, 13, 18, 23].contains(place) ? byte == 45 : byte.isHexDigit
            }
    }

    private func refuse(_ exchange: HTTPExchange, _ type: String, _ message: String) {
        exchange.refuse(403, type: type, message)
    }

    // MARK: events

    func tell(_ invocation: Invocation, deadlineMS: UInt64) {
        let event = JSON.object([
            ("eventType", .text("INVOKE")), ("deadlineMs", .integer(Int64(deadlineMS))),
            ("requestId", .text(invocation.requestID)), ("invokedFunctionArn", .text(environment.arn)),
            ("tracing", .object([("type", .text("X-Amzn-Trace-Id")), ("value", .text(invocation.traceID))])),
        ])
        tell(Array(event.line.utf8), kind: "INVOKE")
    }

    /// False when there is nobody to wait for: no external extension that wants to know.
    func tellShutdown(reason: String, within limit: UInt64) -> Bool {
        hasToldShutdown = true
        isOpen = false
        guard members.contains(where: { $0.isExternal && $0.events.contains("SHUTDOWN") }) else { return false }
        let event = JSON.object([
            ("eventType", .text("SHUTDOWN")), ("shutdownReason", .text(reason)),
            ("deadlineMs", .integer(Int64(Clock.wallMilliseconds + limit / 1_000_000))),
        ])
        tell(Array(event.line.utf8), kind: "SHUTDOWN")
        return true
    }

    private func tell(_ event: [UInt8], kind: String) {
        for index in members.indices where members[index].events.contains(kind) {
            if let exchange = members[index].waiting, exchange.isOpen {
                members[index].waiting = nil
                send(event, to: exchange)
            } else {
                members[index].pending = event
            }
        }
    }

    private func send(_ event: [UInt8], to exchange: HTTPExchange) {
        let identifier = Names.uuid(environment.engine.randoms.take(16))
        exchange.answer(200, [("Lambda-Extension-Event-Identifier", identifier)], body: event)
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        self >= 48 && self <= 57 || self >= 97 && self <= 102 || self >= 65 && self <= 70
    }
}
