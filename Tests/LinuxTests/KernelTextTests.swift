// The kernel's small text files: words, numbers, and what is neither.

import Testing

@testable import Linux

@Suite struct KernelTextTests {
    @Test func wordsStandBetweenBlanksAndLineEnds() {
        #expect(KernelText.words(Array("cpu memory pids\n".utf8)) == ["cpu", "memory", "pids"])
        #expect(KernelText.words(Array("  hugetlb".utf8)) == ["hugetlb"])
        #expect(KernelText.words([]).isEmpty)
        #expect(KernelText.words(Array(" \n\n ".utf8)).isEmpty)
    }

    @Test func aNumberIsDigitsAlone() {
        #expect(KernelText.number(Array("0".utf8)[...]) == 0)
        #expect(KernelText.number(Array("18446744073709551615".utf8)[...]) == .max)
        #expect(KernelText.number(inLine: Array("4096\n".utf8)) == 4096)
        #expect(KernelText.number(inLine: Array("4096".utf8)) == 4096)
    }

    @Test(arguments: ["", "\n", "max\n", "+1", "-1", "1 2", "1\n2\n", "18446744073709551616", "99999999999999999999"])
    func whatIsNoNumberIsNone(_ text: String) { #expect(KernelText.number(inLine: Array(text.utf8)) == nil) }

    @Test func aNumberIsFoundByItsWholeKey() {
        let text = Array("oom_kill_disable 0\nunder_oom 1\noom_kill 12\nlast 7".utf8)
        #expect(KernelText.number(of: "oom_kill", in: text) == 12)
        #expect(KernelText.number(of: "oom_kill_disable", in: text) == 0)
        #expect(KernelText.number(of: "last", in: text) == 7)
        #expect(KernelText.number(of: "oom", in: text) == nil)
        #expect(KernelText.number(of: "", in: text) == nil)
        #expect(KernelText.number(of: "oom_kill", in: []) == nil)
        #expect(KernelText.number(of: "a", in: Array("\n\na x\n".utf8)) == nil)
    }
}
