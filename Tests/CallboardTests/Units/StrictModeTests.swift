import Callboard
import JSONSchema
import Testing

@Suite struct StrictModeTests {
  private static func json(_ text: String) -> JSONValue {
    do { return try JSONValue(parsing: text) } catch { preconditionFailure("\(error)") }
  }

  private static func pointers(_ text: String) -> [String] {
    StrictMode.problems(in: json(text)).map(\.pointer.description)
  }

  @Test func `parameters that name and require everything have no problem`() {
    let text = """
      {"type":"object","additionalProperties":false,"required":["a","b"],"properties":{
        "a":{"type":["string","null"]},
        "b":{"type":"array","items":{"anyOf":[{"type":"integer"},{"$ref":"#/$defs/c"}]}}},
       "$defs":{"c":{"type":"object","properties":{},"additionalProperties":false}}}
      """
    #expect(Self.pointers(text) == [])
  }

  @Test(arguments: [
    (#"{"type":"array","items":{"type":"string"}}"#, ""),
    (#"{"type":["object","null"],"properties":{},"additionalProperties":false}"#, ""),
    (#"{"type":"object","properties":{}}"#, ""),
    (
      #"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#,
      "/properties/a"
    ),
    (
      #"{"type":"object","properties":{},"required":["z"],"additionalProperties":false}"#,
      "/required"
    ),
    (
      #"{"type":"object","properties":{},"additionalProperties":false,"anyOf":[{"type":"object","properties":{},"additionalProperties":false}]}"#,
      "/anyOf"
    ),
    (
      #"{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}"#,
      "/properties/a"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array"}},"required":["a"],"additionalProperties":false}"#,
      "/properties/a"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"string","not":{"const":"x"}}},"required":["a"],"additionalProperties":false}"#,
      "/properties/a/not"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"object","additionalProperties":{"type":"string"}}},"required":["a"],"additionalProperties":false}"#,
      "/properties/a"
    ),
  ])
  func `what strict mode refuses is found where it is`(text: String, pointer: String) {
    #expect(Self.pointers(text) == [pointer])
  }

  @Test(arguments: ["allOf", "not", "if", "dependentRequired", "dependentSchemas", "oneOf"])
  func `keywords outside the subset are found`(keyword: String) {
    let text = #"""
      {"type":"object","properties":{},"additionalProperties":false,"\#(keyword)":{}}
      """#
    #expect(Self.pointers(text) == ["/\(keyword)"])
  }

  private static func nested(_ levels: Int) -> JSONValue {
    (1..<levels).reduce(["type": "object", "properties": [:], "additionalProperties": false]) {
      inner,
      _ in
      [
        "type": "object", "properties": ["a": inner], "required": ["a"],
        "additionalProperties": false,
      ]
    }
  }

  @Test func `ten levels are taken and eleven are not`() {
    #expect(StrictMode.problems(in: Self.nested(10)).isEmpty)
    #expect(StrictMode.problems(in: Self.nested(11)).count == 1)
  }

  private static func enumeration(_ values: [String]) -> JSONValue {
    [
      "type": "object", "required": ["a"], "additionalProperties": false,
      "properties": ["a": ["type": "string", "enum": .array(values.map(JSONValue.string))]],
    ]
  }

  @Test func `the limits of enumerations are kept`() {
    func messages(_ values: [String]) -> [String] {
      StrictMode.problems(in: Self.enumeration(values)).map(\.message)
    }
    #expect(messages((0..<1000).map { "v\($0)" }).isEmpty)
    #expect(messages((0..<1001).map { "v\($0)" }).count == 1)
    let long = (0..<251).map { String(repeating: "x", count: 60) + "\($0)" }
    #expect(messages(Array(long.dropLast())).isEmpty)
    #expect(messages(long).first?.contains("251 values") == true)
    let huge = (0..<200).map { String(repeating: "x", count: 600) + "\($0)" }
    #expect(messages(huge).first?.contains("120000") == true)
  }

  @Test func `five thousand properties are taken and one more is not`() {
    func parameters(_ count: Int) -> JSONValue {
      let names = (0..<count).map { "p\($0)" }
      return [
        "type": "object", "additionalProperties": false,
        "required": .array(names.map(JSONValue.string)),
        "properties": .object(JSONObject(names.map { ($0, ["type": "integer"]) })),
      ]
    }
    #expect(StrictMode.problems(in: parameters(5_000)).isEmpty)
    #expect(StrictMode.problems(in: parameters(5_001)).count == 1)
  }

  @Test func `an optional property becomes one that may be null and is required`() throws {
    let conversion = StrictMode.convert(
      Self.json(
        """
        {"type":"object","required":["a"],"properties":{"a":{"type":"string"},
          "b":{"type":"integer","default":3,"description":"How many."},"c":{"type":"string","enum":["x"]},
          "d":{"$ref":"#/$defs/d","description":"A d."},"e":{"const":1},"f":{"type":["string","null"]},
          "g":{"oneOf":[{"type":"string"},{"type":"integer"}]}},
          "$defs":{"d":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}}}
        """
      )
    )
    #expect(
      conversion.parameters
        == Self.json(
          """
          {"type":"object","required":["a","b","c","d","e","f","g"],"additionalProperties":false,"properties":{
            "a":{"type":"string"},
            "b":{"type":["integer","null"],"description":"How many. Null means 3."},
            "c":{"type":["string","null"],"enum":["x",null]},
            "d":{"anyOf":[{"$ref":"#/$defs/d"},{"type":"null"}],"description":"A d."},
            "e":{"anyOf":[{"const":1},{"type":"null"}]},"f":{"type":["string","null"]},
            "g":{"anyOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}},
            "$defs":{"d":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}}}
          """
        )
    )
    #expect(conversion.remaining.isEmpty)
    let schema = try Schema(conversion.parameters)
    #expect(
      schema.isValid(
        Self.json(#"{"a":"","b":null,"c":null,"d":null,"e":null,"f":null,"g":null}"#)
      )
    )
    let told = Set(conversion.changes.map(\.pointer.description))
    #expect(told.isSuperset(of: ["", "/properties/b", "/properties/g", "/$defs/d"]))
    #expect(!told.contains("/properties/a"))
  }

  @Test func `what is strict already is not changed`() {
    let strict = Self.nested(3)
    let conversion = StrictMode.convert(strict)
    #expect(conversion.parameters == strict)
    #expect(conversion.changes.isEmpty)
  }

  @Test func `no parameters become an object without members`() {
    let conversion = StrictMode.convert(["type": "object"])
    #expect(
      conversion.parameters == ["type": "object", "properties": [:], "additionalProperties": false]
    )
    #expect(conversion.remaining.isEmpty)
  }

  @Test(arguments: [
    (#"{"type":"object"}"#, "members of any name"),
    (#"{"type":"object","additionalProperties":{"type":"string"}}"#, "members of any name"),
    (#"{}"#, "any value"), (#"{"type":"array"}"#, "array of anything"),
    (#"{"type":"string","not":{"const":"x"}}"#, "strict mode has not"),
  ])
  func `what can't be converted is told and left as it is`(part: String, words: String) throws {
    let conversion = StrictMode.convert(
      Self.json(#"{"type":"object","required":["a"],"properties":{"a":\#(part)}}"#)
    )
    #expect(conversion.parameters["properties"]?["a"] == Self.json(part))
    let problem = try #require(conversion.remaining.first)
    #expect(conversion.remaining.count == 1)
    #expect(problem.message.contains(words), "\(problem)")
    #expect(problem.pointer.description.hasPrefix("/properties/a"))
  }

  @Test func `an allOf of one schema becomes that schema`() {
    let conversion = StrictMode.convert(
      Self.json(
        """
        {"type":"object","required":["a"],"additionalProperties":false,"properties":{
          "a":{"allOf":[{"type":"string","description":"Inner."}],"description":"Outer."}}}
        """
      )
    )
    #expect(
      conversion.parameters["properties"]?["a"] == ["type": "string", "description": "Outer."]
    )
    #expect(conversion.changes.map(\.pointer.description) == ["/properties/a"])
  }
}
