// The file that steers a restore: all of it comes back, and nothing that is not whole is taken for one.

import Archive
import Testing
import Wire

@testable import Snapshot

@Suite struct PlanFiles {
    @Test func comeBackAsTheyWent() throws {
        let bytes = try PlanFile.encode(Sample.plan)
        let decoded = try PlanFile.decode(bytes)
        #expect("\(decoded)" == "\(Sample.plan)")
        #expect(try PlanFile.encode(decoded) == bytes)
    }

    /// Otherwise the test above says little.
    @Test func theSampleHasSomethingInEveryField() {
        var missing: Set<String> = []
        look(at: Sample.plan, Plan(), "plan", &missing)
        lookAt(Sample.plan.processes, ProcessState(), "process", &missing)
        lookAt(Sample.plan.processes.flatMap(\.threads), ThreadState(), "thread", &missing)
        lookAt(Sample.plan.processes.flatMap(\.mappings), Mapping(), "mapping", &missing)
        lookAt(Sample.plan.processes.flatMap(\.actions), SignalAction(), "action", &missing)
        lookAt(Sample.plan.processes.flatMap(\.timers), PosixTimer(), "timer", &missing)
        lookAt(Sample.plan.processes.flatMap(\.limits), ResourceState(), "limit", &missing)
        lookAt(Sample.plan.processes.flatMap(\.descriptors), Descriptor(), "descriptor", &missing)
        lookAt(Sample.plan.files, OpenFile(), "file", &missing)
        lookAt(Sample.plan.files.flatMap(\.registrations), Registration(), "registration", &missing)
        lookAt(Sample.plan.entries, TreeEntry(), "entry", &missing)
        #expect(missing.isEmpty)
    }

    /// A field counts when any of the values has something else there than a new one.
    private func lookAt<Value>(_ values: [Value], _ new: Value, _ name: String, _ missing: inout Set<String>) {
        var common: Set<String>?
        for value in values {
            var own: Set<String> = []
            look(at: value, new, name, &own)
            common = common.map { $0.intersection(own) } ?? own
        }
        missing.formUnion(common ?? [name])
    }

    private func look(at value: Any, _ new: Any, _ name: String, _ missing: inout Set<String>) {
        for (field, other) in zip(Mirror(reflecting: value).children, Mirror(reflecting: new).children)
        where "\(field.value)" == "\(other.value)" {
            missing.insert("\(name).\(field.label ?? "?")")
        }
    }
}

@Suite struct BadPlanFiles {
    private let whole: [UInt8]

    init() throws { whole = try PlanFile.encode(Sample.plan) }

    private func reason(_ bytes: [UInt8]) -> String? {
        do {
            _ = try PlanFile.decode(bytes)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func theWholeOneIsTaken() { #expect(reason(whole) == nil) }

    @Test func truncatedInItsHeadItIsRefused() {
        for count in 0..<52 { #expect(reason(Array(whole[..<count])) == "it is no snapshot", "\(count)") }
    }

    @Test func truncatedInItsBodyItIsRefused() {
        for count in stride(from: 52, to: whole.count, by: 13) {
            #expect(reason(Array(whole[..<count])) == "it is not whole", "\(count)")
        }
        #expect(reason(Array(whole.dropLast())) == "it is not whole")
    }

    @Test func withAnotherMagicItIsRefused() {
        for place in 0..<8 {
            var bytes = whole
            bytes[place] ^= 1
            #expect(reason(bytes) == "it is no snapshot")
        }
    }

    @Test(arguments: [0, 2, UInt32.max]) func ofAnotherVersionItIsRefused(_ version: UInt32) {
        var bytes = whole
        bytes.replaceSubrange(8..<12, with: Sample.bytes(version))
        #expect(reason(bytes) == "its format is \(version), and this engine's 1")
    }

    @Test(arguments: [0, 1, UInt64.max, UInt64(Int.max)]) func withAnotherLengthItIsRefused(_ length: UInt64) {
        var bytes = whole
        bytes.replaceSubrange(12..<20, with: Sample.bytes(length))
        #expect(reason(bytes) == "it is not whole")
    }

    @Test func withAFlippedBitItIsRefused() {
        // In every part of the head, and here and there in the body.
        let places = Array(0..<60) + Array(stride(from: 60, to: whole.count, by: whole.count / 64)) + [whole.count - 1]
        for place in places {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            #expect(reason(bytes) != nil, "\(place)")
        }
    }

    @Test func withBytesBehindItsEndItIsRefused() {
        #expect(reason(whole + [0]) == "it is not whole")
        #expect(reason(whole + whole) == "it is not whole")
    }

    @Test func withBytesBehindItsEndThatTheDigestCountsItIsRefused() throws {
        let body = try Sample.body(Sample.plan) + [0]
        #expect(throws: DecodingError.trailingBytes(1)) { try PlanFile.decode(body: body) }
    }

    @Test func nothingAndNonsenseAreRefused() {
        #expect(reason([]) == "it is no snapshot")
        #expect(reason(Array(repeating: 0, count: 4096)) == "it is no snapshot")
        #expect(reason(Array("MARTLET\n".utf8)) == "it is no snapshot")
    }

    /// The digest is not what stands between a hostile plan and root: what it says is looked at all the same.
    @Test func aRightDigestDoesNotMakeItRight() throws {
        let body = try Sample.body(Sample.pid, becomes: Int32(1))
        let sealed = Array(whole[..<20]) + SHA256.digest(of: body) + body
        #expect(reason(sealed) == "\(DecodingError.outOfRange)")
    }
}
