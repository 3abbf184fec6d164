/// Words for one fault.
struct FaultText {
  let program: SchemaProgram
  let node: Int32
  let value: JSONValue
  /// Whether to look for what was meant.
  let givesHints: Bool

  func error(for fault: Fault, at path: String) -> ValidationError {
    switch fault {
    case .type: return typeError(at: path)
    case .operation(let operation): return operationError(operation, at: path)
    case .several(let operation, let first, let second):
      return make(
        operation,
        at: path,
        expected: "a value that fits exactly one of the alternatives",
        found: "\(describe(value)), which fits number \(first + 1) and number \(second + 1)"
      )
    case .twins(let operation, let first, let second):
      let twin = value[second].map(describe) ?? "an item"
      return make(
        operation,
        at: path,
        expected: "items that differ from each other",
        found: "\(twin) at \(first) and again at \(second)"
      )
    case .contained(let operation, let count):
      return containsError(operation, count, at: path)
    case .extraItem(let operation, let index):
      return make(
        operation,
        at: path,
        expected: "no item at \(index)",
        found: value[index].map(describe) ?? "one"
      )
    case .missing(let operation, let rule, let name):
      return missingError(operation, rule, name, at: path)
    case .extra(let operation, let rule, let name):
      return extraError(operation, rule, name, at: path)
    case .dependent(let operation, let name, let because):
      return make(
        operation,
        at: path,
        expected: "the property \(shortened(name)), because \(shortened(because)) is there",
        found: foundNames
      )
    case .tooCostly(let operation):
      return make(
        operation,
        at: path,
        expected: expected(operation),
        found: "\(describe(value)), on which the pattern takes too many steps to decide"
      )
    case .costlyName(let operation, let name):
      return make(
        operation,
        keyword: "patternProperties",
        at: path,
        expected: "property names that the patterns can decide on",
        found: "\(shortened(name)), which takes too many steps"
      )
    case .tooDeep:
      return ValidationError(
        path: path,
        keyword: "$ref",
        schemaPath: program.locations[node],
        expected: "a value nested less deeply",
        found: describe(value)
      )
    case .tooLong:
      return ValidationError(
        path: path,
        // Without references each schema meets each value once, which is never too long.
        keyword: "$ref",
        schemaPath: program.locations[node],
        expected: "a value that can be decided on in fewer steps",
        found: "\(describe(value)), which takes too many steps to decide"
      )
    case .wrongName(let operation, let name, let reasons):
      return make(
        operation,
        at: path,
        expected: "property names to be \(reasons.isEmpty ? "others" : listed(reasons, "and"))",
        found: shortened(name)
      )
    }
  }

  private func make(
    _ operation: Int32,
    keyword: String? = nil,
    at path: String,
    expected: String,
    found: String,
    suggestion: String? = nil
  ) -> ValidationError {
    let keyword = keyword ?? program.keywords[operation]
    let location = program.locations[node]
    return ValidationError(
      path: path,
      keyword: keyword,
      schemaPath: keyword == "false" ? location : location + "/" + keyword,
      expected: expected,
      found: found,
      suggestion: suggestion
    )
  }

  // MARK: One fault each

  private func typeError(at path: String) -> ValidationError {
    let types = program.nodes[node].types
    return ValidationError(
      path: path,
      keyword: "type",
      schemaPath: program.locations[node] + "/type",
      expected: types.phrase,
      found: describe(value),
      suggestion: unquoted(types)
    )
  }

  /// What a string would be without its quotes, where that has a type that is wanted.
  private func unquoted(_ types: ValueType) -> String? {
    guard case .string(let text) = value, text.utf8.count <= 40,
      let inner = try? JSONValue(parsing: text)
    else { return nil }
    switch inner {
    case .integer, .double, .decimal:
      return types.contains(.fraction) || (types.contains(.integer) && inner.isIntegral)
        ? text : nil
    case .bool: return types.contains(.boolean) ? text : nil
    case .null: return types.contains(.null) ? text : nil
    case .string, .array, .object: return nil
    }
  }

  private func operationError(_ operation: Int32, at path: String) -> ValidationError {
    var found = describe(value)
    var suggestion: String?
    switch program.operations[operation] {
    case .enumeration(let rule):
      suggestion = nearestValue(program.enumerations[rule].values)
    case .constant(let constant):
      suggestion = nearestValue([program.constants[constant]])
    case .minLength, .maxLength:
      if case .string(let text) = value { found += ", which has \(text.unicodeScalars.count)" }
    case .minProperties, .maxProperties:
      if case .object(let object) = value { found += ", which has \(object.count)" }
    case .never, .reference, .dynamicReference, .allOf, .anyOf, .oneOf, .not, .conditional,
      .minimum, .exclusiveMinimum, .maximum, .exclusiveMaximum, .multipleOf, .pattern, .format,
      .minItems, .maxItems, .uniqueItems, .items, .contains, .unevaluatedItems, .properties,
      .propertyNames, .dependentRequired, .dependentSchemas, .unevaluatedProperties:
      break
    }
    return make(
      operation,
      at: path,
      expected: expected(operation),
      found: found,
      suggestion: suggestion
    )
  }

  private func nearestValue(_ values: [JSONValue]) -> String? {
    guard givesHints, case .string(let text) = value else { return nil }
    return nearest(to: text, among: values.compactMap(\.stringValue))
  }

  private func containsError(_ operation: Int32, _ count: Int, at path: String) -> ValidationError {
    guard case .contains(let place) = program.operations[operation] else {
      return operationError(operation, at: path)
    }
    let rule = program.contains[place]
    let kind = SchemaText.describe(program.sources[rule.node])
    let few = count < rule.minimum
    let bound = few ? "at least \(rule.minimum)" : "at most \(rule.maximum)"
    let number = few ? rule.minimum : rule.maximum
    let keyword = few ? (rule.hasMinimum ? "minContains" : "contains") : "maxContains"
    return make(
      operation,
      keyword: keyword,
      at: path,
      expected:
        "\(bound) \(number == 1 ? "item" : "items") that \(number == 1 ? "is" : "are") \(kind)",
      found: few ? "\(count) among \(value.arrayValue?.count ?? 0)" : "more"
    )
  }

  private func missingError(
    _ operation: Int32,
    _ rule: Int32,
    _ name: String,
    at path: String
  ) -> ValidationError {
    var misspelt: String?
    if givesHints {
      let known = Set(program.objects[rule].properties.map(\.name))
      misspelt = nearest(
        to: name,
        among: (value.objectValue?.keys ?? []).filter { !known.contains($0) }
      )
    }
    return make(
      operation,
      keyword: "required",
      at: path,
      expected: "the property \(shortened(name))",
      found: misspelt.map { "\(shortened($0)) instead" } ?? foundNames,
      suggestion: misspelt == nil ? nil : name
    )
  }

  private var foundNames: String {
    guard givesHints else { return "other properties" }
    let names = value.objectValue?.keys ?? []
    return names.isEmpty ? "an empty object" : "only \(SchemaText.names(names, "and"))"
  }

  private func extraError(
    _ operation: Int32,
    _ rule: Int32,
    _ name: String,
    at path: String
  ) -> ValidationError {
    let keyword = rule >= 0 ? "additionalProperties" : program.keywords[operation]
    let listed = rule >= 0 && givesHints ? program.objects[rule].properties.map(\.name) : []
    let open = listed.filter { value.objectValue?.position(of: $0) == nil }
    let expected =
      listed.isEmpty ? "no further property" : "no property but \(SchemaText.names(listed, "and"))"
    return make(
      operation,
      keyword: keyword,
      at: path,
      expected: expected,
      found: shortened(name),
      suggestion: nearest(to: name, among: open)
    )
  }

  // MARK: What was wanted

  private func expected(_ operation: Int32) -> String {
    let number = program.nodes[node].types.contains(.fraction) ? "a number" : "an integer"
    switch program.operations[operation] {
    case .never: return "nothing"
    case .enumeration(let rule): return SchemaText.oneOf(program.enumerations[rule].values)
    case .constant(let constant): return excerpt(program.constants[constant])
    case .anyOf(let list), .oneOf(let list):
      return SchemaText.alternatives(list.nodes.map { program.sources[program.children[$0]] })
    case .not(let node): return "anything but \(SchemaText.describe(program.sources[node]))"
    case .minimum(let bound): return "\(number) ≥ \(program.bounds[bound].value.serialized())"
    case .exclusiveMinimum(let bound):
      return "\(number) > \(program.bounds[bound].value.serialized())"
    case .maximum(let bound): return "\(number) ≤ \(program.bounds[bound].value.serialized())"
    case .exclusiveMaximum(let bound):
      return "\(number) < \(program.bounds[bound].value.serialized())"
    case .multipleOf(let divisor):
      return "a multiple of \(program.divisors[divisor].value.serialized())"
    case .minLength(let count):
      return "a string of at least \(SchemaText.count(count, "character"))"
    case .maxLength(let count): return "a string of at most \(SchemaText.count(count, "character"))"
    case .pattern(let pattern):
      return "a string that matches \(shortenedPattern(program.patterns[pattern].source))"
    case .format(let format): return format.phrase
    case .minItems(let count): return "an array of at least \(SchemaText.count(count, "item"))"
    case .maxItems(let count): return "an array of at most \(SchemaText.count(count, "item"))"
    case .uniqueItems: return "items that differ from each other"
    case .minProperties(let count):
      return "an object of at least \(SchemaText.count(count, "property"))"
    case .maxProperties(let count):
      return "an object of at most \(SchemaText.count(count, "property"))"
    case .reference, .dynamicReference, .allOf, .conditional, .items, .contains, .unevaluatedItems,
      .properties, .propertyNames, .dependentRequired, .dependentSchemas, .unevaluatedProperties:
      return SchemaText.describe(program.sources[node])
    }
  }

  private func shortenedPattern(_ source: String) -> String {
    source.unicodeScalars.count <= 120 ? source : String(source.unicodeScalars.prefix(120)) + "…"
  }
}

extension SchemaProgram.Children {
  fileprivate var nodes: Range<Int32> { start..<start + count }
}

/// Short words for schemas and lists.
enum SchemaText {
  static func count(_ count: Int, _ noun: String) -> String {
    if count == 1 { return "1 \(noun)" }
    return noun == "property" ? "\(count) properties" : "\(count) \(noun)s"
  }

  static func names(_ names: [String], _ word: String) -> String {
    let shown = names.prefix(12).map { shortened($0, to: 40) }
    guard names.count > shown.count else { return listed(shown, word) }
    return shown.joined(separator: ", ") + " and \(names.count - shown.count) more"
  }

  static func oneOf(_ values: [JSONValue]) -> String {
    guard values.count > 1 else { return values.first.map(excerpt) ?? "nothing" }
    let shown = values.prefix(20).map(excerpt)
    let rest = values.count - shown.count
    return "one of " + shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  static func alternatives(_ schemas: [JSONValue]) -> String {
    var parts: [String] = []
    for schema in schemas {
      let part = describe(schema)
      if !parts.contains(part) { parts.append(part) }
    }
    guard parts.count > 6 else { return listed(parts, "or") }
    return parts.prefix(6).joined(separator: ", ") + " or one of \(parts.count - 6) more"
  }

  /// What a schema wants, in a few words.
  static func describe(_ schema: JSONValue) -> String {
    guard case .object(let object) = schema else {
      return schema.boolValue == false ? "nothing" : "anything"
    }
    if let value = object["const"] { return excerpt(value) }
    if case .array(let values)? = object["enum"] { return oneOf(values) }
    if case .string(let title)? = object["title"] { return title }
    let type = type(of: object)
    if case .array(let names)? = object["required"], !names.isEmpty {
      return (type ?? "an object") + " with " + self.names(names.compactMap(\.stringValue), "and")
    }
    var limits: [String] = []
    if let bound = object["minimum"] { limits.append("≥ \(excerpt(bound))") }
    if let bound = object["exclusiveMinimum"] { limits.append("> \(excerpt(bound))") }
    if let bound = object["maximum"] { limits.append("≤ \(excerpt(bound))") }
    if let bound = object["exclusiveMaximum"] { limits.append("< \(excerpt(bound))") }
    if !limits.isEmpty { return (type ?? "a number") + " " + limits.joined(separator: " and ") }
    if case .string(let name)? = object["format"], let format = Format(name: name) {
      return format.phrase
    }
    if case .string(let source)? = object["pattern"] {
      return (type ?? "a string") + " that matches \(shortened(source))"
    }
    if let type { return type }
    if case .string(let reference)? = object["$ref"] {
      return reference.split(separator: "/").last.map(String.init) ?? reference
    }
    if case .array(let schemas)? = object["anyOf"] ?? object["oneOf"] {
      return schemas.count <= 6
        ? listed(schemas.map(describe), "or") : "one of \(schemas.count) alternatives"
    }
    return object.isEmpty ? "anything" : "what \(excerpt(schema)) allows"
  }

  private static func type(of object: JSONObject) -> String? {
    let names: [String]
    switch object["type"] {
    case .string(let name): names = [name]
    case .array(let items): names = items.compactMap(\.stringValue)
    case .null, .bool, .integer, .double, .decimal, .object, nil: return nil
    }
    return names.compactMap(ValueType.init(name:)).reduce(into: ValueType()) { $0.formUnion($1) }
      .phrase
  }
}
