import JSONSchema

/// Finds characters in arguments that nobody would see, before anything else looks at them.
///
/// Controls, characters that turn the reading direction and invisible ones are refused in every text and every name,
/// unless the schema of that property says otherwise; see `TextRule`.
struct ArgumentHygiene: Sendable {
  /// nil: no property says anything of its texts, so that no schema has to be looked at.
  private let parameters: JSONValue?

  init(_ parameters: JSONValue) {
    self.parameters = Self.speaks(parameters) ? parameters : nil
  }

  /// One error for each text and name that holds such a character, each by its first.
  func errors(in arguments: JSONValue) -> [ValidationError] {
    guard !Self.isPlain(arguments) else { return [] }
    var search = Search(root: parameters)
    search.look(at: arguments, JSONPointer(), parameters.map { $0.alternatives(in: $0) } ?? [])
    return search.errors
  }

  /// Whether no rule refuses anything of it: most arguments, and no place in them need be named.
  private static func isPlain(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .bool, .integer, .double, .decimal: true
    case .string(let text): TextRule.isPlain(text)
    case .array(let items): items.allSatisfy(isPlain)
    case .object(let object):
      object.allSatisfy { TextRule.isPlain($0.key) && isPlain($0.value) }
    }
  }

  /// Whether a schema holds the keyword, or a property whose own name would be refused.
  private static func speaks(_ schema: JSONValue) -> Bool {
    switch schema {
    case .object(let object):
      object.contains { key, value in
        key == TextRule.keyword || TextRule.line.refused(in: key) != nil || speaks(value)
      }
    case .array(let items): items.contains(where: speaks)
    case .null, .bool, .integer, .double, .decimal, .string: false
    }
  }

  private struct Search {
    let root: JSONValue?
    var errors: [ValidationError] = []

    mutating func look(at value: JSONValue, _ place: JSONPointer, _ schemas: [JSONValue]) {
      guard errors.count < Limit.details.value else { return }
      switch value {
      case .null, .bool, .integer, .double, .decimal: break
      case .string(let text):
        let rule = rule(of: schemas)
        if let found = rule.refused(in: text) { report(found, at: place, rule, name: nil) }
      case .array(let items):
        for (index, item) in items.enumerated() {
          look(at: item, place.appending(index), schemas.flatMap { self.item(index, of: $0) })
        }
      case .object(let object):
        for (name, member) in object {
          let inner = schemas.flatMap { self.member(name, of: $0) }
          if let found = TextRule.line.refused(in: name), !isDeclared(name, in: schemas) {
            // Not to be repeated in a path, where it would be as invisible again.
            report(found, at: place, .line, name: name)
          } else {
            look(at: member, place.appending(name), inner)
          }
        }
      }
    }

    private mutating func report(
      _ found: HiddenCharacter,
      at place: JSONPointer,
      _ rule: TextRule,
      name: String?
    ) {
      let what = name.map { " of the name “\(SafeText(untrusted: $0, limit: 80))”" } ?? ""
      errors.append(
        ValidationError(
          path: place.description,
          keyword: TextRule.keyword,
          schemaPath: "",
          expected: rule == .line
            ? "one line of text without control or invisible characters"
            : "text without control or invisible characters",
          found: "\(found.words) as character \(found.position)\(what)"
        )
      )
    }

    private func rule(of schemas: [JSONValue]) -> TextRule {
      for schema in schemas {
        if let text = schema[TextRule.keyword]?.stringValue, let rule = TextRule(rawValue: text) {
          return rule
        }
      }
      return .text
    }

    private func isDeclared(_ name: String, in schemas: [JSONValue]) -> Bool {
      schemas.contains { $0["properties"]?[name] != nil }
    }

    private func member(_ name: String, of schema: JSONValue) -> [JSONValue] {
      let known = schema["properties"]?[name] ?? schema["additionalProperties"]
      return known.map { $0.alternatives(in: root ?? $0) } ?? []
    }

    private func item(_ index: Int, of schema: JSONValue) -> [JSONValue] {
      let tuple = schema["prefixItems"]?.arrayValue ?? schema["items"]?.arrayValue ?? []
      let known =
        tuple.indices.contains(index)
        ? tuple[index] : schema["items"]?.objectValue.map(JSONValue.object)
      return known.map { $0.alternatives(in: root ?? $0) } ?? []
    }
  }
}

extension TextRule {
  /// Where a schema says a rule that there is not, and what to write.
  static func mistakes(in schema: JSONValue) -> [(pointer: JSONPointer, sentence: String)] {
    Schema.values(of: keyword, in: schema).compactMap { pointer, value in
      let text = value.stringValue
      guard text.flatMap(TextRule.init(rawValue:)) == nil else { return nil }
      let near = text.flatMap { nearest(to: $0, among: allCases.map(\.rawValue)) }
      return (
        pointer,
        "is \(value.serialized()); "
          + (near.map { "did you mean \($0)?" } ?? "write line, text or any")
      )
    }
  }
}
