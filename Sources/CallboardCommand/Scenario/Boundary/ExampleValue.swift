import JSONSchema

/// Makes up a value that a schema allows, as far as its own keywords tell.
struct ExampleValue {
  /// What `$ref` refers into.
  let root: JSONValue
  private static let depth = 6

  /// Values for the root, with given members put in: one with every property, and one with those alone that it requires.
  func candidates(_ given: JSONValue?) -> [JSONValue] {
    let members = given?.objectValue ?? JSONObject()
    if let given, given.objectValue == nil { return [given] }
    var found: [JSONValue] = []
    for isFull in [true, false] {
      guard let made = value(of: root, depth: 0, isFull: isFull, given: members) else { continue }
      guard case .object(var object) = made else {
        found.append(made)
        continue
      }
      for (key, member) in members { object[key] = member }
      found.append(.object(object))
    }
    return found
  }

  /// The rules behind a `$ref` of this document, with what stands beside it and in `allOf`; nil for a schema that is no
  /// object.
  func resolved(_ schema: JSONValue, depth: Int = 0) -> JSONValue? {
    guard depth <= Self.depth, case .object(var rules)? = target(of: schema) else { return nil }
    for part in rules["allOf"]?.arrayValue ?? [] {
      for (key, member) in resolved(part, depth: depth + 1)?.objectValue ?? JSONObject() {
        switch (rules[key], member) {
        case (nil, _): rules[key] = member
        case (.object(var own)?, .object(let others)) where key == "properties":
          for (name, inner) in others where own[name] == nil { own[name] = inner }
          rules[key] = .object(own)
        case (.array(let own)?, .array(let others)) where key == "required":
          rules[key] = .array(own + others)
        default: break
        }
      }
    }
    return .object(rules)
  }

  private func target(of schema: JSONValue) -> JSONValue? {
    var current = schema
    for _ in 0..<16 {
      guard case .object(var own) = current else { return nil }
      guard let text = own["$ref"]?.stringValue else { return current }
      guard text.hasPrefix("#"), let pointer = try? JSONPointer(parsing: String(text.dropFirst())),
        case .object(let target)? = root.value(at: pointer)
      else { return nil }
      own["$ref"] = nil
      for (key, member) in target where own[key] == nil { own[key] = member }
      current = .object(own)
    }
    return nil
  }

  static func types(of rules: JSONValue) -> Set<String> {
    if let type = rules["type"]?.stringValue { return [type] }
    return Set((rules["type"]?.arrayValue ?? []).compactMap(\.stringValue))
  }

  private func value(
    of schema: JSONValue,
    depth: Int,
    isFull: Bool = true,
    given: JSONObject = JSONObject()
  ) -> JSONValue? {
    if case .bool(let isAllowed) = schema { return isAllowed ? "anything" : nil }
    guard depth <= Self.depth, let rules = resolved(schema) else { return nil }
    if let fixed = rules["const"] { return fixed }
    if let first = rules["examples"]?.arrayValue?.first { return first }
    if let standard = rules["default"], !standard.isNull { return standard }
    if let first = rules["enum"]?.arrayValue?.first { return first }
    let types = Self.types(of: rules)
    if types.contains("object") || types.isEmpty && rules["properties"] != nil {
      return object(rules, depth: depth, isFull: isFull, given: given)
    }
    if types.contains("array") {
      let count = max(rules["minItems"]?.intValue ?? 1, min(1, rules["maxItems"]?.intValue ?? 1))
      let isUnique = rules["uniqueItems"]?.boolValue == true
      return items(rules["items"] ?? true, count: count, isUnique: isUnique, depth: depth).map {
        .array($0)
      }
    }
    if types.contains("string") { return text(rules).map { .string($0) } }
    if types.contains("integer") || types.contains("number") {
      return NumberBounds(rules, isWhole: !types.contains("number")).inside
    }
    if types.contains("boolean") { return true }
    if types.contains("null") { return .null }
    // Joined rules: the first alternative that can be made up.
    for key in ["anyOf", "oneOf"] {
      for part in rules[key]?.arrayValue ?? [] {
        if let found = value(of: part, depth: depth + 1) { return found }
      }
    }
    return types.isEmpty ? "anything" : nil
  }

  /// Every property that can be made up, so that each of them can be looked at; where it is not to be full, those alone
  /// that are required.
  private func object(
    _ rules: JSONValue,
    depth: Int,
    isFull: Bool,
    given: JSONObject
  ) -> JSONValue? {
    var object = JSONObject()
    let required = Set((rules["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    for (key, inner) in rules["properties"]?.objectValue ?? JSONObject()
    where given[key] == nil && (isFull || required.contains(key)) {
      if let made = value(of: inner, depth: depth + 1) {
        object[key] = made
      } else if required.contains(key) {
        return nil
      }
    }
    for key in required.sorted() where object[key] == nil && given[key] == nil {
      object[key] = "anything"
    }
    return .object(object)
  }

  /// So many items; nil where they can't be made up.
  func items(
    _ schema: JSONValue,
    count: Int,
    isUnique: Bool,
    depth: Int = 0
  ) -> [JSONValue]? {
    guard count > 0 else { return [] }
    guard let first = value(of: schema, depth: depth + 1) else { return nil }
    guard isUnique, count > 1 else { return Array(repeating: first, count: count) }
    guard let rules = resolved(schema) ?? Optional(["type": "integer"]) else { return nil }
    if let members = rules["enum"]?.arrayValue {
      return members.count >= count ? Array(members.prefix(count)) : nil
    }
    let only = try? Schema(rules)
    let start = first.intValue
    var made: [JSONValue] = []
    for number in 0..<count {
      let next: JSONValue
      if let start {
        next = .integer(Int64(start + number))
      } else if let text = first.stringValue {
        next = .string(number == 0 ? text : text + String(number))
      } else {
        return nil
      }
      guard only?.isValid(next) ?? true else { return nil }
      made.append(next)
    }
    return made
  }

  private func text(_ rules: JSONValue) -> String? {
    let least = rules["minLength"]?.intValue ?? 0
    let most = rules["maxLength"]?.intValue ?? .max
    if let format = rules["format"]?.stringValue,
      let edge = FormatEdges.of(format).valid.first
    {
      return edge
    }
    let count = min(max(least, min(3, most)), BoundaryArguments.longest)
    guard rules["pattern"] != nil else { return String(repeating: "a", count: count) }
    guard let only = try? Schema(rules) else { return nil }
    // A pattern is not read backwards: what is usual is tried.
    for character in ["1", "a", "A", "A1", "a1", "a-1", "1-1", "a_b", "#", ".1"] {
      for count in [count] + Array(1...40) {
        let text = String(repeating: character, count: count)
        if only.isValid(.string(text)) { return text }
      }
    }
    return Self.usual.first { only.isValid(.string($0)) }
  }

  private static let usual = [
    "2024-02-29", "12:30", "ada@example.org", "https://example.org", "+49 30 901820", "EUR",
    "en-GB",
    "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "A-1", "INV-0001", "v1.0.0", "00:1A:2B:3C:4D:5E",
    "Berlin",
  ]
}
