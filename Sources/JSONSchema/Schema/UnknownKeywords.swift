/// A word in a schema that no draft knows, so that it says nothing: mostly a slip of the pen.
public struct UnknownKeyword: Sendable, Hashable {
  public let keyword: String
  /// Where it stands, itself included.
  public let pointer: JSONPointer
  /// The keyword that was probably meant.
  public let nearest: String?
  /// For a keyword that asserted something in a draft before 4, none of which is supported: what says it since.
  public let replacement: String?
}

/// A value of `format` that is asserted nowhere, so that it checks nothing.
public struct UnknownFormat: Sendable, Hashable {
  public let format: String
  /// Where the keyword stands, itself included.
  public let pointer: JSONPointer
  /// The format that was probably meant.
  public let nearest: String?
}

extension Schema {
  /// Finds the words of a schema, and of those inside it, that no draft from 4 to 2020-12 knows.
  ///
  /// JSON Schema passes over them, which turns `maximun` into no limit at all. Names that begin with `x-` are meant to be
  /// passed over, and are left out.
  public static func unknownKeywords(in schema: JSONValue) -> [UnknownKeyword] {
    var found: [UnknownKeyword] = []
    eachKeyword(in: schema, at: JSONPointer()) { keyword, _, place in
      guard !known.contains(keyword), !keyword.hasPrefix("x-") else { return }
      found.append(
        UnknownKeyword(
          keyword: keyword,
          pointer: place,
          nearest: JSONSchema.nearest(to: keyword, among: known.sorted()),
          replacement: oldKeywords[keyword]
        )
      )
    }
    return found
  }

  /// Finds the formats of a schema, and of those inside it, that are not asserted.
  public static func unknownFormats(in schema: JSONValue) -> [UnknownFormat] {
    var found: [UnknownFormat] = []
    eachKeyword(in: schema, at: JSONPointer()) { keyword, value, place in
      guard keyword == "format", let format = value.stringValue, Format(name: format) == nil else {
        return
      }
      found.append(
        UnknownFormat(
          format: format,
          pointer: place,
          nearest: JSONSchema.nearest(to: format, among: Format.allCases.map(\.rawValue))
        )
      )
    }
    return found
  }

  /// The values of a keyword in a schema, and in those inside it, each with its place.
  public static func values(
    of wanted: String,
    in schema: JSONValue
  ) -> [(pointer: JSONPointer, value: JSONValue)] {
    var found: [(pointer: JSONPointer, value: JSONValue)] = []
    eachKeyword(in: schema, at: JSONPointer()) { keyword, value, place in
      if keyword == wanted { found.append((place, value)) }
    }
    return found
  }

  /// Visits each keyword of a schema, and of the schemas inside it, with its value and its place.
  private static func eachKeyword(
    in schema: JSONValue,
    at pointer: JSONPointer,
    _ visit: (String, JSONValue, JSONPointer) -> Void
  ) {
    guard let object = schema.objectValue else { return }
    for (keyword, value) in object {
      let place = pointer.appending(keyword)
      visit(keyword, value, place)
      if holdsSchemas.contains(keyword) {
        // One schema, or a list of them.
        if let list = value.arrayValue {
          for (index, part) in list.enumerated() {
            eachKeyword(in: part, at: place.appending(index), visit)
          }
        } else {
          eachKeyword(in: value, at: place, visit)
        }
      } else if holdsNamedSchemas.contains(keyword) {
        for (name, part) in value.objectValue ?? JSONObject() {
          eachKeyword(in: part, at: place.appending(name), visit)
        }
      }
    }
  }

  /// Keywords that drafts before 4 asserted by, and what says the same since.
  private static let oldKeywords = [
    "disallow": "not", "divisibleBy": "multipleOf", "extends": "allOf",
  ]

  private static let known = holdsSchemas.union(holdsNamedSchemas).union(saysMore)

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
