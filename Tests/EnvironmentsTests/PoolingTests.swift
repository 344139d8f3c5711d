// What is kept ready ahead of events, and for how long.

import Lambda
import Linux
import Testing
import Wire

@testable import Environments
@testable import Reactor

@Suite struct Pooling {
    @Test func provisionedOnesWaitAndAreReplaced() throws {
        let engine = try EngineUnderTest { $0.freezeAfterMS = 5 }
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 2}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        let caller = try engine.invoke(function, .pooled)
        #expect(caller.started == .pooled && caller.result?.phases.restoreUS == 0)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        #expect(engine.engine.metrics.poolHits == 1)
    }

    @Test func anEmptyPoolIsPassedBy() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        #expect(try engine.invoke(function, .pooled).started == .restored)
    }

    @Test func reservedIsTheMost() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready(#"{"snapshot": true, "reserved": 1}"#)
        engine.warden.isMute = true
        let first = engine.begin(function)
        guard case .reserved(1)? = engine.begin(function).refused else {
            Issue.record("it was not refused")
            return
        }
        try engine.turn { engine.count("restore") == 1 }
        engine.warden.end(engine.warden.sandboxes.first { $0.value.snapshot != nil }!.key)
        try engine.turn { first.isDone }
        // One that waits makes room for one that shall be new.
        #expect(try engine.invoke(function, .cold).started == .cold)
        try engine.turn { engine.dispatcher.count == 1 }
    }

    @Test func aMakerTakesNobodysPlace() throws {
        let engine = try EngineUnderTest()
        let function = try engine.function(#"{"snapshot": true, "reserved": 1}"#)
        engine.dispatcher.snapshots.deployed(function)
        #expect(engine.dispatcher.snapshots[function].isBeingMade)
        #expect(try engine.invoke(function).started == .cold)
    }

    @Test func aHostThatIsFullGivesUpWhatIsKeptReady() throws {
        let engine = try EngineUnderTest { $0.mostEnvironments = 3 }
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 3}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 3 }
        #expect(try engine.invoke(function, .cold).started == .cold)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 && engine.dispatcher.count <= 3 }
    }

    @Test func newOnesThatWereAskedForDoNotFillTheHost() throws {
        let engine = try EngineUnderTest { $0.pools.isOn = false }
        let function = try engine.ready()
        let callers = (0..<20).map { _ in engine.begin(function, .restore) }
        try engine.turn { callers.allSatisfy(\.isDone) }
        #expect(callers.allSatisfy { $0.started == .restored })
        try engine.turn { engine.dispatcher.count == 4 }
    }

    @Test func whatIsReplacedIsKeptNoLonger() throws {
        let engine = try EngineUnderTest()
        let function = try engine.ready(#"{"snapshot": true, "provisioned": 2}"#)
        try engine.turn { engine.dispatcher.pools.kept(function).parked == 2 }
        engine.dispatcher.endAll(of: function)
        try engine.turn { engine.dispatcher.count == 0 }
        #expect(engine.dispatcher.groups.isEmpty)
    }
}
