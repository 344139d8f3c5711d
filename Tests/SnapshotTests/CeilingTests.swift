// What a snapshot may have follows the memory of its function; and it is looked at before anything is made of it.

import Linux
import Testing
import Wire

@testable import Snapshot

@Suite struct CeilingsOfSnapshots {
    private let small = Ceilings(memoryMB: 128)

    private func plan(entries count: Int, path length: Int = 8) -> Plan {
        var plan = Sample.plan
        plan.entries = (0..<count).map { index in
            var entry = TreeEntry()
            let name = String(index)
            entry.path = "/tmp/" + String(repeating: "x", count: max(0, length - 5 - name.utf8.count)) + name
            return entry
        }
        return plan
    }

    @Test func theyFollowTheMemory() {
        for kind in Ceilings.Kind.allCases {
            #expect(small[kind] <= Ceilings(memoryMB: 512)[kind] && small[kind] > 0, "\(kind)")
            // A larger plan than this is not read.
            #expect(Ceilings.largest[kind] == Ceilings(memoryMB: 1024)[kind], "\(kind)")
        }
        #expect(small[.entries] == 16_384 && small.planBytes == 8 << 20 && Ceilings.largest.planBytes == 64 << 20)
        #expect(small.copiedBytes == 576 << 20)
    }

    @Test func aPlanAboveOneIsNotRead() throws {
        let bytes = try PlanFile.encode(plan(entries: 16_385))
        #expect(try PlanFile.decode(bytes, Ceilings(memoryMB: 256)).entries.count == 16_385)
        do {
            _ = try PlanFile.decode(bytes, small)
            Issue.record("it was read")
        } catch {
            #expect(
                "\(error)" == "it has more than 16384 files in /tmp and /dev/shm, the most for a function of 128 MB")
        }
    }

    @Test func aFileThatIsTooLongIsNotLookedAt() {
        let bytes = [UInt8](repeating: 0, count: small.planBytes + 1)
        do {
            _ = try PlanFile.decode(bytes, small)
            Issue.record("it was read")
        } catch {
            #expect("\(error)" == "more than 8192 KB of description, the most for a function of 128 MB")
        }
    }

    /// However much a plan asks for, what is made of it stays below its ceiling meanwhile.
    @Test(arguments: [(70_000, 8, "131072 steps to make it again"), (8_000, 4000, "12288 KB of data to make it again")])
    func aProgramThatIsTooLongIsNotMade(_ count: Int, _ length: Int, _ words: String) throws {
        let plan = plan(entries: count, path: length)
        var compiler = Compiler(plan, try Layout(plan), Sample.inside, small)
        do throws(Refusal) {
            _ = try compiler.compile()
            Issue.record("it was compiled")
        } catch {
            #expect(error.message == "it takes more than \(words), the most for a function of 128 MB")
        }
        #expect(compiler.program.steps.count <= small[.steps] && compiler.program.data.count <= small[.dataBytes])
    }

    @Test func pagesThatAreTooManyAreNotWritten() throws {
        let file = PageFile(try MemoryFile.make(named: "pages"))
        file.most = 8192
        _ = try file.append([UInt8](repeating: 1, count: 8192)[...])
        #expect(throws: SystemError.self) { try file.append([1][...]) }
        #expect(file.size == 8192)
    }
}
