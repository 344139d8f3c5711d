// From a plan to steps: what is refused, what stands before what, and that nothing is left of whoever restores.

import CRestorer
import Glibc
import Testing
import Wire

@testable import Snapshot

@Suite struct CompilerRefusals {
    private func refusal(_ change: (inout Plan) -> Void) throws -> String? {
        var plan = Sample.plan
        change(&plan)
        // It is one that can be read.
        plan = try PlanFile.decode(body: Sample.body(plan))
        var compiler = Compiler(plan, try Layout(plan), Sample.inside)
        do throws(Refusal) {
            _ = try compiler.compile()
            return nil
        } catch {
            return error.message
        }
    }

    @Test func theSampleIsNotRefused() throws { #expect(try refusal { _ in } == nil) }

    @Test(arguments: [904, 1023, Int32.max]) func aDescriptorThatIsTooHigh(_ number: Int32) throws {
        #expect(
            try refusal { $0.processes[0].descriptors.append(Sample.descriptor(number, file: 0)) }
                == "it has a descriptor with a number above 903")
    }

    @Test func theHighestDescriptorThatThereMayBe() throws {
        #expect(try refusal { $0.processes[0].descriptors.append(Sample.descriptor(903, file: 0)) } == nil)
    }

    @Test func aZombieThatASignalHasEnded() throws {
        let words = try refusal { $0.processes[1].endStatus = 9 }
        #expect(words == "process \(Sample.pid + 9) was ended by a signal and has not been waited for")
    }

    @Test func aTimerWithAHighNumber() throws {
        #expect(try refusal { $0.processes[0].timers[0].id = 255 } == nil)
        #expect(
            try refusal { $0.processes[0].timers[0].id = 256 } == "a timer has a number above 255 (timer_create)")
    }

    @Test func manyProcessesWithThreads() throws {
        let words = try refusal { plan in
            plan.processes = (0..<40).map { index in
                var state = Sample.plan.processes[0]
                state.pid += Int32(index)
                return state
            }
        }
        #expect(words == nil)
    }

    @Test func aPipeForLogsThatIsMapped() throws {
        #expect(try refusal { $0.processes[0].mappings[2].file = 1 } == "a pipe for logs is mapped")
    }

    @Test func aWatchWithANumberThatNobodyCountsUpTo() throws {
        func watch(_ number: Int32) throws -> String? {
            try refusal { plan in
                plan.files[4].kind = .watches
                plan.files[4].registrations[0].number = number
            }
        }
        #expect(try watch(.max) == "a watch has a number above 16384 (inotify)")
        #expect(try watch(16_384) == nil && watch(.min) == nil)
    }

    @Test func moreEndsOfPipesThanCanBeHeldAside() throws {
        func pipes(_ count: Int) throws -> String? {
            try refusal { plan in
                let first = plan.files.count
                for index in 0..<count * 2 {
                    var end = plan.files[3]
                    (end.index, end.kind) = (UInt32(100 + index / 2), index % 2 == 0 ? .pipeReading : .pipeWriting)
                    plan.files.append(end)
                    plan.processes[0].descriptors.append(Sample.descriptor(Int32(20 + index), file: first + index))
                }
            }
        }
        #expect(try pipes(51) == nil)
        #expect(try pipes(52) == "more than 108 of its open files are ends of pipes, or shared")
    }

    /// Found by random bytes: each was the end of whoever compiled.
    @Test(arguments: [UInt64.max, 1 << 32, 1 << 31]) func aSocketOfAFamilyThatThereIsNot(_ family: UInt64) throws {
        for kind in [OpenFile.Kind.listener, .datagram, .lostSocket] {
            #expect(try refusal { ($0.files[3].kind, $0.files[3].value) = (kind, family) } == nil)
        }
    }

    /// Every file is made with a slot of the restorer's, which are few: they are given up again.
    @Test func asManyFilesAsADirectoryHolds() throws {
        var plan = Sample.plan
        plan.entries = (0..<20_000).map { index in
            var entry = plan.entries[1]
            entry.path = "/tmp/\(index)"
            return entry
        }
        var compiler = Compiler(plan, try Layout(plan), Sample.inside)
        let program = try compiler.compile().program
        #expect(program.slotCount <= RESTORER_SLOTS)
        #expect(program.steps.allSatisfy { ($0.slot ?? 0) < RESTORER_SLOTS })
        // Made, given its contents, its time, closed. What a step says of itself is kept once.
        #expect(program.steps.count < 20_000 * 6 && program.steps.words.count < 200)
    }
}

@Suite struct CompiledSteps {
    private let plan: Plan
    private let layout: Layout
    private let compiled: Compiled
    private let steps: [Snapshot.Step]

    init() throws {
        var plan = Sample.plan
        plan.processes.append(Sample.runningChild)
        self.plan = plan
        layout = try Layout(plan)
        var compiler = Compiler(plan, layout, Sample.inside)
        compiled = try compiler.compile()
        steps = Array(compiled.program.steps)
    }

    /// Where the steps of a process or a thread begin, and behind their last.
    private var sections: [Range<Int>] {
        var starts = compiled.roots.map(\.step)
        for step in steps where step.kind == .fork || step.kind == .thread {
            if case .value(let target) = step.arguments[5] { starts.append(Int(target)) }
        }
        starts.sort()
        return zip(starts, starts.dropFirst() + [steps.count]).map { $0..<$1 }
    }

    private func place(_ words: String, in section: Range<Int>) -> Int? {
        section.first { steps[$0].words == words }
    }

    @Test func everyStepFitsTheRestorer() {
        for step in steps {
            #expect(step.arguments.count == 6, "\(step.words)")
            #expect((0..<RESTORER_SLOTS).contains(step.slot ?? 0) && step.number < 1024)
            for argument in step.arguments {
                switch argument {
                case .slot(let slot): #expect(slot < compiled.program.slotCount)
                case .data(let offset): #expect(offset < compiled.program.data.count)
                case .parameter(let parameter): #expect(parameter < RESTORER_PARAMETERS)
                case .value: break
                }
            }
        }
        #expect(layout.steps(compiled.program) + UInt64(steps.count) * 64 <= layout.end)
    }

    @Test func everySectionEndsAndNothingComesBehindItsEnd() {
        let ends: [Snapshot.Step.Kind] = [.finish, .leave, .stop]
        // Two threads, a child that has ended, one that runs.
        #expect(sections.count == 4)
        for section in sections {
            let last = section.filter { ends.contains(steps[$0].kind) }
            #expect(last == [section.upperBound - 1])
        }
    }

    /// What may stand between giving rights up and arrival: nothing that is refused afterwards.
    private static let harmless = [Call.prctl, Call.connect, Call.fcntl, Call.closeRange, Call.seccomp]

    @Test func theFirstThreadArrivesWithoutRightsAndUnderTheFilter() throws {
        let firsts = sections.filter { steps[$0.upperBound - 1].kind == .finish }
        #expect(firsts.count == 2)
        for section in firsts {
            let last = section.upperBound - 1
            let rights = try #require(place("give up the right to restore", in: section))
            let held = try #require(place("close what was held aside", in: section))
            let filter = try #require(place("close the filter", in: section))
            #expect(rights < held && held < filter && filter + 1 == last)
            for index in rights + 1..<last {
                let step = steps[index]
                #expect(step.kind == .call && Self.harmless.contains(step.number), "\(step.words)")
            }
            // Every thread is there when the filter is closed for all of them.
            let making = section.filter { [.thread, .fork].contains(steps[$0].kind) }
            #expect(making.allSatisfy { $0 < filter })
            #expect(steps[filter].kind == .call && steps[rights].kind == .call)
        }
    }

    @Test func otherThreadsArriveWithoutRights() throws {
        let others = sections.filter { steps[$0.upperBound - 1].kind == .leave }
        #expect(others.count == 1)
        for section in others {
            let rights = try #require(place("give up the right to restore", in: section))
            #expect(rights + 1 == section.upperBound - 1 && steps[rights].kind == .call)
        }
    }

    /// The steps that wait for all others are the last ones, and count exactly the threads that there are.
    @Test func everyThreadArrivesOnce() throws {
        let running = plan.processes.filter { !$0.isEnded }
        let arrivals = steps.filter { [.finish, .leave].contains($0.kind) }
        #expect(arrivals.count == running.reduce(0) { $0 + $1.threads.count })
        let counts = steps.filter { $0.kind == .count }.map { step -> UInt64 in
            if case .value(let number) = step.arguments[0] { number } else { 0 }
        }
        #expect(counts.sorted() == running.map { UInt64($0.threads.count) }.sorted())
        // A thread waits for the word that the first thread of its process sets; a process of one thread has none.
        for step in arrivals {
            guard case .value(let word) = step.arguments[1] else { continue }
            #expect(word == layout.passed || word == 0 && step.kind == .finish)
        }
        #expect(layout.staying.contains(layout.passed) && !layout.code.contains(layout.passed))
    }

    /// Behind its arrival a process has one descriptor of the restore's: the gate. The way to arrive is closed then.
    @Test func nothingThatWasGivenStaysOpen() throws {
        for section in sections where steps[section.upperBound - 1].kind == .finish {
            let held = try #require(place("close what was held aside", in: section))
            guard case .value(let first) = steps[held].arguments[0], case .value(let last) = steps[held].arguments[1]
            else { continue }
            #expect(first == UInt64(Compiler.firstLifted) && last == UInt64(Compiler.arrivalsDescriptor) - 1)
            // The kernel gives the lowest numbers that are free.
            for index in held + 1..<section.upperBound { #expect(steps[index].slot == nil) }
        }
        let given = [
            Compiler.firstGiven, Compiler.timeDescriptor, Compiler.beginDescriptor, Compiler.filesDescriptor,
            Compiler.pagesDescriptor, Compiler.arrivalsDescriptor, Compiler.gateDescriptor,
        ]
        #expect(given == given.sorted() && Set(given).count == given.count && given.allSatisfy { $0 < 1024 })
    }

    /// A process reads memory that another one can write to nowhere: there is none but the program's own.
    @Test func nothingIsSharedButWhatTheProgramShares() {
        let shared = steps.filter { step in
            guard step.number == Call.mmap, step.kind == .call, case .value(let flags) = step.arguments[3] else {
                return false
            }
            return flags & 1 == 1
        }
        let wanted = plan.processes.flatMap(\.mappings).filter { $0.kind == .shared || $0.has(Mapping.seenByAll) }
        #expect(shared.count == wanted.count)
    }

    /// Whatever is made, of files or processes, is made as the user: never with root's name.
    @Test func theUserIsChangedBeforeAnythingIsMade() throws {
        let user = try #require(place("set user", in: sections[0]))
        let kept = try #require(place("keep the right to restore", in: sections[0]))
        let making = [Call.openat, Call.mkdirat, Call.mknodat, Call.socket, Call.clone3, Call.linkat, Call.symlinkat]
        let first = try #require(steps.indices.first { making.contains(steps[$0].number) || steps[$0].kind == .thread })
        #expect(user < kept && kept < first)
    }

    @Test func theFilterIsForAllThreads() throws {
        for step in steps where step.number == Call.seccomp && step.kind == .call {
            guard case .value(let flags) = step.arguments[1] else { continue }
            // SECCOMP_FILTER_FLAG_TSYNC
            #expect(flags & 1 == 1)
        }
        #expect(!steps.contains { $0.number == Call.seccomp && $0.kind == .attempt })
    }

    /// Of the memory of whoever restores, nothing stays but what the process had, and what the restorer needs.
    @Test func allOtherMemoryIsGivenUp() throws {
        let keepers = plan.processes[0].mappings.filter(Compiler.isInherited).map(\.range)
        let first = try #require(sections.first)
        let gone = first.compactMap { index -> Range<UInt64>? in
            guard steps[index].number == Call.munmap, steps[index].kind == .call,
                case .value(let start) = steps[index].arguments[0], case .value(let length) = steps[index].arguments[1]
            else { return nil }
            return start..<start + length
        }
        var place: UInt64 = 0x10000
        for range in (gone + keepers + [layout.base..<layout.end]).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            #expect(range.lowerBound == place, "\(String(range.lowerBound, radix: 16))")
            place = range.upperBound
        }
        #expect(place == 0x7fff_ffff_f000)
        // At its end the restorer gives up its own, but for its code and the frames.
        for section in sections where steps[section.upperBound - 1].kind == .finish {
            let finish = steps[section.upperBound - 1]
            guard case .value(let start) = finish.arguments[2], case .value(let length) = finish.arguments[3] else {
                Issue.record("it gives up nothing")
                continue
            }
            #expect(start == layout.staying.upperBound && start + length == layout.end)
        }
    }
}
