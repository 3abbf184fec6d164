/// A word in a schema that no draft knows, so that it says nothing: mostly a slip of the pen.
public struct UnknownKeyword: Sendable, Hashable {
  public let keyword: String
  /// Where it stands, itself included.
  public let pointer: JSONPointer
  /// The keyword that was probably meant.
  public let nearest: String?
}

extension Schema {
  /// Finds the words of a schema, and of those inside it, that no draft from 4 to 2020-12 knows.
  ///
  /// JSON Schema passes over them, which turns `maximun` into no limit at all. Names that begin with `x-` are meant to be
  /// passed over, and are left out.
  public static func unknownKeywords(in schema: JSONValue) -> [UnknownKeyword] {
    unknownKeywords(in: schema, at: JSONPointer())
  }

  private static func unknownKeywords(
    in schema: JSONValue,
    at pointer: JSONPointer
  ) -> [UnknownKeyword] {
    guard let object = schema.objectValue else { return [] }
    var found: [UnknownKeyword] = []
    for (keyword, value) in object {
      let place = pointer.appending(keyword)
      if holdsSchemas.contains(keyword) {
        // One schema, or a list of them.
        if let list = value.arrayValue {
          for (index, part) in list.enumerated() {
            found += unknownKeywords(in: part, at: place.appending(index))
          }
        } else {
          found += unknownKeywords(in: value, at: place)
        }
      } else if holdsNamedSchemas.contains(keyword) {
        for (name, part) in value.objectValue ?? JSONObject() {
          found += unknownKeywords(in: part, at: place.appending(name))
        }
      } else if !saysMore.contains(keyword), !keyword.hasPrefix("x-") {
        let known = holdsSchemas.union(holdsNamedSchemas).union(saysMore)
        found.append(
          UnknownKeyword(
            keyword: keyword,
            pointer: place,
            nearest: JSONSchema.nearest(to: keyword, among: known.sorted())
          )
        )
      }
    }
    return found
  }

  private static let holdsSchemas: Set<String> = [
    "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema",
    "else",
    "if", "items", "not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems",
    "unevaluatedProperties",
  ]

  private static let holdsNamedSchemas: Set<String> = [
    "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties",
  ]

  private static let saysMore: Set<String> = [
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor",
    "$recursiveRef", "$ref", "$schema", "$vocabulary", "const", "contentEncoding",
    "contentMediaType", "default", "dependentRequired", "deprecated", "description", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "id", "maxContains", "maxItems",
    "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "pattern", "readOnly", "required", "title", "type",
    "uniqueItems", "writeOnly",
  ]
}
