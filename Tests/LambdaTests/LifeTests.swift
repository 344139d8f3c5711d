// Every phase with every event, every state with every other: what is not in these tables is refused and changes nothing.

import Lambda
import Testing
import Wire

@Suite struct EnvironmentLives {
    typealias Phase = EnvironmentLife.Phase
    typealias Event = EnvironmentLife.Event

    /// The way to each phase, from the beginning.
    static let ways: [(Phase, [Event])] = [
        (.making, []), (.shell, [.madeEmpty]), (.starting, [.made]), (.capturing, [.made, .quiet]),
        (.restoring, [.madeEmpty, .restore]), (.idle, [.made, .ready]),
        (.parked, [.madeEmpty, .restore, .ready, .park]), (.invoking, [.made, .ready, .invoke]),
        (.finishing, [.made, .ready, .invoke, .answered]), (.broken, [.made, .failed]),
        (.resetting, [.made, .failed, .reset]), (.ending, [.shutDown]), (.ended, [.gone]),
    ]

    /// Where each event leads from each phase.
    static let table: [Phase: [Event: Phase]] = [
        .making: [.made: .starting, .madeEmpty: .shell, .shutDown: .ending, .gone: .ended],
        .shell: [.restore: .restoring, .shutDown: .ending, .gone: .ended],
        .starting: [.ready: .idle, .quiet: .capturing, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .capturing: [.captured: .starting, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .restoring: [.ready: .idle, .notRestored: .starting, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .idle: [
            .invoke: .invoking, .park: .parked, .prepare: .starting, .quiet: .capturing, .failed: .broken,
            .shutDown: .ending, .gone: .ended,
        ],
        .parked: [.invoke: .invoking, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .invoking: [.answered: .finishing, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .finishing: [.ready: .idle, .failed: .broken, .shutDown: .ending, .gone: .ended],
        .broken: [.reset: .resetting, .shutDown: .ending, .gone: .ended],
        .resetting: [.cleared: .starting, .shutDown: .ending, .gone: .ended],
        .ending: [.gone: .ended],
        .ended: [:],
    ]

    @Test func everyPhaseHasAWay() { #expect(Self.ways.map(\.0) == Phase.allCases) }

    @Test(arguments: Phase.allCases, Event.allCases) func every(_ phase: Phase, _ event: Event) throws {
        var life = EnvironmentLife()
        for step in Self.ways.first(where: { $0.0 == phase })!.1 { try life.apply(step) }
        #expect(life.phase == phase)
        do throws(EnvironmentLife.NotNow) {
            try life.apply(event)
            #expect(life.phase == Self.table[phase]?[event])
        } catch {
            #expect(Self.table[phase]?[event] == nil)
            #expect(error.phase == phase && error.event == event)
            #expect(life.phase == phase)
        }
    }

    @Test func aSecondStartIsLikeTheFirst() throws {
        var life = EnvironmentLife()
        for event in [Event.made, .ready, .invoke, .failed, .reset, .cleared, .ready, .invoke, .answered, .ready] {
            try life.apply(event)
        }
        #expect(life.phase == .idle)
    }

    @Test(arguments: [
        // A runtime that asks for its restore; one that is warmed up and then told; one that knows nothing of all this.
        [Event.made, .quiet, .captured, .ready],
        [.made, .ready, .invoke, .answered, .ready, .prepare, .quiet, .captured],
        [.made, .ready, .invoke, .answered, .ready, .quiet, .captured, .ready],
    ]) func whatIsCapturedGoesOn(_ events: [Event]) throws {
        var life = EnvironmentLife()
        for event in events { try life.apply(event) }
        if life.phase == .starting { try life.apply(.ready) }
        try life.apply(.invoke)
    }

    @Test func whatCannotBeRestoredStartsInTheSameSandbox() throws {
        var life = EnvironmentLife()
        for event in [Event.madeEmpty, .restore, .notRestored, .ready, .invoke] { try life.apply(event) }
        life = EnvironmentLife()
        for event in [Event.madeEmpty, .restore, .failed, .reset, .cleared, .ready, .invoke] { try life.apply(event) }
        #expect(life.phase == .invoking)
    }
}

@Suite struct RuntimeLives {
    typealias State = RuntimeLife.State

    static let ways: [(State, [State])] = [
        (.started, []), (.initError, [.initError]), (.restoreReady, [.restoreReady]),
        (.restoring, [.restoreReady, .restoring]), (.restoreError, [.restoreReady, .restoring, .restoreError]),
        (.ready, [.ready]), (.running, [.ready, .running]), (.response, [.ready, .running, .response]),
        (.errorResponse, [.ready, .running, .errorResponse]),
        (.responseSent, [.ready, .running, .response, .responseSent]),
    ]

    static let table: [State: Set<State>] = [
        .started: [.ready, .initError, .restoreReady], .initError: [], .restoreReady: [.restoring],
        .restoring: [.ready, .restoreError], .restoreError: [], .ready: [.running, .started],
        .running: [.response, .errorResponse], .response: [.responseSent], .errorResponse: [.responseSent],
        .responseSent: [.ready],
    ]

    @Test func everyStateHasAWay() { #expect(Self.ways.map(\.0) == State.allCases) }

    @Test(arguments: State.allCases, State.allCases) func every(_ from: State, _ to: State) throws {
        var life = RuntimeLife()
        for step in Self.ways.first(where: { $0.0 == from })!.1 { try life.go(to: step) }
        #expect(life.state == from)
        if Self.table[from]!.contains(to) {
            try life.go(to: to)
            #expect(life.state == to)
        } else {
            #expect(throws: RuntimeLife.Refused(from: from, to: to)) { try life.go(to: to) }
            #expect(life.state == from)
        }
    }

    @Test func refusalsAreWordedAsInLambda() {
        let error = RuntimeLife.Refused(from: .responseSent, to: .response).error
        #expect(error.type == "InvalidStateTransition")
        #expect(
            error.message
                == "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: "
                + "State transition is not allowed")
    }
}

@Suite struct RuntimeRoutes {
    @Test(arguments: [
        ("/2018-06-01/runtime/invocation/next", RuntimeRoute.next),
        ("/2018-06-01/runtime/invocation/a-b/response", .response(id: "a-b")),
        ("/2018-06-01/runtime/invocation/a/error", .invocationError(id: "a")),
        ("/2018-06-01/runtime/invocation/next/response", .response(id: "next")),
        ("/2018-06-01/runtime/init/error", .initError), ("/2018-06-01/ping", .ping),
        ("/2018-06-01/runtime/restore/next", .restoreNext), ("/2018-06-01/runtime/restore/error", .restoreError),
        ("/2020-01-01/extension/register", .register), ("/2020-01-01/extension/event/next", .extensionNext),
        ("/2020-01-01/extension/init/error", .extensionInitError),
        ("/2020-01-01/extension/exit/error", .extensionExitError), ("/2022-07-01/telemetry", .telemetry),
        ("/2020-08-15/logs", .logs),
    ]) func thatThereAre(_ path: String, _ route: RuntimeRoute) {
        #expect(RuntimeRoute(path: path) == route)
    }

    @Test(arguments: [
        "", "/", "*", "//2018-06-01/ping", "/2018-06-01/ping/", "/2018-06-01/runtime/invocation/next/",
        "/2018-06-01/runtime/invocation/", "/2018-06-01/runtime/invocation//response",
        "/2018-06-01/runtime/invocation/a/b/response", "/2018-06-01/runtime/invocation/a/response/",
        "/2018-06-01/runtime/invocation/a", "/2018-06-01/runtime/invocation/a/", "/2018-06-01/runtime/INIT/error",
        "/2018-06-01/runtime/restore", "/2015-03-31/functions/f/invocations",
    ]) func thatThereAreNot(_ path: String) {
        #expect(RuntimeRoute(path: path) == nil)
    }

    @Test func methods() {
        #expect(RuntimeRoute.next.method == .get && RuntimeRoute.extensionNext.method == .get)
        #expect(RuntimeRoute.telemetry.method == .put && RuntimeRoute.logs.method == .put)
        #expect(RuntimeRoute.response(id: "").method == .post && RuntimeRoute.register.method == .post)
    }
}
