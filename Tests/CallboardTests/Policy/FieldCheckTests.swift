import JSONSchema
import Testing

@testable import Callboard

struct FieldCheckTests {
  static let schema: JSONValue = [
    "type": "object",
    "properties": [
      "min_price": ["type": "number"], "max_price": ["type": ["integer", "null"]],
      "from": ["type": "string", "format": "date"], "to": ["type": "string", "format": "date"],
      "start": ["type": "string", "format": "date-time"],
      "end": ["$ref": "#/$defs/moment"],
      "name": ["type": "string"], "other-name": ["type": "string"], "flag": ["type": "boolean"],
      "range": [
        "type": "object", "properties": ["low": ["type": "integer"], "high": ["type": "integer"]],
      ],
    ],
    "$defs": ["moment": ["type": "string", "format": "date-time"]],
  ]

  @Test(
    arguments: [
      ("max_price > min_price", ["max_price": 5, "min_price": 4.5]),
      ("max_price>min_price", ["max_price": 5]),
      ("max_price > min_price", ["max_price": nil, "min_price": 4]),
      ("min_price >= 1", ["min_price": 1.0]),
      ("100 > min_price", ["min_price": 99]),
      ("/range/high >= /range/low", ["range": ["high": 3, "low": 3]]),
      ("to >= from", ["from": "2026-01-31", "to": "2026-02-01"]),
      ("from >= '2026-01-01'", ["from": "2026-01-31"]),
      // 12:00 in Berlin is before 11:30 in UTC.
      ("end > start", ["start": "2026-01-01T12:00:00+01:00", "end": "2026-01-01T11:30:00Z"]),
      ("name != other-name", ["name": "a", "other-name": "b"]),
      ("flag == true", ["flag": true]),
    ] as [(String, JSONValue)]
  )
  func `it holds, or says nothing of what is missing`(text: String, arguments: JSONValue) throws {
    let check = try FieldCheck(text)
    #expect(check.mistake(in: Self.schema) == nil)
    #expect(check.error(in: arguments, shown: arguments) == nil)
  }

  @Test(
    arguments: [
      (
        "max_price > min_price", ["max_price": 4, "min_price": 4],
        "/max_price: expected more than /min_price, which is 4, (max_price > min_price), found 4"
      ),
      (
        "0 < min_price", ["min_price": -1],
        "/min_price: expected more than 0 (0 < min_price), found -1"
      ),
      (
        "/range/high >= /range/low", ["range": ["high": 2, "low": 3]],
        "/range/high: expected at least /range/low, which is 3, (/range/high >= /range/low), found 2"
      ),
      (
        "to > from", ["from": "2026-02-01", "to": "2026-01-31"],
        "/to: expected later than /from, which is \"2026-02-01\", (to > from), found \"2026-01-31\""
      ),
      (
        "end > start", ["start": "2026-01-01T12:00:00+01:00", "end": "2026-01-01T10:59:59Z"],
        "/end: expected later than /start, which is \"2026-01-01T12:00:00+01:00\", (end > start), found \"2026-01-01T10:59:59Z\""
      ),
      (
        "name != other-name", ["name": "a", "other-name": "a"],
        "/name: expected something else than /other-name, which is \"a\", (name != other-name), found \"a\""
      ),
    ] as [(String, JSONValue, String)]
  )
  func `where it does not hold, the error stands at the field`(
    text: String,
    arguments: JSONValue,
    message: String
  ) throws {
    let check = try FieldCheck(text)
    #expect(check.mistake(in: Self.schema) == nil)
    #expect(check.error(in: arguments, shown: arguments)?.message == message)
  }

  @Test func `what is secret of the other field is not said`() throws {
    let check = try FieldCheck("max_price > min_price")
    let error = check.error(
      in: ["max_price": 4, "min_price": 41],
      shown: ["max_price": 4, "min_price": "[redacted]"]
    )
    #expect(
      error?.message == "/max_price: expected more than /min_price (max_price > min_price), found 4"
    )
  }

  @Test(arguments: [
    ("", 1), ("max_price", 10), ("max_price >", 12), ("max_price = min_price", 11),
    ("max_price > min_price and 1 > 2", 23), ("1 > 2", 1), ("a.b > c", 1), ("a > 'x", 5),
    ("a > 1x", 6), ("a => b", 3), ("null == a", 1), ("(a) > b", 1),
  ])
  func `what is no comparison is refused at its character`(text: String, column: Int) {
    #expect(throws: FieldCheck.Mistake.self) { try FieldCheck(text) }
    do throws(FieldCheck.Mistake) {
      _ = try FieldCheck(text)
    } catch {
      #expect(error.column == column, "\(error)")
    }
  }

  @Test(arguments: [
    ("max_prize > min_price", "did you mean max_price?", 1),
    ("min_price < max_prise", "did you mean max_price?", 13),
    ("/range/hihg > 1", "which /range has not; did you mean high?", 8),
    ("name > other-name", "order of texts", 1),
    ("from < start", "a date with a date and time", 1),
    ("min_price < name", "a number with a text", 1),
    ("flag > true", "use == or !=", 1),
    ("range == 1", "which is object", 1),
    ("from > 'tomorrow'", "a date with a text", 1),
  ])
  func `names and types are those of the schema`(
    text: String,
    sentence: String,
    column: Int
  ) throws {
    let mistake = try #require(try FieldCheck(text).mistake(in: Self.schema))
    #expect(mistake.message.contains(sentence), "\(mistake)")
    #expect(mistake.column == column)
  }

  @Test func `a schema that refers to itself is walked to an end`() throws {
    let schema: JSONValue = [
      "properties": ["a": ["$ref": "#/$defs/a"]],
      "$defs": ["a": ["anyOf": [["$ref": "#/$defs/a"], ["$ref": "#/$defs/a"]]]],
    ]
    #expect(try FieldCheck("a > 1").mistake(in: schema) == nil)
  }
}
