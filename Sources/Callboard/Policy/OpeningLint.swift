import JSONSchema

/// Finds in a condition that lets calls through whatever may hold for other values than the ones it was written for.
///
/// Most keywords hold for each value of another type, and many for a key that is missing. So a condition that opens is
/// made of keywords of which the opposite can be shown; with ``ConditionLint``, which looks for `required`.
package enum OpeningLint {
  package struct Finding: Hashable {
    package var keyword: String
    /// Of the keyword, in the condition.
    package var pointer: JSONPointer
    package var sentence: String
  }

  /// Says nothing of a value.
  private static let annotations: Set = [
    "$schema", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
    "writeOnly", "$defs",
  ]

  /// Holds for no value of another type.
  private static let strict: Set = ["type", "const", "enum"]

  /// Holds for each value of another type than these.
  private static let typed: [String: Set<String>] = [
    "required": ["object"], "properties": ["object"],
    "minimum": numbers, "maximum": numbers, "exclusiveMinimum": numbers,
    "exclusiveMaximum": numbers, "multipleOf": numbers,
    "minLength": ["string"], "maxLength": ["string"], "pattern": ["string"], "format": ["string"],
    "minItems": ["array"], "maxItems": ["array"], "uniqueItems": ["array"],
  ]

  private static let numbers: Set = ["number", "integer"]

  /// `parameters`: the schema of the function, where the condition is for one that is known.
  package static func findings(of condition: JSONValue, parameters: JSONValue?) -> [Finding] {
    // Arguments are an object, whatever their function says.
    let known = [["type": "object"]] + (parameters.map(conjuncts) ?? [])
    return findings(in: condition, at: JSONPointer(), of: "the arguments", known)
  }

  /// `known`: what else holds wherever this part of the condition counts.
  private static func findings(
    in schema: JSONValue,
    at pointer: JSONPointer,
    of name: String,
    _ known: [JSONValue]
  ) -> [Finding] {
    guard let object = schema.objectValue else { return [] }
    let known = known + conjuncts(of: schema)
    let types = types(of: known)
    var found: [Finding] = []
    for (keyword, value) in object {
      let place = pointer.appending(keyword)
      switch keyword {
      case "allOf", "anyOf":
        for (index, part) in (value.arrayValue ?? []).enumerated() {
          found += findings(in: part, at: place.appending(index), of: name, known)
        }
      case _ where annotations.contains(keyword) || strict.contains(keyword): break
      default:
        guard let meant = typed[keyword] else {
          let sentence =
            "may hold for a key that is missing or has a value of another type, so calls may pass unasked; "
            + "write it with type, const, enum, required, properties, allOf and anyOf"
          found.append(Finding(keyword: keyword, pointer: place, sentence: sentence))
          continue
        }
        if types.map({ !$0.isSubset(of: meant) }) ?? true {
          let type = meant == numbers ? "number" : meant.sorted().joined(separator: " or ")
          let sentence =
            "also holds when \(name) has a value of another type; add type: \(type), or calls with one pass unasked"
          found.append(Finding(keyword: keyword, pointer: place, sentence: sentence))
        }
        guard keyword == "properties" else { continue }
        for (property, schema) in value.objectValue ?? JSONObject() {
          let inner = known.compactMap { $0["properties"]?[property] }.flatMap(conjuncts)
          found += findings(in: schema, at: place.appending(property), of: property, inner)
        }
      }
    }
    return found
  }

  /// A schema and the parts of its `allOf`, which hold wherever it does.
  private static func conjuncts(of schema: JSONValue) -> [JSONValue] {
    [schema] + (schema["allOf"]?.arrayValue ?? []).flatMap(conjuncts)
  }

  /// The types to which these together limit a value; nil: any.
  private static func types(of schemas: [JSONValue]) -> Set<String>? {
    var types: Set<String>?
    func limit(to these: Set<String>) { types = types?.intersection(these) ?? these }
    for schema in schemas {
      if let name = schema["type"]?.stringValue { limit(to: widened([name])) }
      if let names = schema["type"]?.arrayValue {
        limit(to: widened(names.compactMap(\.stringValue)))
      }
      if let value = schema["const"] { limit(to: type(of: value)) }
      if let values = schema["enum"]?.arrayValue {
        limit(to: values.reduce(into: []) { $0.formUnion(type(of: $1)) })
      }
    }
    return types
  }

  /// A number may be an integer too: then the two have something in common.
  private static func widened(_ names: [String]) -> Set<String> {
    names.contains("number") ? Set(names).union(["integer"]) : Set(names)
  }

  private static func type(of value: JSONValue) -> Set<String> {
    switch value {
    case .null: ["null"]
    case .bool: ["boolean"]
    case .string: ["string"]
    case .array: ["array"]
    case .object: ["object"]
    case .integer, .double, .decimal: numbers
    }
  }
}
