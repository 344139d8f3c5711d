// Isolation by attack: every program of the corpus is held in the sandbox, and each is shown to be able to succeed where
// the measure that stops it is not. An attack that cannot succeed anywhere proves nothing.

import IntegrationSupport
import Testing

@Suite(
    "isolation by attack", .fixedAddresses, Staged(), .serialized,
    .enabled(if: Binaries.isRoot, "only root can take rights away"))
struct IsolationTests {
    @Test("the corpus is whole")
    func corpusIsWhole() {
        #expect(Corpus.all.count >= 60, "\(Binaries.attacks) was not built, or lists too little")
        #expect(Set(Corpus.all.map(\.name)).count == Corpus.all.count, "a name stands for one attack")
    }

    @Test("an attack refuses to run outside a harness", arguments: ["host-file-by-path", "fork-bomb"])
    func refusesWithoutHarness(name: String) throws {
        #expect(try Program([Binaries.attacks, "run", name]).run().status == 64)
    }

    @Test("what takes all it can get refuses to run without limits around it")
    func refusesWithoutLimits() throws {
        for bomb in Corpus.all where bomb.needs.contains("limits") {
            var program = Program([Binaries.attacks, "run", bomb.name])
            program.environment["MARTLET_ATTACK_HARNESS"] = "armed"
            program.environment["MARTLET_ATTACK_LIMITS"] = "armed"
            #expect(try program.run().status == 64, "\(bomb.name) runs in the host's process id namespace")
        }
    }

    @Test("held in the sandbox", arguments: Corpus.all)
    func held(attack: Attack) throws {
        let stage = Stage.current!
        let verdict = try Place.sandbox().run(attack, on: stage, aims: stage.aims)
        #expect(verdict.isHeld, "\(attack.name) \(verdict)")
    }

    @Test("gets through where nothing stops it", arguments: Corpus.controllable)
    func getsThrough(attack: Attack) throws {
        let stage = Stage.current!
        let verdict = try Place(showing: attack.control).run(attack, on: stage, aims: stage.aims)
        #expect(verdict.isThrough, "\(attack.name) (\(attack.control)) \(verdict)")
    }

    @Test(
        "not shown here that it can get through: that takes the test machine",
        .disabled(if: Binaries.isInTestMachine, "every control is run here"), arguments: Corpus.uncontrollable)
    func notShown(attack: Attack) {
        Issue.record(
            "\(attack.name) is only shown to be able to succeed where MARTLET_TEST_VM=1", severity: .warning)
    }

    @Test("a sandbox beside is held off too", arguments: Corpus.atNeighbours)
    func heldOffNeighbour(attack: Attack) throws {
        let stage = Stage.current!
        let neighbour = try Neighbour(on: stage)
        defer { neighbour.finish() }
        let verdict = try Place.sandbox().run(attack, on: stage, aims: stage.aims + neighbour.aims)
        #expect(verdict.isHeld, "\(attack.name) \(verdict)")
    }

    @Test(
        "bubblewrap holds what it promises to hold",
        .enabled(if: Place.hasBubblewrap, "no bubblewrap, or the test machine"),
        arguments: Corpus.all.filter { $0.getsThroughBubblewrapBecause == nil && $0.isHarmlessWithoutLimits })
    func heldByBubblewrap(attack: Attack) throws {
        let stage = Stage.current!
        let verdict = try Place.bubblewrap.run(attack, on: stage, aims: stage.aims)
        #expect(verdict.isHeld, "\(attack.name) \(verdict)")
    }

    @Test(
        "bubblewrap lets through what it does not promise to hold",
        .enabled(if: Place.hasBubblewrap, "no bubblewrap, or the test machine"),
        arguments: Corpus.controllable.filter { $0.getsThroughBubblewrapBecause != nil && $0.isHarmlessWithoutLimits })
    func throughBubblewrap(attack: Attack) throws {
        let stage = Stage.current!
        let verdict = try Place.bubblewrap.run(attack, on: stage, aims: stage.aims)
        #expect(verdict.isThrough, "\(attack.name) (\(attack.getsThroughBubblewrapBecause!)) \(verdict)")
    }
}
