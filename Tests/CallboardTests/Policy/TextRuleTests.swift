import JSONSchema
import Testing

@testable import Callboard

struct TextRuleTests {
  @Test(arguments: [
    "Earnest money for 12 Oak St.", "one\ntwo", "one\r\ntwo", "a\tb", "", "Zażółć gęślą jaźń",
    "12\u{202F}000\u{A0}€", "日本\u{3000}語", "❤️", "👩‍💻 works", "👨‍👩‍👧", "👍🏽", "🏳️‍🌈", "1️⃣",
    // Persian and Hindi need the joiners that shape them.
    "می\u{200C}خواهم", "क्\u{200D}ष", "שלום", "мир",
  ])
  func `what people write is let through`(text: String) {
    #expect(TextRule.text.refused(in: text) == nil)
  }

  @Test(arguments: [
    ("a\u{0}b", 2, "the control character U+0000"),
    ("a\rb", 2, "the line break character U+000D"),
    ("a\u{1B}[2J", 2, "the control character U+001B"),
    ("a\u{85}", 2, "the control character U+0085"),
    ("a\u{2028}b", 2, "the line break character U+2028 LINE SEPARATOR"),
    ("\u{202E}txt", 1, "the bidirectional control character U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("a\u{200F}", 2, "the bidirectional control character U+200F RIGHT-TO-LEFT MARK"),
    ("at once\u{200B}.", 8, "the invisible character U+200B ZERO WIDTH SPACE"),
    ("pay\u{AD}ment", 4, "the invisible character U+00AD SOFT HYPHEN"),
    ("\u{FEFF}a", 1, "the invisible character U+FEFF ZERO WIDTH NO-BREAK SPACE"),
    ("a\u{200D}b", 2, "the invisible character U+200D ZERO WIDTH JOINER"),
    ("a\u{200C}b", 2, "the invisible character U+200C ZERO WIDTH NON-JOINER"),
    ("a\u{FE0F}", 2, "the invisible character U+FE0F VARIATION SELECTOR-16"),
    ("❤\u{FE0F}\u{FE0F}", 3, "the invisible character U+FE0F VARIATION SELECTOR-16"),
    ("x\u{E0041}\u{E0042}", 2, "the invisible character U+E0041 TAG LATIN CAPITAL LETTER A"),
    ("x\u{E0101}", 2, "the invisible character U+E0101 VARIATION SELECTOR-18"),
    ("a\u{3164}b", 2, "the invisible character U+3164 HANGUL FILLER"),
    ("a\u{2800}b", 2, "the invisible character U+2800 BRAILLE PATTERN BLANK"),
    ("a\u{FFFF}", 2, "the invisible character U+FFFF"),
  ])
  func `what nobody sees is refused, and named`(text: String, position: Int, words: String) {
    let found = TextRule.text.refused(in: text)
    #expect(found?.position == position)
    #expect(found?.words == words)
    #expect(TextRule.any.refused(in: text) == nil)
  }

  @Test(arguments: ["a\nb", "a\r\nb", "a\tb"])
  func `one line has no line break and no tab`(text: String) {
    #expect(TextRule.line.refused(in: text)?.position == 2)
  }
}

struct ArgumentHygieneTests {
  static let schema: JSONValue = [
    "type": "object",
    "properties": [
      "memo": ["type": "string"],
      "account": ["type": "string", "x-text": "line"],
      "blob": ["$ref": "#/$defs/anything"],
      "tags": ["type": "array", "items": ["type": "string", "x-text": "line"]],
      "pair": ["type": "array", "prefixItems": [["x-text": "any"], ["x-text": "line"]]],
      "inner": ["type": "object", "additionalProperties": ["x-text": "any"]],
      "od\u{200B}d": ["type": "string"],
    ],
    "$defs": ["anything": ["type": "string", "x-text": "any"]],
  ]

  private func paths(_ arguments: JSONValue) -> [String] {
    ArgumentHygiene(Self.schema).errors(in: arguments).map(\.path)
  }

  @Test func `each property has the rule that its schema says`() {
    #expect(paths(["memo": "one\ntwo", "account": "DE89", "blob": "\u{1B}\u{202E}"]) == [])
    #expect(paths(["memo": "a\u{200B}", "account": "DE\n89"]) == ["/memo", "/account"])
    #expect(paths(["tags": ["a", "b\tc"]]) == ["/tags/1"])
    #expect(paths(["pair": ["\u{1B}", "\u{1B}"]]) == ["/pair/1"])
    #expect(paths(["inner": ["x": "\u{1B}"], "else": ["x": "\u{1B}"]]) == ["/else/x"])
  }

  @Test func `names are looked at too, and those of the schema are its own`() {
    #expect(paths(["od\u{200B}d": "a"]) == [])
    #expect(paths(["inner": ["o\u{200B}": 1]]) == ["/inner"])
    let error = ArgumentHygiene(["type": "object"]).errors(in: ["a\nb": 1]).first
    #expect(
      error?.message
        == "top level: expected one line of text without control or invisible characters, "
        + "found the line break character U+000A as character 2 of the name “a⏎b”"
    )
  }

  @Test func `an error names place, character and position`() {
    #expect(
      ArgumentHygiene(Self.schema).errors(in: ["memo": "approve at once\u{200B}."]).first?.message
        == "/memo: expected text without control or invisible characters, "
        + "found the invisible character U+200B ZERO WIDTH SPACE as character 16"
    )
  }

  @Test func `a rule that there is not is a mistake`() {
    let mistakes = TextRule.mistakes(in: ["properties": ["a": ["x-text": "lines"], "x-text": [:]]])
    #expect(mistakes.map(\.pointer.description) == ["/properties/a/x-text"])
    #expect(mistakes.first?.sentence == "is \"lines\"; did you mean line?")
  }
}
