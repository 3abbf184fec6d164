import JSONSchema

/// Finds the properties of a condition that say nothing when the key is missing.
package enum ConditionLint {
  package struct Loose: Hashable {
    package var name: String
    /// Where in the condition.
    package var pointer: JSONPointer
  }

  package static func looseProperties(of schema: JSONValue) -> [Loose] {
    loose(schema, at: JSONPointer(), required: [])
  }

  private static func loose(
    _ schema: JSONValue,
    at pointer: JSONPointer,
    required outer: Set<String>
  ) -> [Loose] {
    guard let object = schema.objectValue else { return [] }
    var required = outer.union((object["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    // What another part of the same conjunction requires is required here, too.
    for part in object["allOf"]?.arrayValue ?? [] {
      required.formUnion((part["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    }
    var found: [Loose] = []
    for (name, property) in object["properties"]?.objectValue ?? JSONObject() {
      let place = pointer.appending("properties").appending(name)
      if !required.contains(name), property != true, property != .object(JSONObject()) {
        found.append(Loose(name: name, pointer: place))
      }
      found += loose(property, at: place, required: [])
    }
    for word in ["allOf", "anyOf", "oneOf"] {
      for (index, part) in (object[word]?.arrayValue ?? []).enumerated() {
        found += loose(part, at: pointer.appending(word).appending(index), required: required)
      }
    }
    return found
  }
}

extension ConditionLint {
  /// What is wrong with a condition that lets calls through unasked, a sentence each.
  ///
  /// `parameters`: the schemas of the functions that it may be about; it has to be sound for each.
  static func problems(ofOpening condition: JSONValue, parameters: [JSONValue]) -> [String] {
    func place(_ pointer: JSONPointer) -> String {
      pointer.tokens.isEmpty ? "it" : pointer.description
    }
    do throws(SchemaError) {
      _ = try Schema(condition)
    } catch {
      return ["it is no JSON Schema that can be used: \(error.reason)"]
    }
    let unknown = Schema.unknownKeywords(in: condition)
    var problems = unknown.map { unknown in
      "\(place(unknown.pointer)) is no keyword of JSON Schema"
        + (unknown.nearest.map { "; did you mean \($0)?" } ?? "")
    }
    problems += Schema.unknownFormats(in: condition).map { unknown in
      "“\(unknown.format)” is no format that is known"
        + (unknown.nearest.map { "; did you mean \($0)?" } ?? "")
    }
    let isTold = Set(unknown.map(\.keyword))
    let known: [JSONValue?] = parameters.isEmpty ? [nil] : parameters
    for schema in known {
      for finding in OpeningLint.findings(of: condition, parameters: schema)
      where !isTold.contains(finding.keyword) {
        problems.append("\(place(finding.pointer)) \(finding.sentence)")
      }
    }
    problems += looseProperties(of: condition).map { loose in
      "\(place(loose.pointer)) also holds when \(loose.name) is missing; add required: [\(loose.name)]"
    }
    var told: Set<String> = []
    return problems.filter { told.insert($0).inserted }
  }
}
