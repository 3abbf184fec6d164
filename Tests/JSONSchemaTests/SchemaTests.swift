import JSONSchema
import Testing

@Suite struct SchemaTests {
  @Test func `defaults are filled in wherever that is no guess`() throws {
    let schema = try Schema(
      JSONValue(
        parsing: #"""
          {"properties": {"currency": {"type": "string", "default": "EUR"}, "size": {"$ref": "#/$defs/size"},
             "page": {"type": "object", "default": {}, "properties": {"limit": {"default": 20}, "offset": {}}},
             "items": {"type": "array", "items": {"properties": {"count": {"default": 1}}}},
             "pair": {"prefixItems": [{"properties": {"a": {"default": 1}}}, {"properties": {"b": {"default": 2}}}]}},
           "allOf": [{"properties": {"lang": {"default": "en"}}}],
           "anyOf": [{"properties": {"guess": {"default": true}}}, true],
           "$defs": {"size": {"default": 5}}}
          """#
      )
    )
    #expect(
      schema.fillingDefaults(in: ["items": [[:], ["count": 7]], "pair": [[:], [:], [:]]])
        == [
          "items": [["count": 1], ["count": 7]], "pair": [["a": 1], ["b": 2], [:]], "lang": "en",
          "currency": "EUR", "size": 5, "page": ["limit": 20],
        ]
    )
    #expect(schema.fillingDefaults(in: ["currency": nil])["currency"] == JSONValue.null)
    #expect(schema.fillingDefaults(in: "text") == "text")
  }

  @Test func `a default that contains itself ends`() throws {
    let schema = try Schema(
      ["properties": ["child": ["$ref": "#", "default": [:]]], "required": ["child"]])
    #expect(schema.fillingDefaults(in: [:]) == ["child": [:]])
  }

  @Test func `defaults behind references that double at every step are filled in once`() throws {
    var definitions: JSONObject = ["d40": ["properties": ["a": ["default": 1]]]]
    for number in 0..<40 {
      let next: JSONValue = ["$ref": .string("#/$defs/d\(number + 1)")]
      definitions["d\(number)"] = ["allOf": [next, ["title": "the same", "allOf": [next]]]]
    }
    let schema = try Schema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
    #expect(schema.fillingDefaults(in: [:]) == ["a": 1])
    let tree = try Schema([
      "allOf": [["properties": ["a": ["$ref": "#"]]], ["properties": ["a": ["$ref": "#"]]]],
      "properties": ["b": ["default": 1]],
    ])
    let value = (0..<100).reduce([:] as JSONValue) { inner, _ in ["a": inner] }
    let filled = (0..<100).reduce(["b": 1] as JSONValue) { inner, _ in ["a": inner, "b": 1] }
    #expect(tree.fillingDefaults(in: value) == filled)
  }

  @Test func `defaults that double at every level end`() throws {
    var definitions: JSONObject = ["d40": true]
    for number in 0..<40 {
      let next: JSONValue = ["$ref": .string("#/$defs/d\(number + 1)"), "default": [:]]
      definitions["d\(number)"] = ["properties": ["a": next, "b": next]]
    }
    let schema = try Schema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
    #expect(schema.fillingDefaults(in: [:])["a"]?["a"]?["a"] != nil)
  }

  @Test func `a hundred thousand items are compared without comparing each with each`() throws {
    let schema = try Schema(["uniqueItems": true])
    var items = (0..<100_000).map {
      JSONValue.object(["id": .integer($0), "n": .string("item \($0)")])
    }
    #expect(schema.isValid(.array(items)))
    items.append(["n": "item 7", "id": 7.0])
    #expect(!schema.isValid(.array(items)))
  }

  @Test func `ten thousand properties are found by index`() throws {
    let names = (0..<10000).map { "property\($0)" }
    let schema = try Schema([
      "properties": .object(JSONObject(names.map { (key: $0, value: ["type": "integer"]) })),
      "required": .array(names.map(JSONValue.string)), "additionalProperties": false,
    ])
    var value = JSONValue.object(JSONObject(names.reversed().map { (key: $0, value: 1) }))
    #expect(schema.isValid(value))
    value["property77"] = nil
    #expect(schema.validate(value).map(\.keyword) == ["required"])
    value["property77"] = "x"
    #expect(schema.validate(value).map(\.path) == ["/property77"])
  }

  @Test func `a thousand branches are tried, and told in a few errors`() throws {
    let branches = (0..<1000).map { number -> JSONValue in
      ["properties": ["kind": ["const": .integer(Int64(number))]], "required": ["kind"]]
    }
    let schema = try Schema(["items": ["anyOf": .array(branches)]])
    let items = (0..<200).map { JSONValue.object(["kind": .integer(Int64($0) * 5)]) }
    #expect(schema.isValid(.array(items)))
    let errors = schema.validate(.array(items + [["kind": "none"]]))
    #expect(errors.map(\.keyword) == ["anyOf"])
    #expect(errors.map(\.path) == ["/200"])
  }

  @Test func `references are followed five hundred deep`() throws {
    var definitions = JSONObject()
    for number in 0..<500 {
      definitions["d\(number)"] = [
        "$ref": .string("#/$defs/d\(number + 1)"), "minimum": .integer(Int64(number - 500)),
      ]
    }
    definitions["d500"] = ["type": "integer", "minimum": 0]
    let schema = try Schema(["$ref": "#/$defs/d0", "$defs": .object(definitions)])
    #expect(schema.isValid(1))
    #expect(schema.validate(-1).map(\.keyword) == ["minimum"])
    #expect(schema.validate("x").map(\.keyword) == ["type"])
  }

  @Test func `a recursive schema follows a value down to the parser's limit`() throws {
    let schema = try Schema(["type": "array", "items": ["$ref": "#"], "maxItems": 1])
    let text = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
    #expect(schema.isValid(try JSONValue(parsing: text)))
    var deep: JSONValue = []
    for _ in 0..<5000 { deep = .array([deep]) }
    #expect(!schema.isValid(deep))
    #expect(schema.validate(deep).count == 1)
    // Taken apart level by level: freeing it in one go would go as deep as the value.
    while case .array(let items) = deep, let inner = items.first { deep = inner }
  }

  @Test func `drafts differ where $schema says so`() throws {
    func valid(_ draft: String, _ schema: JSONValue, _ value: JSONValue) throws -> Bool {
      var schema = schema
      schema["$schema"] = .string(draft)
      return try Schema(schema).isValid(value)
    }
    let four = "http://json-schema.org/draft-04/schema#"
    let six = "http://json-schema.org/draft-06/schema#"
    let seven = "http://json-schema.org/draft-07/schema#"
    let nineteen = "https://json-schema.org/draft/2019-09/schema"
    let twenty = "https://json-schema.org/draft/2020-12/schema"
    #expect(try !valid(four, ["minimum": 1, "exclusiveMinimum": true], 1))
    #expect(try valid(four, ["minimum": 1], 1))
    #expect(try valid(four, ["const": 1], 2))
    #expect(try !valid(six, ["const": 1], 2))
    #expect(try valid(six, ["if": true, "then": false], 2))
    #expect(try !valid(seven, ["if": true, "then": false], 2))
    #expect(try !valid(seven, ["items": [true], "additionalItems": false], [1, 2]))
    #expect(
      try valid(seven, ["$ref": "#/definitions/a", "minimum": 5, "definitions": ["a": true]], 1)
    )
    #expect(try !valid(nineteen, ["$ref": "#/$defs/a", "minimum": 5, "$defs": ["a": true]], 1))
    #expect(try valid(seven, ["dependentRequired": ["a": ["b"]]], ["a": 1]))
    #expect(try !valid(nineteen, ["dependentRequired": ["a": ["b"]]], ["a": 1]))
    #expect(try !valid(nineteen, ["items": [true], "unevaluatedItems": false], [1, 2]))
    #expect(try !valid(twenty, ["prefixItems": [true], "unevaluatedItems": false], [1, 2]))
    let tree: JSONValue = [
      "$recursiveAnchor": true, "properties": ["child": ["$recursiveRef": "#"]],
      "unevaluatedProperties": false,
    ]
    #expect(try valid(nineteen, tree, ["child": ["child": [:]]]))
    #expect(try !valid(nineteen, tree, ["child": ["other": 1]]))
    #expect(
      try !valid(
        four,
        [
          "id": "http://x.example/root", "properties": ["a": ["$ref": "item#/definitions/n"]],
          "definitions": ["i": ["id": "item", "definitions": ["n": ["type": "null"]]]],
        ],
        ["a": 1]
      )
    )
  }

  @Test func `an integer of draft 4 is written without fraction and exponent`() throws {
    for (text, isInteger) in [
      ("1", true), ("1.0", false), ("1e3", false), ("-0", true),
      ("123456789012345678901234567891", true),
      ("123456789012345678901234567891.0", false), ("1.5", false),
    ] {
      let four: JSONValue = [
        "$schema": "http://json-schema.org/draft-04/schema#", "type": "integer",
      ]
      #expect(try Schema(four).isValid(JSONValue(parsing: text)) == isInteger, "\(text)")
      #expect(try Schema(["type": "integer"]).isValid(JSONValue(parsing: text)) == (text != "1.5"))
      #expect(try Schema(["type": "number"]).isValid(JSONValue(parsing: text)))
    }
  }

  @Test func `an enumeration of nothing allows nothing since draft 7`() throws {
    #expect(try !Schema(["enum": []]).isValid(1))
  }

  @Test func `defs says nothing before draft 2019-09 until something refers to it`() throws {
    let seven: JSONValue = "http://json-schema.org/draft-07/schema#"
    #expect(throws: Never.self) { try Schema(["$schema": seven, "$defs": 5]) }
    #expect(throws: Never.self) { try Schema(["$schema": seven, "$defs": ["a": 1]]) }
    #expect(throws: SchemaError.self) { try Schema(["$schema": seven, "definitions": ["a": 1]]) }
    #expect(throws: SchemaError.self) { try Schema(["$defs": ["a": 1]]) }
    let schema = try Schema([
      "$schema": seven, "$ref": "#/$defs/a", "$defs": ["a": ["type": "null"]],
    ])
    #expect(!schema.isValid(1))
  }

  @Test func `every draft's own schema accepts itself`() throws {
    for draft in SchemaDraft.allCases {
      let uri =
        switch draft {
        case .draft4: "http://json-schema.org/draft-04/schema#"
        case .draft6: "http://json-schema.org/draft-06/schema#"
        case .draft7: "http://json-schema.org/draft-07/schema#"
        case .draft201909: "https://json-schema.org/draft/2019-09/schema"
        case .draft202012: "https://json-schema.org/draft/2020-12/schema"
        }
      let schema = try Schema(["$ref": .string(uri)], options: SchemaOptions(defaultDraft: draft))
      #expect(schema.isValid(["type": "object", "properties": ["a": ["minLength": 1]]]))
      #expect(!schema.isValid(["type": "objekt"]))
      #expect(!schema.isValid(["properties": ["a": ["minLength": -1]]]))
    }
  }

  @Test func `documents given in the options are found by their URI`() throws {
    let options = SchemaOptions(documents: [
      "https://example.com/money": ["$defs": ["amount": ["type": "number", "minimum": 0]]]
    ])
    let schema = try Schema(["$ref": "https://example.com/money#/$defs/amount"], options: options)
    #expect(schema.isValid(1))
    #expect(
      schema.validate(-1).first?.schemaPath == "https://example.com/money#/$defs/amount/minimum"
    )
  }

  @Test func `one schema serves many tasks at once`() async throws {
    let schema = try Schema([
      "items": ["pattern": "^(a|b)*c$", "maxLength": 9], "uniqueItems": true,
    ])
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          (0..<200).allSatisfy { round in
            schema.isValid([
              "aac", "bc", .string(String(repeating: "a", count: (number + round) % 7) + "bac"),
            ])
              && !schema.isValid(["aad"])
          }
        }
      }
      for await ok in group { #expect(ok) }
    }
  }
}
