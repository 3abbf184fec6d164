import JSONSchema
import Testing

@testable import Callboard

struct DefinitionHashTests {
  static let schema: JSONValue = [
    "type": "object",
    "properties": [
      "title": ["type": "string", "maxLength": 5],
      "amount": ["type": "number", "exclusiveMinimum": 0],
    ],
    "required": ["amount"],
  ]

  func hash(
    _ schema: JSONValue = schema,
    name: String = "payments.send_wire",
    effect: FunctionEffect = .write,
    provider: String = "native:payments"
  ) throws -> String {
    let definition = FunctionDefinition(
      name: try #require(FunctionName(name)),
      description: "Any.",
      parameters: schema,
      effect: effect
    )
    return DefinitionHash.of(definition, provider: provider)
  }

  // Computed with Python's hashlib over the canonical JSON of name, schema, effect and provider.
  @Test func `it is SHA-256 over the canonical form of what a function is`() throws {
    #expect(try hash() == "735265ac0c769d79d8fe9627bc0661dbf75852bbc92e04a116a4e06522ae6f8f")
  }

  @Test func `what only describes does not count`() throws {
    var described = Self.schema
    described["title"] = "Arguments"
    described["description"] = "What to send."
    described["$comment"] = "x"
    described["examples"] = [["amount": 1]]
    described["properties"] = [
      "title": ["type": "string", "maxLength": 5, "description": "Its title.", "deprecated": true],
      "amount": [
        "type": "number", "exclusiveMinimum": 0, "title": "Amount", "readOnly": false,
        "writeOnly": false,
      ],
    ]
    #expect(try hash(described) == hash())
  }

  @Test func `what means something counts`() throws {
    var seen: Set<String> = [try hash()]
    #expect(try seen.insert(hash(name: "payments.send")).inserted)
    #expect(try seen.insert(hash(effect: .idempotent)).inserted)
    #expect(try seen.insert(hash(provider: "https://elsewhere")).inserted)
    var schema = Self.schema
    schema["required"] = ["amount", "title"]
    #expect(try seen.insert(hash(schema)).inserted)
    schema["additionalProperties"] = false
    #expect(try seen.insert(hash(schema)).inserted)
  }

  @Test(arguments: [
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
  ])
  func `a member that is called like an annotation stays`(keyword: String) throws {
    let one: JSONValue = ["type": "object", .init(keyword): ["title": ["type": "string"]]]
    let two: JSONValue = ["type": "object", .init(keyword): ["title": ["type": "integer"]]]
    let none: JSONValue = ["type": "object", .init(keyword): [:]]
    #expect(try hash(one) != hash(two))
    #expect(try hash(one) != hash(none))
  }

  @Test(arguments: ["enum", "const", "default", "required", "dependentRequired"])
  func `values are no schemas: a key in them is never an annotation`(keyword: String) throws {
    let inner: JSONValue = ["title": ["a"]]
    let value: JSONValue = keyword == "enum" || keyword == "required" ? [inner] : inner
    let empty: JSONValue = keyword == "enum" || keyword == "required" ? [[:]] : [:]
    #expect(
      try hash(["type": "object", .init(keyword): value])
        != hash(["type": "object", .init(keyword): empty])
    )
  }

  @Test func `annotations inside of applicators do not count`() throws {
    let plain: JSONValue = [
      "allOf": [["type": "object"]], "items": ["type": "string"], "not": ["const": 1],
    ]
    let described: JSONValue = [
      "allOf": [["type": "object", "title": "x"]], "items": ["type": "string", "description": "y"],
      "not": ["const": 1, "$comment": "z"],
    ]
    #expect(try hash(plain) == hash(described))
  }
}
