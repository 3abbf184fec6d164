import CallboardTerminal
import Testing

@Suite struct KeyDecoderTests {
  /// Feeds the bytes at once and lets a second pass.
  private func keys(_ bytes: String, named: [[UInt8]: Key] = [:]) -> [Key] {
    let decoder = Typing(KeyDecoder(named: named))
    decoder.feed(bytes, at: .zero)
    var keys: [Key] = []
    for moment in [Duration.zero, .seconds(1), .seconds(20)] {
      while let key = decoder.next(at: moment) { keys.append(key) }
    }
    return keys
  }

  @Test(
    arguments: [
      ("a", [Key.character("a")]), ("é漢😀", [.character("é"), .character("漢"), .character("😀")]),
      ("\r", [.enter]), ("\n", [.enter]), ("\t", [.tab]), ("\u{7F}", [.backspace]),
      ("\u{8}", [.backspace]), ("\u{3}", [.control("c")]), ("\u{1A}", [.control("z")]),
      ("\u{1C}", [.control("\\")]), ("\u{0}", [.control("@")]),
      ("\u{1B}[A", [.up]), ("\u{1B}OA", [.up]), ("\u{1B}[1;5B", [.down]), ("\u{1B}[H", [.home]),
      ("\u{1B}[1~", [.home]), ("\u{1B}[8~", [.end]), ("\u{1B}[5~\u{1B}[6~", [.pageUp, .pageDown]),
      ("\u{1B}[3~", [.delete]), ("\u{1B}[Z", [.backTab]), ("\u{1B}OP", [.function(1)]),
      ("\u{1B}[15~", [.function(5)]), ("\u{1B}[24~", [.function(12)]),
      ("\u{1B}[[A", [.function(1)]),
      ("\u{1B}[0n", [.statusReport]), ("\u{1B}[I\u{1B}[O", [.focusIn, .focusOut]),
    ]
  )
  func `keys of common terminals are known`(bytes: String, expected: [Key]) {
    #expect(keys(bytes) == expected)
  }

  @Test(
    arguments: [
      "\u{1B}[99;5X", "\u{1B}[?62;22c", "\u{1B}[12;40R", "\u{1B}[<0;5;5M", "\u{1B}[M ab",
      "\u{1B}]11;rgb:0000/aaaa/dddd\u{7}", "\u{1B}]11;rgb:0000/aaaa/dddd\u{1B}\\",
      "\u{1B}P>|terminal a b d\u{1B}\\", "\u{1B}_Ga\u{1B}\\", "\u{1B}[97;5u", "\u{1B}[",
      "\u{1B}[1;",
      "\u{1B}O", "\u{1B}]never ended",
    ]
  )
  func `what is no key comes out as no letter`(bytes: String) {
    #expect(keys(bytes) == [.brokenSequence])
  }

  @Test func `a sequence that breaks off does not swallow the key after it`() {
    #expect(keys("\u{1B}[1;\u{1B}[A") == [.brokenSequence, .up])
    #expect(keys("\u{1B}[1;\rq") == [.brokenSequence, .enter, .character("q")])
  }

  @Test func `Esc alone acts after 25 ms and not before`() {
    let decoder = Typing()
    decoder.feed([0x1B], at: .zero)
    #expect(decoder.next(at: .milliseconds(24)) == nil)
    #expect(decoder.deadline == .milliseconds(25))
    #expect(decoder.next(at: .milliseconds(25)) == .escape)
    #expect(decoder.isIdle)
  }

  @Test func `the rest of a torn sequence is swallowed`() {
    for rest in ["[A", "OA", "[1;5A"] {
      let decoder = Typing()
      decoder.feed([0x1B], at: .zero)
      #expect(decoder.next(at: .milliseconds(30)) == .escape)
      decoder.feed(rest, at: .milliseconds(499))
      #expect(decoder.next(at: .milliseconds(499)) == .brokenSequence)
      #expect(decoder.next(at: .seconds(9)) == nil)
      decoder.feed("a", at: .seconds(10))
      #expect(decoder.next(at: .seconds(10)) == .character("a"))
    }
  }

  @Test func `a sequence torn twice is swallowed too`() {
    let decoder = Typing()
    decoder.feed([0x1B], at: .zero)
    #expect(decoder.next(at: .milliseconds(30)) == .escape)
    decoder.feed("[", at: .milliseconds(200))
    #expect(decoder.next(at: .milliseconds(200)) == nil)
    decoder.feed("A", at: .milliseconds(400))
    #expect(decoder.next(at: .milliseconds(400)) == .brokenSequence)
    #expect(decoder.isIdle)
  }

  @Test func `a bracket long after Esc is a bracket`() {
    let decoder = Typing()
    decoder.feed([0x1B], at: .zero)
    #expect(decoder.next(at: .milliseconds(30)) == .escape)
    decoder.feed("[", at: .milliseconds(500))
    #expect(decoder.next(at: .milliseconds(500)) == .character("["))
  }

  @Test func `a paste is one key whatever is in it`() {
    #expect(
      keys("\u{1B}[200~a\r!\u{1B}[Aq\u{1B}[201~j") == [.paste("a\r!\u{1B}[Aq"), .character("j")]
    )
  }

  @Test func `a paste in pieces is one key`() {
    let decoder = Typing()
    for (index, piece) in ["\u{1B}[20", "0~appr", "ove\u{1B}", "[201", "~"].enumerated() {
      #expect(decoder.next(at: .milliseconds(index)) == nil)
      decoder.feed(piece, at: .milliseconds(index))
    }
    #expect(decoder.next(at: .milliseconds(9)) == .paste("approve"))
  }

  @Test func `a paste whose beginning a slow line tore apart is a paste`() {
    for pieces in [["\u{1B}", "[200~aq\u{1B}[201~"], ["\u{1B}", "[2", "00~aq\u{1B}[201~"]] {
      let decoder = Typing()
      var keys: [Key] = []
      for (index, piece) in pieces.enumerated() {
        decoder.feed(piece, at: .milliseconds(index * 400))
        while let key = decoder.next(at: .milliseconds(index * 400 + 30)) { keys.append(key) }
      }
      #expect(keys == [.escape, .paste("aq")])
    }
    let decoder = Typing()
    decoder.feed("\u{1B}[20", at: .zero)
    #expect(decoder.next(at: .seconds(5)) == nil)
    decoder.feed("0~aq\u{1B}[201~", at: .seconds(5))
    #expect(decoder.next(at: .seconds(5)) == .paste("aq"))
  }

  @Test func `a paste without an end is over after ten silent seconds`() {
    let decoder = Typing()
    decoder.feed("\u{1B}[200~aaa", at: .zero)
    #expect(decoder.next(at: .seconds(9)) == nil)
    #expect(decoder.next(at: .seconds(10)) == .paste("aaa"))
  }

  @Test func `a paste is bounded`() {
    let decoder = Typing()
    decoder.feed("\u{1B}[200~", at: .zero)
    decoder.feed([UInt8](repeating: 0x61, count: KeyDecoder.pasteLimit * 2), at: .zero)
    decoder.feed("\u{1B}[201~", at: .zero)
    guard case .paste(let text) = decoder.next(at: .zero) else {
      Issue.record("no paste")
      return
    }
    #expect(text.utf8.count == KeyDecoder.pasteLimit)
  }

  @Test func `a character in pieces is one key and a wrong byte is none`() {
    let decoder = Typing()
    let bytes = Array("漢".utf8)
    decoder.feed(bytes[..<2], at: .zero)
    #expect(decoder.next(at: .milliseconds(10)) == nil)
    decoder.feed(bytes[2...], at: .milliseconds(20))
    #expect(decoder.next(at: .milliseconds(20)) == .character("漢"))
    decoder.feed([0xFF, 0xC3, 0x61], at: .milliseconds(30))
    #expect(decoder.next(at: .milliseconds(30)) == .brokenSequence)
    #expect(decoder.next(at: .milliseconds(30)) == .brokenSequence)
    #expect(decoder.next(at: .milliseconds(30)) == .character("a"))
  }

  @Test func `keys of this terminal's own are known by its description`() {
    #expect(keys("\u{1B}y\u{1B}[7$", named: [Array("\u{1B}y".utf8): .pageUp]).first == .pageUp)
  }

  @Test func `whatever comes, decoding ends and every letter outside of a sequence is kept`() {
    var generator = SplitMix(state: 42)
    let pieces = [
      "\u{1B}", "[", "O", "A", "1", ";", "~", "]", "P", "\u{7}", "é", "q", "\u{9C}", "200",
    ]
    for _ in 0..<2000 {
      let decoder = Typing()
      var moment = Duration.zero
      for _ in 0..<Int.random(in: 1...12, using: &generator) {
        let piece = pieces[Int.random(in: 0..<pieces.count, using: &generator)]
        moment += .milliseconds(Int.random(in: 0...600, using: &generator))
        decoder.feed(piece, at: moment)
        while decoder.next(at: moment) != nil {}
      }
      moment += .seconds(30)
      while decoder.next(at: moment) != nil {}
      #expect(decoder.isIdle)
      decoder.feed("z", at: moment + .seconds(1))
      #expect(decoder.next(at: moment + .seconds(1)) == .character("z"))
    }
  }
}

/// A decoder that `#expect` can call.
private final class Typing {
  private var decoder: KeyDecoder

  init(_ decoder: KeyDecoder = KeyDecoder()) { self.decoder = decoder }

  var deadline: Duration? { decoder.deadline }
  var isIdle: Bool { decoder.isIdle }
  func feed(_ text: String, at now: Duration) { decoder.feed(Array(text.utf8), at: now) }
  func feed(_ bytes: some Sequence<UInt8>, at now: Duration) { decoder.feed(bytes, at: now) }
  func next(at now: Duration) -> Key? { decoder.next(at: now) }
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
