import JSONSchema
import Testing

/// A schema is held to the schema of its draft.
@Suite struct MetaschemaCheckTests {
  @Test(arguments: [
    (#"{"$id": 5}"#, "/$id"),
    (#"{"$anchor": 5}"#, "/$anchor"),
    (#"{"$anchor": "9 bad"}"#, "/$anchor"),
    (#"{"$dynamicAnchor": 5}"#, "/$dynamicAnchor"),
    (#"{"$vocabulary": 5}"#, "/$vocabulary"),
    (#"{"required": ["a", "a"]}"#, "/required"),
    (#"{"minContains": -1}"#, "/minContains"),
    (#"{"contentMediaType": 5}"#, "/contentMediaType"),
    (#"{"contentSchema": 5}"#, "/contentSchema"),
    (#"{"title": 5}"#, "/title"),
    (#"{"description": 5}"#, "/description"),
    (#"{"$comment": 5}"#, "/$comment"),
    (#"{"deprecated": "x"}"#, "/deprecated"),
    (#"{"readOnly": 5}"#, "/readOnly"),
    (#"{"examples": 5}"#, "/examples"),
    (#"{"type": ["string", "string"]}"#, "/type"),
    (#"{"properties": {"a": {"items": {"title": 5}}}}"#, "/properties/a/items/title"),
    (
      #"{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": 5}"#,
      "/$recursiveAnchor"
    ),
    (#"{"$schema": "http://json-schema.org/draft-04/schema#", "enum": [1, 1]}"#, "/enum"),
    (#"{"$schema": "http://json-schema.org/draft-07/schema#", "examples": 5}"#, "/examples"),
  ])
  func `a keyword with a wrong value is found where it stands`(text: String, place: String) throws {
    let mistakes = try Schema.mistakes(in: JSONValue(parsing: text))
    #expect(mistakes.first?.path == place, "\(mistakes)")
  }

  @Test func `a schema of another draft is held to its own`() throws {
    func document(_ title: JSONValue, _ inner: JSONValue) -> JSONValue {
      [
        "title": title,
        "$defs": [
          "old": [
            "$schema": "http://json-schema.org/draft-04/schema#", "id": "http://example.com/old",
            "$id": "http://example.com/old", "minimum": 1, "exclusiveMinimum": inner,
          ]
        ],
      ]
    }
    #expect(try Schema.mistakes(in: document("x", true)) == [])
    let mistakes = try Schema.mistakes(in: document(5, 5))
    #expect(mistakes.map(\.path) == ["/title", "/$defs/old/exclusiveMinimum"])
  }

  @Test func `what is right or unknown is no mistake`() throws {
    for document: JSONValue in [
      true, [:], ["x": 5], ["format": "a b", "$id": "https://example.com/ä ö"],
      ["$schema": "http://json-schema.org/draft-07/schema#", "$defs": 5, "$anchor": 5],
    ] {
      #expect(try Schema.mistakes(in: document) == [])
    }
  }
}
