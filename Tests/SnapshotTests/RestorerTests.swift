// The code that runs where there is no C library: it is copied, so nothing in it may be bound to where it was; and steps
// are as it reads them.

import CRestorer
import Glibc
import Testing

@testable import Linux
@testable import Snapshot

@Suite struct RestorerCode {
    @Test func itFitsItsPages() {
        #expect(crestorer_code_size() > 256 && crestorer_code_size() <= Layout.codeSize && Layout.codeSize <= 4096)
    }

    /// A section with relocations has the name of the one that they are for: neither code, nor a table, nor a call out.
    @Test func itHasNoRelocations() throws {
        let program = try Files.readLink("/proc/self/exe")
        let build = program.split(separator: "/").dropLast().joined(separator: "/")
        let bytes = try Files.read("/\(build)/CRestorer.build/restorer.c.o", limit: 1 << 20)
        let names = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        #expect(names.contains { $0.hasSuffix("restorer") }, "the section is in the object")
        #expect(!names.contains { $0.hasPrefix(".rel") && $0.hasSuffix("restorer") })
    }

    private func encoded(_ step: Snapshot.Step) -> [UInt8] {
        var list = StepList()
        list.append(step)
        return list.bytes
    }

    /// What is told of a step that failed is read from where the restorer has it.
    @Test func aStepIsReadAsItWasWritten() {
        var list = StepList()
        list.append(Step(kind: .attempt, slot: 1023, number: 434, arguments: [.slot(5), .data(70_000)], words: "one"))
        list.append(Step(kind: .fork, words: "two"))
        list.append(Step(kind: .leave, words: "one"))
        list.setTarget(of: 1, to: 70_000)
        #expect(list.count == 3 && list.words == ["one", "two"] && list.map(\.words) == ["one", "two", "one"])
        #expect(list[0].kind == .attempt && list[0].slot == 1023 && list[0].number == 434)
        guard case .slot(5) = list[0].arguments[0], case .data(70_000) = list[0].arguments[1],
            case .value(70_000) = list[1].arguments[5], list[1].slot == nil
        else { return #expect(Bool(false), "\(list[0]) \(list[1])") }
    }

    @Test func aStepTakesWhatTheRestorerReads() {
        var step = Step(kind: .attempt, slot: 513, number: 0x1234, words: "x")
        step.arguments = [.value(.max), .slot(7), .data(0x1_0000), .parameter(3)]
        let bytes = encoded(step)
        let size = MemoryLayout<restorer_step>.size
        #expect(bytes.count == 64 && size == 64)
        let head: [UInt8] = [1, 0, 1, 2, 0x34, 0x12, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0]
        #expect(Array(bytes[..<16]) == head)
        func number(_ place: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64($1 * 8) }
        }
        let arguments: [UInt64] = (0..<6).map { number(16 + $0 * 8) }
        #expect(arguments == [UInt64.max, 7, 0x1_0000, 3, 0, 0] as [UInt64])
        let without = encoded(Step(kind: .call))
        #expect(without[2] == 0xff && without[3] == 0xff, "no slot")
    }

    @Test func aStepThatShallFailIsACallThatThereIsNot() {
        for kind in [Step.Kind.attempt, .place, .leave, .finish] {
            var list = StepList()
            list.append(Step(kind: kind))
            list.fail(0)
            #expect(Array(list.bytes[..<8]) == [0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0])
        }
    }

    @Test func bothSidesCallThingsTheSame() {
        let kinds: [(Step.Kind, Int)] = [
            (.call, RESTORER_CALL), (.attempt, RESTORER_TRY), (.patch, RESTORER_PATCH), (.fork, RESTORER_FORK),
            (.thread, RESTORER_THREAD), (.leave, RESTORER_LEAVE), (.finish, RESTORER_FINISH), (.place, RESTORER_PLACE),
            (.stop, RESTORER_STOP), (.count, RESTORER_COUNT),
            (.take, RESTORER_TAKE),
        ]
        for (kind, number) in kinds { #expect(Int(kind.rawValue) == number) }
        #expect(Parameter.logs + Parameter.mostLogs <= RESTORER_PARAMETERS)
        #expect(Parameter.kernelPages + 2 * Parameter.mostKernelPages <= Parameter.logs)
    }
}
