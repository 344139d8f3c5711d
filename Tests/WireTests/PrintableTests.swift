import Testing
import Wire

@Suite struct PrintableTests {
    @Test func whatIsPlainStaysAsItIs() {
        for text in ["", "plain words", "größer, 鳥, \u{a0}", "~"] { #expect(text.printable == text) }
    }

    @Test func nothingMovesATerminal() {
        #expect("a\u{1b}[2Jb\r\nc\td\u{7f}e\u{9b}31m\u{85}f".printable == "a [2Jb  c d e 31m f")
    }
}
