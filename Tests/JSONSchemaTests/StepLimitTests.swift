import JSONSchema
import Testing

/// What takes too many steps is given up, and given up is never valid.
@Suite struct StepLimitTests {
  /// An expression is a number or one of four operations on two expressions, told apart by the property "op".
  private static func expressions(opFirst: Bool, union: String = "oneOf") -> JSONValue {
    let operations = ["+", "-", "*", "/"].map { sign -> JSONValue in
      let op: [(key: String, value: JSONValue)] = [("op", ["const": .string(sign)])]
      let sides: [(key: String, value: JSONValue)] = [
        ("left", ["$ref": "#/$defs/e"]), ("right", ["$ref": "#/$defs/e"]),
      ]
      return [
        "type": "object", "properties": .object(JSONObject(opFirst ? op + sides : sides + op)),
        "required": ["op", "left", "right"], "additionalProperties": false,
      ]
    }
    return [
      "$ref": "#/$defs/e",
      "$defs": ["e": [union: .array([["type": "number"]] + operations)]],
    ]
  }

  private static func expression(_ depth: Int, leaf: JSONValue) -> JSONValue {
    (0..<depth).reduce(leaf) { left, _ in ["left": left, "right": 1, "op": "/"] }
  }

  @Test(arguments: [(true, "oneOf"), (false, "oneOf"), (true, "anyOf"), (false, "anyOf")])
  func `a union told apart by a property costs the same at every level`(
    opFirst: Bool,
    union: String
  ) throws {
    let schema = try Schema(Self.expressions(opFirst: opFirst, union: union))
    #expect(schema.isValid(Self.expression(300, leaf: 1)))
    let errors = schema.validate(Self.expression(100, leaf: "x"))
    #expect(errors.map(\.keyword) == Array(repeating: union, count: 101))
    #expect(errors.last?.path == String(repeating: "/left", count: 100))
    #expect(errors.last?.found == "the string \"x\"")
  }

  @Test func `a union in the standard's output is given up, and not its verdict`() throws {
    let output = try SchemaOutput(Self.expressions(opFirst: true))
    #expect(output.basic(Self.expression(40, leaf: 1)) == ["valid": true])
    let wrong = output.basic(Self.expression(40, leaf: "x"))
    #expect(wrong["valid"] == false)
    #expect(wrong["errors"]?.arrayValue?.count == 1)
  }

  @Test func `a union of lists is told apart by the items whose values are fixed`() throws {
    let operations = ["+", "-", "*", "/"].map { sign -> JSONValue in
      [
        "type": "array", "minItems": 3, "maxItems": 3,
        "prefixItems": [["$ref": "#/$defs/e"], ["$ref": "#/$defs/e"], ["const": .string(sign)]],
      ]
    }
    let schema = try Schema([
      "$ref": "#/$defs/e", "$defs": ["e": ["oneOf": .array([["type": "number"]] + operations)]],
    ])
    func expression(_ leaf: JSONValue) -> JSONValue {
      (0..<100).reduce(leaf) { left, _ in [left, 1, "/"] }
    }
    #expect(schema.isValid(expression(1)))
    #expect(schema.validate(expression("x")).count == 101)
  }

  @Test func `the branch whose fixed value fits explains itself, whatever else is wrong in it`()
    throws
  {
    let schema = try Schema(
      JSONValue(
        parsing: #"""
          {"oneOf": [
            {"properties": {"unit": {"enum": ["m", "km"]}, "kind": {"const": "way"}}, "required": ["kind", "unit"]},
            {"properties": {"unit": {"enum": ["g", "kg"]}, "kind": {"const": "mass"}, "of": {"type": "string"}},
             "required": ["kind", "unit", "of"]}]}
          """#
      )
    )
    #expect(
      schema.validate(["kind": "mass", "unit": "m"]).map(\.message).dropFirst() == [
        "/unit: expected one of \"g\", \"kg\", found the string \"m\"",
        "top level: expected the property \"of\", found only \"kind\" and \"unit\"",
      ]
    )
  }

  @Test func `references that double at every step are given up`() throws {
    func schema(_ keyword: String, _ last: JSONValue, root: String) throws -> Schema {
      var definitions = JSONObject()
      for number in 0..<40 {
        let next: JSONValue = ["$ref": .string("#/$defs/d\(number + 1)")]
        var other = next
        other["title"] = "the same"
        definitions["d\(number)"] = [keyword: [next, other]]
      }
      definitions["d40"] = last
      return try Schema([root: ["$ref": "#/$defs/d0"], "$defs": .object(definitions)])
    }
    // Decided, these would be valid.
    #expect(try !schema("anyOf", false, root: "not").isValid(1))
    #expect(try !schema("oneOf", false, root: "not").isValid(1))
    let errors = try schema("allOf", true, root: "if").validate(1)
    #expect(errors.map(\.found) == ["1, which takes too many steps to decide"])
    #expect(errors.map(\.path) == [""])
  }

  @Test func `where all errors take too many steps, the first is told`() throws {
    var definitions = JSONObject()
    for number in 0..<40 {
      let next: JSONValue = ["$ref": .string("#/$defs/d\(number + 1)")]
      definitions["d\(number)"] = ["allOf": [next, ["title": "the same", "allOf": [next]]]]
    }
    definitions["d40"] = ["type": "string"]
    let schema = try Schema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
    #expect(schema.validate(1).map(\.message) == ["top level: expected a string, found 1"])
  }

  @Test func `a dynamic reference to itself is refused where every way leads there`() throws {
    let ring: JSONValue = [
      "$dynamicAnchor": "x", "anyOf": [["$dynamicRef": "#x"], ["$dynamicRef": "#x"]],
    ]
    let error = #expect(throws: SchemaError.self) { try Schema(ring) }
    #expect(error?.reason.contains("refers back to itself") == true)
    let older: JSONValue = [
      "$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true,
      "not": ["$recursiveRef": "#"],
    ]
    #expect(throws: SchemaError.self) { try Schema(older) }
    // Each descends, or leads elsewhere from the document at hand.
    #expect(throws: Never.self) {
      try Schema(["$dynamicAnchor": "x", "items": ["$dynamicRef": "#x"]])
    }
    let maybe: JSONValue = [
      "$id": "https://example.com/maybe", "anyOf": [["type": "null"], ["$dynamicRef": "#T"]],
      "$defs": ["T": ["$dynamicAnchor": "T", "not": [:]]],
    ]
    let schema = try Schema(
      [
        "$id": "https://example.com/text", "$ref": "maybe",
        "$defs": ["T": ["$dynamicAnchor": "T", "type": "string"]],
      ],
      options: SchemaOptions(documents: ["https://example.com/maybe": maybe])
    )
    #expect(schema.isValid("x") && schema.isValid(nil) && !schema.isValid(1))
  }

  @Test func `the matches of a value together are bounded`() throws {
    let text = String(repeating: "a", count: 18) + "!"
    let schema = try Schema(["items": ["not": ["pattern": "^(a+)+$"]]])
    #expect(schema.isValid([.string(text)]))
    let errors = schema.validate(.array(Array(repeating: .string(text), count: 4400)))
    #expect(errors.count == 1)
    #expect(errors.first?.found.hasSuffix("takes too many steps to decide") == true)
    let names = (0..<4400).map { (key: text + String($0), value: JSONValue.integer(1)) }
    let byName = try Schema(["patternProperties": ["^(a+)+$": true]])
    #expect(!byName.isValid(.object(JSONObject(names))))
  }

  @Test(arguments: [
    #"{"not": {"pattern": "^(a+)+$"}}"#, #"{"not": {"not": {"pattern": "^(a+)+$"}}}"#,
    #"{"if": {"pattern": "^(a+)+$"}, "then": false}"#,
    #"{"if": {"pattern": "^(a+)+$"}, "else": true}"#,
    #"{"oneOf": [{"pattern": "^(a+)+$"}, {"type": "string"}]}"#,
    #"{"anyOf": [{"pattern": "^(a+)+$"}, {"type": "string"}]}"#, #"{"pattern": "^(a+)+$"}"#,
  ])
  func `what a pattern could not decide is not valid, whatever is asked about it`(
    schema: String
  ) throws {
    let options = SchemaOptions(patternMatchLimit: 10_000)
    let text = JSONValue.string(String(repeating: "a", count: 40) + "!")
    for (document, value) in [
      (try JSONValue(parsing: schema), text),
      (["items": try JSONValue(parsing: schema)], [text, 1]),
      (["contains": try JSONValue(parsing: schema), "minContains": 0], [text]),
      (["contains": try JSONValue(parsing: schema), "maxContains": 0, "minContains": 0], [text]),
      (["propertyNames": try JSONValue(parsing: schema)], [text.stringValue ?? "": 1]),
      (
        ["properties": ["a": try JSONValue(parsing: schema)], "unevaluatedProperties": false],
        ["a": text]
      ),
    ] {
      let schema = try Schema(document, options: options)
      #expect(!schema.isValid(value))
      let errors = schema.validate(value)
      #expect(errors.count == 1)
      #expect(errors.first?.found.contains("too many steps") == true)
      let output = try SchemaOutput(document, options: options)
      #expect(output.flag(value) == ["valid": false])
      #expect(output.basic(value)["errors"]?.arrayValue?.count == 1)
    }
  }

  @Test func `names that a pattern could not decide are not valid inside not`() throws {
    let schema = try Schema(
      ["not": ["patternProperties": ["^(a+)+$": false]]],
      options: SchemaOptions(patternMatchLimit: 10_000)
    )
    let name = String(repeating: "a", count: 40)
    #expect(schema.isValid([name: 1]))
    #expect(!schema.isValid([name + "!": 1]))
    #expect(schema.validate([name + "!": 1]).map(\.keyword) == ["patternProperties"])
  }

  @Test(arguments: [
    ##"{"not": {"$ref": "#/$defs/n"}}"##, ##"{"if": {"$ref": "#/$defs/n"}, "then": false}"##,
    ##"{"oneOf": [{"$ref": "#/$defs/n"}, true]}"##,
  ])
  func `what is nested too deeply to decide is not valid, whatever is asked about it`(
    schema: String
  ) throws {
    var document = try JSONValue(parsing: schema)
    // Five schemas for each level of the value.
    document["$defs"] = [
      "n": ["allOf": [["allOf": [["allOf": [["items": ["$ref": "#/$defs/n", "minItems": 0]]]]]]]]
    ]
    let schema = try Schema(document)
    let deep = (0..<500).reduce([] as JSONValue) { inner, _ in [inner] }
    #expect(!schema.isValid(deep))
    #expect(schema.validate(deep).map(\.expected) == ["a value nested less deeply"])
  }

  @Test func `a large value gets the steps it needs`() throws {
    let schema = try Schema(
      JSONValue(
        parsing: ##"""
          {"items": {"$ref": "#/$defs/row"}, "uniqueItems": true, "$defs": {"row": {"type": "object",
            "properties": {"id": {"allOf": [{"type": "integer"}, {"minimum": 0}, {"not": {"const": -1}}]},
              "name": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^[a-z]+( [0-9]+)?$"}]},
              "tags": {"items": {"enum": ["a", "b", "c"]}}}, "required": ["id"],
            "patternProperties": {"^x-": true}, "additionalProperties": false}}}
          """##
      )
    )
    // Together more steps than a small value may take.
    let tags = JSONValue.array(Array(repeating: "a", count: 100))
    let rows = (0..<5000).map { number -> JSONValue in
      ["id": .integer(number), "name": .string("row \(number)"), "tags": tags]
    }
    #expect(schema.isValid(.array(rows)))
    #expect(schema.validate(.array(rows + [["id": "x"]])).map(\.path) == ["/5000/id"])
  }

  @Test func `every error of a large value is told`() throws {
    let schema = try Schema(["items": ["type": "integer"]])
    // Together more steps than a small value may take.
    let items = Array(repeating: JSONValue.string("x"), count: 60_000)
    #expect(schema.validate(.array(items)).count == 60_000)
  }
}
