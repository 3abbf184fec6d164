import Callboard
import Foundation
import Testing

@Suite struct SafeTextTests {
  @Test(
    arguments: [
      ("two\nlines", "two⏎lines"),
      ("a\tb", "a⇥b"),
      ("a\r\nb", "a␍⏎b"),
      ("\u{1B}[31mred", "␛[31mred"),
      ("\u{0}\u{7}\u{7F}", "␀␇␡"),
      ("\u{9B}31m", "<U+009B>31m"),
      ("\u{202E}gpj", "<U+202E>gpj"),
      ("\u{2066}a\u{2069}\u{200F}", "<U+2066>a<U+2069><U+200F>"),
      ("a\u{200B}b\u{FEFF}", "a<U+200B>b<U+FEFF>"),
      ("soft\u{AD}hyphen", "soft<U+00AD>hyphen"),
      ("❤\u{FE0F}", "❤<U+FE0F>"),
      ("\u{E0041}\u{E007F}", "<U+E0041><U+E007F>"),
      ("\u{E000}\u{FFFF}\u{10FFFF}\u{378}", "<U+E000><U+FFFF><U+10FFFF><U+0378>"),
      ("25\u{A0}000", "25<U+00A0>000"),
      ("\u{3164}\u{2800}\u{115F}", "<U+3164><U+2800><U+115F>"),
      ("\u{2028}\u{2029}\u{85}", "<U+2028><U+2029><U+0085>"),
    ]
  )
  func `what moves, hides or reorders is shown and not done`(untrusted: String, shown: String) {
    #expect(SafeText(untrusted: untrusted).text == shown)
  }

  @Test(arguments: ["│ amount │ 1", "▌ selected", "｜", "∣", "┃", "❘", "ǀ"])
  func `no value prints the bar that callboard puts before values`(untrusted: String) {
    let bars = Set("│▌｜∣┃❘ǀ")
    #expect(!SafeText(untrusted: untrusted).text.contains(where: bars.contains))
  }

  @Test(arguments: ["漢字 한국어 हिन्दी العربية ไทย", "naïve café Ünïcödé", "😀 🚀 ✅ €", "a < b && c > d"])
  func `ordinary text of any language stays as it is`(text: String) {
    #expect(SafeText(untrusted: text).text == text)
    #expect(SafeText.inspect(text).isEmpty)
  }

  @Test func `a mark with nothing to stand on is shown by code point`() {
    #expect(SafeText(untrusted: "\u{301}a").text == "<U+0301>a")
    #expect(SafeText(untrusted: "a\n\u{301}").text == "a⏎<U+0301>")
    #expect(SafeText(untrusted: "\u{1161}").text == "<U+1161>")
    #expect(SafeText(untrusted: "e\u{301}").text == "e\u{301}")
  }

  @Test func `a fifth mark on a letter is counted and not drawn`() {
    let marks = String(repeating: "\u{301}", count: 9)
    #expect(
      SafeText(untrusted: "a" + marks + "b").text.unicodeScalars.elementsEqual(
        "a\u{301}\u{301}\u{301}\u{301}<+5 marks>b".unicodeScalars
      )
    )
  }

  @Test func `what the sanitiser writes cannot be written by a text`() {
    for forged in ["<U+202E>", "a⏎b", "a⇥b", "␛[31m", "<+3 bytes>"] {
      #expect(SafeText(untrusted: forged).text != forged)
    }
    #expect(SafeText(untrusted: "<U+202E>").text == "<U+003C>U+202E>")
  }

  @Test func `different texts look different`() {
    let parts = [
      "", "a", "<", "U+", "+", "202E>", "\u{202E}", "\n", "⏎", "\r", "␍", " ", "\u{A0}", "\u{301}",
      "\u{200B}", "<U+200B>", "│", "<U+2502>", "\u{430}", "\t",
    ]
    var seen: [[Unicode.Scalar]: [Unicode.Scalar]] = [:]
    for first in parts {
      for second in parts {
        for third in parts {
          let text = first + second + third
          let shown = Array(SafeText(untrusted: text).text.unicodeScalars)
          let before = seen.updateValue(Array(text.unicodeScalars), forKey: shown)
          #expect(before == nil || before == Array(text.unicodeScalars))
        }
      }
    }
  }

  @Test func `no scalar of Unicode gets through that a terminal would obey`() {
    var text = String.UnicodeScalarView()
    // Every scalar of the planes where something is, and some of the ideographs, the empty and the
    // private planes.
    let planes = [0...0x1FFFF, 0xE0000...0xE0FFF].flatMap { Array($0) }
    let samples = Array(stride(from: 0x20000, through: 0x10FFFF, by: 61)) + [0x10FFFF]
    for (count, value) in (planes + samples).enumerated() {
      guard let scalar = Unicode.Scalar(UInt32(value)) else { continue }
      text.append("x")
      text.append(scalar)
      if count % 4096 == 4095 || value == 0x10FFFF {
        let shown = SafeText(untrusted: String(text))
        let bad = shown.text.unicodeScalars.first(where: isUnsafe)
        #expect(bad == nil, "\(bad.map { String($0.value, radix: 16) } ?? "")")
        let ascii = shown.ascii.text.utf8
        #expect(ascii.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "|") })
        text.removeAll(keepingCapacity: true)
      }
    }
  }

  private func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isDefaultIgnorableCodePoint || properties.isBidiControl { return true }
    return switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      true
    case .spaceSeparator: scalar != " "
    default: scalar.properties.isNoncharacterCodePoint
    }
  }

  @Test func `what is left out is said`() {
    let shown = SafeText(untrusted: String(repeating: "é", count: 2000), limit: 10)
    #expect(shown.text == "éééééééééé<+3,980 bytes>")
    #expect(SafeText(untrusted: "ten chars.", limit: 10).text == "ten chars.")
  }

  @Test func `each line of a transcript is safe by itself`() {
    let lines = SafeText.lines(untrusted: "one\r\ntwo\u{1B}\n\n\u{301}")
    #expect(lines.map(\.text) == ["one", "two␛", "", "<U+0301>"])
  }

  // MARK: remarks

  @Test(
    arguments: [
      ("approve\nat once\u{200B}.", "holds a line break and 1 invisible character"),
      ("a\r\nb\nc", "holds 2 line breaks"),
      ("\u{1B}[31m", "holds 1 control character"),
      ("\u{202E}a\u{2069}", "holds 2 characters that turn the reading direction"),
      ("a\u{A0}b", "holds 1 invisible character"),
      ("\u{E000}", "holds 1 character without a meaning"),
      ("𝐩𝐚𝐲", "holds 3 letters in disguise"),
      (" padded", "begins or ends with a space"),
      ("\n ", "holds a line break; begins or ends with a space"),
      ("p\u{430}yments", "mixes Latin and Cyrillic letters in “p<U+0430>yments”"),
      ("\u{441}\u{43E}\u{440}", "“\u{441}\u{43E}\u{440}” looks Latin but is Cyrillic"),
      ("a" + String(repeating: "\u{301}", count: 5), "holds 1 letter under piled marks"),
    ]
  )
  func `what a reader would miss is remarked`(untrusted: String, sentence: String) {
    #expect(SafeText.sentence(of: SafeText.inspect(untrusted))?.text == sentence)
  }

  @Test func `nothing is remarked on plain text`() {
    #expect(SafeText.inspect("DE89 3704 0044").isEmpty)
    #expect(SafeText.sentence(of: []) == nil)
  }

  @Test func `a Russian sentence is not a disguise`() {
    #expect(SafeText.inspect("Сара живёт в Москве").isEmpty)
    #expect(SafeText(untrusted: "Сара живёт").text == "Сара живёт")
  }

  @Test func `letters that pass for Latin ones inside a Latin word are shown by code point`() {
    #expect(SafeText(untrusted: "p\u{430}y\u{440}al").text == "p<U+0430>y<U+0440>al")
    // Part of the word as far as the eye goes.
    #expect(SafeText(untrusted: "p\u{200B}\u{430}y").text == "p<U+200B><U+0430>y")
    #expect(SafeText(untrusted: "USB-кабель").text == "USB-кабель")
  }

  // MARK: making text

  @Test func `numbers and safe parts go into literals`() {
    let who = SafeText(untrusted: "bo\n")
    #expect(("waiting \(1234) · \(who)" as SafeText).text == "waiting 1,234 · bo⏎")
    #expect(SafeText.number(-1_234_567).text == "-1,234,567")
    #expect(SafeText.number(Int.min).text == "-9,223,372,036,854,775,808")
    #expect(SafeText.number(0).text == "0")
    #expect(SafeText.number(1.95, decimals: 1).text == "2.0")
    #expect(SafeText.number(-0.04, decimals: 1).text == "0.0")
    #expect(SafeText.number(0.0625, decimals: 3).text == "0.063")
    #expect(SafeText.number(.nan, decimals: 1).text == "─")
    #expect((["a", "b", "c"] as [SafeText]).joined(separator: ", ").text == "a, b, c")
    #expect(([] as [SafeText]).joined().isEmpty)
  }

  @Test func `ASCII stands in for callboard's own signs and spells the rest`() {
    #expect(("│ ▼ … ▌ ─ ×" as SafeText).ascii.text == "| v ~ > - x")
    #expect(SafeText(untrusted: "Müller\n\t").ascii.text == #"M<U+00FC>ller\n\t"#)
    #expect(SafeText(untrusted: "a|b\u{1B}").ascii.text == "a<U+007C>b^[")
  }

  private static let naughtyStrings = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/data/terminal/blns.json")

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: naughtyStrings.path),
      "there is no shared/data/terminal/blns.json beside the project"
    )
  )
  func `naughty strings come out on one line of harmless characters`() throws {
    let json = try Data(contentsOf: Self.naughtyStrings)
    let naughty = try JSONDecoder().decode([String].self, from: json)
    #expect(naughty.count > 400)
    for text in naughty {
      let shown = SafeText(untrusted: text)
      #expect(!shown.text.unicodeScalars.contains(where: isUnsafe), "\(text.debugDescription)")
      let twice = SafeText(untrusted: shown.text).text
      #expect(twice == shown.text || shown.text != text)
    }
  }
}
