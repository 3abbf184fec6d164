import JSONSchema
import Testing

@Suite struct SchemaOutputTests {
  /// The example of 2020-12 core, section 12.4, and what it says of it.
  private let polygon: JSONValue = [
    "$id": "https://example.com/polygon", "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": [
      "point": [
        "type": "object", "properties": ["x": ["type": "number"], "y": ["type": "number"]],
        "additionalProperties": false, "required": ["x", "y"],
      ]
    ],
    "type": "array", "items": ["$ref": "#/$defs/point"], "minItems": 3,
  ]

  private func places(_ output: JSONValue) -> Set<[String]> {
    Set(
      (output["errors"]?.arrayValue ?? []).map { unit in
        ["keywordLocation", "absoluteKeywordLocation", "instanceLocation"].map {
          unit[$0]?.stringValue ?? "none"
        }
      }
    )
  }

  @Test func `flag is the verdict alone`() throws {
    let output = try SchemaOutput(polygon)
    #expect(
      output.flag([["x": 1, "y": 2], ["x": 1, "y": 2], ["x": 1, "y": 2]]) == ["valid": true]
    )
    #expect(output.flag([]) == ["valid": false])
  }

  @Test func `basic tells what the standard tells of its example`() throws {
    let output = try SchemaOutput(polygon).basic([["x": 2.5, "y": 1.3], ["x": 1, "z": 6.7]])
    #expect(output["valid"] == false)
    let point = "https://example.com/polygon#/$defs/point"
    #expect(
      places(output) == [
        ["/items/$ref/required", point + "/required", "/1"],
        ["/items/$ref/additionalProperties", point + "/additionalProperties", "/1/z"],
        ["/minItems", "https://example.com/polygon#/minItems", ""],
      ]
    )
    let messages = output["errors"]?.arrayValue?.compactMap { $0["error"]?.stringValue } ?? []
    #expect(messages.count == 3 && messages.allSatisfy { $0.hasPrefix("expected ") })
  }

  @Test func `basic keeps what failed in each branch, and the way through references`() throws {
    let output = try SchemaOutput([
      "properties": ["a": ["anyOf": [["type": "string"], ["$ref": "#/$defs/b/allOf/0"]]]],
      "$defs": ["b": ["allOf": [["minimum": 5, "not": ["const": 3]]]]],
    ])
    #expect(
      places(output.basic(["a": 3])) == [
        ["/properties/a/anyOf/0/type", "#/properties/a/anyOf/0/type", "/a"],
        ["/properties/a/anyOf/1/$ref/minimum", "#/$defs/b/allOf/0/minimum", "/a"],
        ["/properties/a/anyOf/1/$ref/not", "#/$defs/b/allOf/0/not", "/a"],
        ["/properties/a/anyOf", "#/properties/a/anyOf", "/a"],
      ]
    )
    #expect(output.basic(["a": "x"]) == ["valid": true])
    #expect(output.basic(["a": 6]) == ["valid": true])
  }

  @Test func `a schema that is false and a name that is wrong have their places`() throws {
    let output = try SchemaOutput([
      "properties": ["never": false], "propertyNames": ["maxLength": 5],
    ])
    #expect(
      places(output.basic(["never": 1])) == [
        ["/properties/never", "#/properties/never", "/never"]
      ]
    )
    #expect(
      places(output.basic(["much too long": 1])) == [
        ["/propertyNames", "#/propertyNames", ""]
      ]
    )
  }
}
