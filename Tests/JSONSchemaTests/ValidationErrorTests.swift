import JSONSchema
import Testing

@Suite struct ValidationErrorTests {
  private static let search = #"""
    {"type": "object", "required": ["location"], "additionalProperties": false, "properties": {
      "location": {"type": "string", "minLength": 3, "pattern": "^[A-Z]"},
      "minPrice": {"type": "number", "minimum": 0}, "rooms": {"type": "integer", "maximum": 20, "multipleOf": 2},
      "type": {"enum": ["apartment", "house", "condo"]}, "furnished": {"type": ["boolean", "null"]},
      "since": {"type": "string", "format": "date"}, "tags": {"type": "array", "uniqueItems": true, "maxItems": 2,
        "items": {"type": "string", "maxLength": 4}}}}
    """#

  @Test(arguments: [
    (#"{"location": "Rome", "minPrice": -5}"#, "/minPrice: expected a number ≥ 0, found -5"),
    (
      #"{"location": "Rome", "minPrice": "5"}"#,
      "/minPrice: expected a number, found the string \"5\"; did you mean 5?"
    ),
    (
      #"{"location": "Rome", "rooms": 2.5}"#,
      "/rooms: expected an integer, found 2.5|/rooms: expected a multiple of 2, found 2.5"
    ),
    (#"{"location": "Rome", "rooms": 22}"#, "/rooms: expected an integer ≤ 20, found 22"),
    (
      #"{"location": "Rome", "type": "appartment"}"#,
      "/type: expected one of \"apartment\", \"house\", \"condo\", found the string \"appartment\"; did you mean \"apartment\"?"
    ),
    (
      #"{"location": "Rome", "furnished": "maybe"}"#,
      "/furnished: expected true or false or null, found the string \"maybe\""
    ),
    (
      #"{"location": "rO"}"#,
      "/location: expected a string of at least 3 characters, found the string \"rO\", which has 2|/location: expected a string that matches ^[A-Z], found the string \"rO\""
    ),
    (#"{}"#, "top level: expected the property \"location\", found an empty object"),
    (
      #"{"locaton": "Rome"}"#,
      "top level: expected no property but \"location\", \"minPrice\", \"rooms\", \"type\", \"furnished\", \"since\" and \"tags\", found \"locaton\"; did you mean \"location\"?|top level: expected the property \"location\", found \"locaton\" instead; did you mean \"location\"?"
    ),
    (
      #"{"location": "Rome", "since": "yesterday"}"#,
      "/since: expected a date such as 2026-11-22, found the string \"yesterday\""
    ),
    (
      #"{"location": "Rome", "tags": ["a", "b", "a"]}"#,
      "/tags: expected items that differ from each other, found the string \"a\" at 0 and again at 2|/tags: expected an array of at most 2 items, found an array of 3 items: [\"a\",\"b\",\"a\"]"
    ),
    (
      #"{"location": "Rome", "tags": ["abcde"]}"#,
      "/tags/0: expected a string of at most 4 characters, found the string \"abcde\", which has 5"
    ),
    (#"[]"#, "top level: expected an object, found an empty array"),
  ])
  func `a message says where, what was expected and what came`(
    value: String,
    messages: String
  ) throws {
    let schema = try Schema(JSONValue(parsing: Self.search))
    let errors = try schema.validate(JSONValue(parsing: value))
    #expect(
      errors.map(\.message).sorted() == messages.split(separator: "|").map(String.init).sorted()
    )
    #expect(schema.validate(try JSONValue(parsing: value), stopAtFirst: true).count == 1)
  }

  @Test func `an error names keyword and both places`() throws {
    let schema = try Schema([
      "properties": ["a/b": ["items": ["$ref": "#/$defs/price"]]],
      "$defs": ["price": ["minimum": 1]],
    ])
    let error = try #require(schema.validate(["a/b": [2, 0]]).first)
    #expect(error.path == "/a~1b/1")
    #expect(error.keyword == "minimum")
    #expect(error.schemaPath == "/$defs/price/minimum")
    #expect(error.expected == "a number ≥ 1")
    #expect(error.found == "0")
    #expect(error.suggestion == nil)
  }

  @Test func `a megabyte is not repeated in an error`() throws {
    let schema = try Schema(["type": "integer"])
    for value: JSONValue in [
      .string(String(repeating: "ä", count: 1_000_000)),
      .array(Array(repeating: 1, count: 1_000_000)),
      ["k": .string(String(repeating: "x", count: 1_000_000))],
      .decimal(String(repeating: "1", count: 100_000) + ".5"),
    ] {
      let error = try #require(schema.validate(value).first)
      #expect(error.message.unicodeScalars.count < 200)
    }
  }

  @Test func `the alternative that was meant explains itself`() throws {
    let schema = try Schema(
      JSONValue(
        parsing: #"""
          {"properties": {"agent": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}}}]},
            "way": {"oneOf": [{"properties": {"kind": {"const": "wire"}, "iban": {"type": "string"}}, "required": ["iban"]},
              {"properties": {"kind": {"const": "card"}, "number": {"type": "string"}}, "required": ["number"]}]},
            "both": {"oneOf": [{"type": "integer"}, {"minimum": 2}]}}}
          """#
      )
    )
    #expect(
      schema.validate(["agent": ["name": 5]]).map(\.message) == [
        "/agent: expected null or an object with \"name\", found the object {\"name\":5}",
        "/agent/name: expected a string, found 5",
      ]
    )
    #expect(schema.validate(["agent": 5]).map(\.keyword) == ["anyOf"])
    #expect(schema.validate(["way": ["kind": "card"]]).map(\.keyword) == ["oneOf", "required"])
    #expect(
      schema.validate(["both": 3]).map(\.message) == [
        "/both: expected a value that fits exactly one of the alternatives, found 3, which fits number 1 and number 2"
      ]
    )
  }

  @Test func `errors inside alternatives that hold are not told`() throws {
    let schema = try Schema(
      JSONValue(
        parsing: #"""
          {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "integer"}],
           "not": {"type": "object"}, "if": {"type": "string"}, "then": false, "minimum": 10}
          """#
      )
    )
    #expect(schema.validate(5).map(\.keyword) == ["minimum"])
  }

  @Test func `names, dependencies and leftovers are explained`() throws {
    let schema = try Schema(
      JSONValue(
        parsing: #"""
          {"propertyNames": {"pattern": "^[a-z]+$"}, "dependentRequired": {"card": ["cvc"]},
           "properties": {"card": {}, "cvc": {}}, "unevaluatedProperties": false,
           "minProperties": 1}
          """#
      )
    )
    #expect(
      schema.validate(["card": 1, "B": 2]).map(\.message) == [
        "top level: expected property names to be a string that matches ^[a-z]+$, found \"B\"",
        "top level: expected the property \"cvc\", because \"card\" is there, found only \"card\" and \"B\"",
        "top level: expected no further property, found \"B\"",
      ]
    )
    let contains = try Schema(["contains": ["type": "string"], "minContains": 2])
    #expect(
      contains.validate(["a", 1]).map(\.message) == [
        "top level: expected at least 2 items that are a string, found 1 among 2"
      ]
    )
  }

  @Test func `an error is Codable`() throws {
    let error = try #require(try Schema(["type": "null"]).validate(1).first)
    #expect(try JSONValue(encoding: error).decode(as: ValidationError.self) == error)
  }
}
