import JSONSchema
import Testing

/// Names that look alike but are made of other code points are other names.
@Suite struct ExactNameTests {
  private let composed = "\u{E9}"
  private let decomposed = "e\u{301}"

  @Test func `properties that are canonically equivalent have schemas of their own`() throws {
    for keyword in ["properties", "patternProperties"] {
      let schemas: JSONObject = [composed: ["type": "string"], decomposed: ["type": "integer"]]
      let document: JSONObject = [keyword: .object(schemas), "required": [.string(composed)]]
      let schema = try Schema(.object(document))
      #expect(schema.isValid(.object([composed: "x", decomposed: 1])))
      #expect(!schema.isValid(.object([composed: 1, decomposed: "x"])))
      #expect(!schema.isValid(.object([decomposed: 1])))
    }
  }

  @Test func `pointers, anchors and patterns that are canonically equivalent are others`() throws {
    let definitions: JSONObject = [composed: ["type": "string"], decomposed: ["type": "integer"]]
    let items: [JSONValue] = [
      ["$ref": .string("#/$defs/" + composed)], ["$ref": .string("#/$defs/" + decomposed)],
      ["pattern": .string("^" + composed + "$")], ["pattern": .string("^" + decomposed + "$")],
    ]
    let schema = try Schema(["prefixItems": .array(items), "$defs": .object(definitions)])
    #expect(schema.isValid(["x", 1, .string(composed), .string(decomposed)]))
    #expect(!schema.isValid([1]))
    #expect(!schema.isValid(["x", "x"]))
    #expect(!schema.isValid(["x", 1, .string(decomposed)]))
    #expect(!schema.isValid(["x", 1, .string(composed), .string(composed)]))
  }
}
