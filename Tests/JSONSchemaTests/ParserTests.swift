import Foundation
import JSONSchema
import Testing

@Suite struct ParserTests {
  private func reason(_ text: String, options: JSONParsingOptions = .default) -> String? {
    do {
      _ = try JSONValue(parsing: text, options: options)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(.needs(sharedData: "json-parsing"))
  func `every document of JSONTestSuite is accepted or refused as it asks`() throws {
    let folder = SharedData.folder("json-parsing")
    var seen = 0
    for file in try SharedData.files(in: folder) {
      let name = file.lastPathComponent
      let value = try? JSONValue(parsing: SharedData.bytes(file), options: .lenient)
      if name.hasPrefix("y_") { #expect(value != nil, "\(name) must be accepted") }
      if name.hasPrefix("n_") { #expect(value == nil, "\(name) must be refused") }
      seen += 1
    }
    #expect(seen > 280)
  }

  @Test(.needs(sharedData: "json-parsing"))
  func `what is accepted is written back to an equal value`() throws {
    let folder = SharedData.folder("json-parsing")
    for file in try SharedData.files(in: folder) where file.lastPathComponent.hasPrefix("y_") {
      let value = try JSONValue(parsing: SharedData.bytes(file))
      #expect(try JSONValue(parsing: value.serialized()) == value)
      #expect(try JSONValue(parsing: value.serialized(pretty: true)) == value)
      #expect(try JSONValue(parsing: value.canonical()) == value)
    }
  }

  @Test(arguments: [
    ("", "line 1, column 1: the text ends where a value was expected"),
    ("{\"a\":1,}", "line 1, column 8: expected a key in double quotes, found \"}\""),
    ("[1 2]", "line 1, column 4: expected \",\" or \"]\" after an item, found \"2\""),
    ("{\"ä\":\n tru}", "line 2, column 2: expected true, found \"t\""),
    ("\"a", "line 1, column 1: this string has no closing quote"),
    ("01", "line 1, column 1: a number must not start with an unneeded 0"),
    ("-", "line 1, column 2: the text ends where a digit was expected"),
    ("1.e3", "line 1, column 3: expected a digit after the decimal point, found \"e\""),
    ("[1] x", "line 1, column 5: expected the end of the text after the value, found \"x\""),
    (
      "\"\\x\"",
      "line 1, column 2: after \"\\\" a string takes one of \" \\ / b f n r t u, found \"x\""
    ),
    (
      "\"\\ud800\"",
      "line 1, column 2: \\uD800 is half of a surrogate pair without the other half: it is no character"
    ),
    ("\"a\nb\"", "line 1, column 3: the control character U+000A must be escaped in a string: \\n"),
    (
      "\u{FEFF}1",
      "line 1, column 1: the text starts with a byte order mark; send UTF-8 without one"
    ),
    ("1e1000000000", "line 1, column 1: the exponent of this number is beyond 999999999"),
  ])
  func `an error says line, column and what was found`(text: String, message: String) {
    #expect(reason(text) == message)
  }

  @Test func `columns count characters and offsets count bytes`() throws {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: "[\"äöü\", ?]") }
    #expect(error?.column == 9)
    #expect(error?.offset == 11)
  }

  @Test func `arguments with the same key twice are refused, other documents keep the last`() throws
  {
    let text = #"{"amount": 1, "to": "x", "amount": 2}"#
    #expect(
      reason(text, options: .arguments)
        == "line 1, column 26: the key \"amount\" stands twice in this object; write it once"
    )
    let kept = try JSONValue(parsing: text)
    #expect(kept == ["amount": 2, "to": "x"])
    #expect(kept.objectValue?.keys == ["amount", "to"])
  }

  @Test func `a key twice among thousands is found where it stands`() throws {
    let members = (0..<3000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
    let text = "{\(members),\n\"k1234\":0}"
    let error = #expect(throws: JSONParseError.self) {
      try JSONValue(parsing: text, options: .arguments)
    }
    #expect(error?.line == 2)
    #expect(error?.column == 1)
    #expect(try JSONValue(parsing: text)["k1234"] == 0)
  }

  @Test func `an escaped key equals the same key written plainly`() {
    #expect(reason(#"{"a":1,"\u0061":2}"#, options: .arguments) != nil)
    #expect(reason("{\"\u{E9}\":1,\"e\u{301}\":2}", options: .arguments) == nil)
  }

  @Test func `nesting stops at the limit and nowhere else`() throws {
    let options = JSONParsingOptions(maximumDepth: 40)
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(reason(nested(40), options: options) == nil)
    #expect(
      reason(nested(41), options: options)
        == "line 1, column 41: nested deeper than 40 arrays and objects"
    )
    #expect(reason(nested(512)) == nil)
    #expect(reason(String(repeating: "[", count: 1_000_000)) != nil)
    #expect(reason(String(repeating: "{\"a\":", count: 1_000_000)) != nil)
  }

  @Test func `a text that is too long is not looked at`() {
    let message = reason("[1,2,3]", options: JSONParsingOptions(maximumBytes: 6))
    #expect(message == "line 1, column 1: the text is 7 bytes long; at most 6 are accepted")
  }

  @Test func `bytes that are not UTF-8 are refused where they stand`() {
    for bytes: [UInt8] in [
      [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC0, 0xAF],
    ] {
      let text = Array("[\"ok\",\"ab".utf8) + bytes + Array("\"]".utf8)
      let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: text) }
      #expect(error?.offset == 9)
      #expect(error?.reason.hasSuffix("in this string is not UTF-8") == true)
    }
  }

  @Test func `escapes become the characters they stand for`() throws {
    let value = try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0000""#)
    #expect(value == .string("\"\\/\u{8}\u{C}\n\r\té😀\0"))
  }

  @Test func `a slice of bytes is parsed like an array`() throws {
    let bytes = Array("xx[1,2]yy".utf8)
    #expect(try JSONValue(parsing: bytes[2..<7]) == [1, 2])
    #expect(try JSONValue(parsing: bytes[2..<7].reversed().reversed() as [UInt8]) == [1, 2])
  }

  /// Changes real documents at random, a thousand times for each seed: nothing may crash, and what is accepted must
  /// survive being written and read again.
  @Test(arguments: 1...8)
  func `no text crashes the parser`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let seeds = [
      #"{"a":[1,-2.5e+10,true,null,"x\u00e9\n"],"b":{"c":{},"d":[]},"e":"\ud83d\ude00"}"#,
      #"[[[[1.0000000000000000001]]],"äöü€😀",{"k":9223372036854775808}]"#,
      (0..<40).map { "{\"key\($0)\":\($0)}" }.joined(separator: ","),
    ].map { Array($0.utf8) }
    let alphabet =
      Array("{}[]\",:\\0123456789eE+-.u tfn\u{7F}\u{0}ä".utf8) + [0xFF, 0xED, 0xF0, 0x80]
    for _ in 0..<1000 {
      var bytes = seeds.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 1...6, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = alphabet.randomElement(using: &generator) ?? 0
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: place)
        default: bytes.removeSubrange(place..<min(bytes.count, place + 9))
        }
      }
      guard let value = try? JSONValue(parsing: bytes, options: .arguments) else { continue }
      #expect(try JSONValue(parsing: value.serialized(), options: .arguments) == value)
    }
  }
}
