// What the kernel writes about processes, taken apart: names in it are of other people's choice.

import Testing

@testable import Snapshot

@Suite struct ProcFiles {
    @Test(arguments: ["python3", "a b", "x) R 1 (y", ")", "((", "", "name\twith tab"])
    func aNameInBracketsMayHoldAnything(_ name: String) {
        let stat = ProcFile.stat("42 (\(name)) S 7 42 42 0 -1 4194304 18446744073709551615 -5\n")
        #expect(stat.state == "S")
        #expect(stat[4] == 7 && stat[5] == 42 && stat[8] == -1)
        #expect(stat.address(10) == .max && stat[11] == -5)
        #expect(stat[12] == 0 && stat[52] == 0)
    }

    @Test(arguments: ["", "\n", "42", "42 (x", "42 (x)", ") ", "(((", "42 (x) S"])
    func aLineThatIsCutHasNoNumbers(_ text: String) {
        #expect(ProcFile.stat(text)[4] == 0)
    }

    @Test func valuesKeepWhatIsBehindTheFirstColon() {
        let values = ProcFile.values(
            in: "Name:\ta: b\nUmask:\t0022\nNSpid:\t100\t7\t1\nlock:\t1: POSIX\nlock:\t2: FLOCK\nnothing\nx:\n")
        #expect(values["Name"] == ["a: b"] && values["Umask"] == ["0022"] && values["x"] == [""])
        #expect(values["lock"] == ["1: POSIX", "2: FLOCK"] && values["nothing"] == nil)
        #expect(ProcFile.innermost(values["NSpid"]?.first) == 1)
        #expect(ProcFile.innermost(nil) == 0 && ProcFile.innermost("") == 0 && ProcFile.innermost("x") == 0)
    }
}

@Suite struct MemoryMaps {
    private static let details = """
        Size:                  4 kB
        Rss:                   %  kB
        Swap:                  0 kB
        VmFlags: rd wr mr mw me gd wf dd nr

        """

    private static func lines(_ headers: String..., rss: Int = 4) -> [MappingLine] {
        let text = headers.map { "\($0)\n" + details.replacing("%", with: "\(rss)") }.joined()
        return MemoryMap.parse(Array(text.utf8))
    }

    @Test func aMappingHasItsPlaceItsRightsAndItsFile() throws {
        let line = try #require(
            Self.lines("7f0012345000-7f001234a000 r-xp 0001f000 fe:01 123456                     /usr/lib/libc.so.6")
                .first)
        #expect(line.mapping.start == 0x7f00_1234_5000 && line.mapping.end == 0x7f00_1234_a000)
        #expect(line.mapping.protection == 5 && line.mapping.offset == 0x1f000)
        #expect(line.name == "/usr/lib/libc.so.6" && !line.isShared && line.hasPages)
        #expect(line.mapping.has(Mapping.growsDown) && line.mapping.has(Mapping.wipedOnFork))
        #expect(line.mapping.has(Mapping.leftOutOfDumps) && line.mapping.has(Mapping.reservesNothing))
        #expect(!line.mapping.has(Mapping.locked) && line.flags.count == 9)
    }

    @Test(arguments: [
        "", "[heap]", "[stack]", "[anon: a name [with] brackets]", "/tmp/with space", "/tmp/a  b ", "/tmp/x (deleted)",
        "/memfd:a b (deleted)", "/dev/zero (deleted)", "/tmp/7f00-7f01 r-xp 0 0:0 0 /x", "/SYSV00000000 (deleted)",
        "[vvar_vclock]", "/tmp/ü\\012VmFlags: io",
    ]) func namesAreTakenAsTheyAre(_ name: String) {
        let lines = Self.lines("7f00-7f01 rw-s 00000000 00:01 1029 \(name)", "7f01-7f02 ---p 00000000 00:00 0 ")
        #expect(lines.map(\.name) == [name, ""])
        #expect(lines.map(\.isShared) == [true, false])
        #expect(lines.map(\.mapping.protection) == [3, 0])
    }

    @Test func withoutPagesItHasNone() {
        #expect(Self.lines("7f00-7f01 rw-p 00000000 00:00 0 ", rss: 0).map(\.hasPages) == [false])
        #expect(Self.lines("7f00-7f01 rw-p 00000000 00:00 0 ", rss: 10_000).map(\.hasPages) == [true])
    }

    @Test func addressesMayBeAsHighAsTheKernels() {
        let lines = Self.lines("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]")
        #expect(lines.map(\.mapping.start) == [0xffff_ffff_ff60_0000] && lines.map(\.name) == ["[vsyscall]"])
    }

    @Test(arguments: [
        "", "\n\n", "7f00", "7f00-7f01", "7f00 rw-p 0 0:0 0", "0-1-2 rw-p 0 0:0 0", "7f00-7f01 rw 0 0:0 0",
    ])
    func whatIsNoMappingIsNone(_ text: String) { #expect(MemoryMap.parse(Array(text.utf8)).isEmpty) }
}
