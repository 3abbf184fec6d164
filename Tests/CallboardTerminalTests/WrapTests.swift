import Callboard
import CallboardTerminal
import Testing

@Suite struct WrapTests {
  @Test(
    arguments: [
      ("one two three", 8, ["one two ", "three"]),
      ("one two three", 7, ["one ", "two ", "three"]),
      ("abcdefgh", 3, ["abc", "def", "gh"]),
      ("to abcdefghij or", 6, ["to abc", "defghi", "j or"]),
      (
        #"{"id":1,"name":"Ada Lovelace","age":36}"#, 16,
        [#"{"id":1,"#, #""name":"Ada "#, #"Lovelace","#, #""age":36}"#]
      ),
      ("漢字漢", 3, ["漢", "字", "漢"]),
      ("a⏎", 10, ["a<U+23CE>"]),
      ("a\nb\n", 10, ["a⏎", "b⏎"]),
      ("", 5, [""]),
      ("e\u{301}e\u{301}e\u{301}", 2, ["e\u{301}e\u{301}", "e\u{301}"]),
      ("x", 0, ["x"]),
    ]
  )
  func `lines break at spaces and else at cells`(text: String, width: Int, lines: [String]) {
    #expect(wrap(SafeText(untrusted: text), width: width).map(\.text) == lines)
  }

  @Test func `nothing is left out and nothing is too wide`() {
    for hostile in HostileText.all {
      let text = SafeText(untrusted: hostile)
      for width in [10, 17, 80] {
        let lines = wrap(text, width: width)
        #expect(lines.joined() == text)
        #expect(lines.allSatisfy { cellWidth($0) <= width }, "\(hostile.debugDescription)")
      }
    }
  }
}
