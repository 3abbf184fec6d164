import JSONSchema

/// A text with `${…}` in it.
///
/// Inside stand a path (`search.items[0].price`, `items[-1]`, `calls["odd name"].x`, `items.count`), and after `??` what
/// to use when it leads nowhere: another path, a number, `true`, `false`, `null` or a `'text'`. `$${` is a plain `${`.
struct Template: Sendable {
  enum Part: Sendable {
    case text(String)
    case value([Operand])
  }

  enum Operand: Sendable, Hashable {
    case literal(JSONValue)
    case path(root: String, steps: [Step])
  }

  enum Step: Sendable, Hashable {
    case key(String)
    /// Below 0: counted from the end.
    case index(Int)
  }

  var parts: [Part]

  /// A text that stands for itself.
  init(plain text: String) {
    parts = [.text(text)]
  }

  init(parsing text: String) throws(TemplateError) {
    parts = []
    var plain = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      plain += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        plain += "${"
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("${") {
        var reader = Reader(rest: rest.dropFirst(2))
        let operands = try reader.expression()
        if !plain.isEmpty { parts.append(.text(plain)) }
        plain = ""
        parts.append(.value(operands))
        rest = reader.rest
      } else {
        plain += "$"
        rest = rest.dropFirst()
      }
    }
    plain += rest
    if !plain.isEmpty || parts.isEmpty { parts.append(.text(plain)) }
  }

  /// The names that its paths begin with.
  var roots: [(root: String, next: Step?)] {
    parts.flatMap { part -> [(root: String, next: Step?)] in
      guard case .value(let operands) = part else { return [] }
      return operands.compactMap { operand in
        guard case .path(let root, let steps) = operand else { return nil }
        return (root, steps.first)
      }
    }
  }

  /// The value: a template that is one `${…}` keeps its JSON type, any other becomes a text.
  ///
  /// What leads nowhere is null, and nothing inside a text.
  func value(_ lookUp: (String) -> JSONValue?) -> JSONValue {
    if parts.count == 1, case .value(let operands) = parts[0] {
      return Template.evaluate(operands, lookUp) ?? .null
    }
    return .string(text(lookUp))
  }

  func text(_ lookUp: (String) -> JSONValue?) -> String {
    parts.map { part in
      switch part {
      case .text(let text): return text
      case .value(let operands):
        switch Template.evaluate(operands, lookUp) ?? .null {
        case .null: return ""
        case .string(let text): return text
        case let other: return other.serialized()
        }
      }
    }
    .joined()
  }

  /// The first operand that is there and not null.
  private static func evaluate(
    _ operands: [Operand],
    _ lookUp: (String) -> JSONValue?
  ) -> JSONValue? {
    for operand in operands {
      switch operand {
      case .literal(let value): return value
      case .path(let root, let steps):
        guard let value = steps.reduce(lookUp(root), { value, step in value?.taking(step) }),
          !value.isNull
        else { continue }
        return value
      }
    }
    return nil
  }

  private struct Reader {
    var rest: Substring

    mutating func expression() throws(TemplateError) -> [Operand] {
      var operands = [try operand()]
      while true {
        skipSpaces()
        if rest.hasPrefix("??") {
          rest = rest.dropFirst(2)
          operands.append(try operand())
        } else if rest.hasPrefix("}") {
          rest = rest.dropFirst()
          return operands
        } else {
          throw TemplateError(
            "has a ${ that is not closed after “\(operands.count > 1 ? "??" : "the path")”; write }"
          )
        }
      }
    }

    private mutating func operand() throws(TemplateError) -> Operand {
      skipSpaces()
      if let quote = rest.first, quote == "'" || quote == "\"" {
        return .literal(.string(try quoted()))
      }
      if let first = rest.first, first == "-" || first.isASCII && first.isNumber {
        let digits = rest.prefix {
          $0.isASCII && ($0.isNumber || $0.isLetter) || "+-.".contains($0)
        }
        rest = rest[digits.endIndex...]
        guard let number = try? JSONValue(parsing: String(digits)) else {
          throw TemplateError("has “\(digits)” in ${…}, which is no number")
        }
        return .literal(number)
      }
      let name = word()
      switch name {
      case "": throw TemplateError("has a ${ without a name; write ${name}, or $${ for a plain ${")
      case "true": return .literal(true)
      case "false": return .literal(false)
      case "null": return .literal(.null)
      case _: return .path(root: name, steps: try steps())
      }
    }

    private mutating func steps() throws(TemplateError) -> [Step] {
      var steps: [Step] = []
      while let next = rest.first, next == "." || next == "[" {
        rest = rest.dropFirst()
        if next == "." {
          let name = word()
          guard !name.isEmpty else { throw TemplateError("has a dot in ${…} that no name follows") }
          steps.append(.key(name))
          continue
        }
        if rest.first == "'" || rest.first == "\"" {
          steps.append(.key(try quoted()))
        } else {
          let digits = rest.prefix { $0 == "-" || $0.isASCII && $0.isNumber }
          guard let index = Int(digits) else {
            throw TemplateError("has [ in ${…} that no number or quoted name follows")
          }
          rest = rest[digits.endIndex...]
          steps.append(.index(index))
        }
        guard rest.first == "]" else { throw TemplateError("has [ in ${…} without its ]") }
        rest = rest.dropFirst()
      }
      return steps
    }

    private mutating func word() -> String {
      let word = rest.prefix {
        $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == "-"
      }
      rest = rest[word.endIndex...]
      return String(word)
    }

    private mutating func quoted() throws(TemplateError) -> String {
      let quote = rest.first
      let body = rest.dropFirst()
      guard let end = body.firstIndex(where: { $0 == quote }) else {
        throw TemplateError("has a quotation in ${…} that is not closed")
      }
      rest = body[body.index(after: end)...]
      return String(body[..<end])
    }

    private mutating func skipSpaces() {
      rest = rest.drop { $0 == " " }
    }
  }
}

/// Why a text is no template, as the rest of a sentence.
struct TemplateError: Error, Hashable {
  var problem: String

  init(_ problem: String) {
    self.problem = problem
  }
}

/// A JSON value whose strings are templates.
enum ValueTemplate: Sendable {
  case constant(JSONValue)
  case template(Template)
  case array([ValueTemplate])
  case object([(key: String, value: ValueTemplate)])

  /// Asks `parse` for the template of each string; one that is none stays as it is written.
  init(
    _ value: JSONValue,
    at pointer: JSONPointer,
    parse: (String, JSONPointer) -> Template?
  ) {
    switch value {
    case .null, .bool, .integer, .double, .decimal: self = .constant(value)
    case .string(let text):
      self = parse(text, pointer).map { .template($0) } ?? .constant(value)
    case .array(let items):
      self = .array(
        items.enumerated().map { ValueTemplate($1, at: pointer.appending($0), parse: parse) }
      )
    case .object(let members):
      self = .object(
        members.map { (key: $0, value: ValueTemplate($1, at: pointer.appending($0), parse: parse)) }
      )
    }
  }

  func value(_ lookUp: (String) -> JSONValue?) -> JSONValue {
    switch self {
    case .constant(let value): value
    case .template(let template): template.value(lookUp)
    case .array(let items): .array(items.map { $0.value(lookUp) })
    case .object(let members):
      .object(JSONObject(members.map { (key: $0.key, value: $0.value.value(lookUp)) }))
    }
  }
}

extension JSONValue {
  fileprivate func taking(_ step: Template.Step) -> JSONValue? {
    switch (self, step) {
    case (.object(let object), .key(let key)): object[key]
    case (.array(let items), .key("count")): .integer(Int64(items.count))
    case (.array(let items), .index(let index)): self[index < 0 ? items.count + index : index]
    case _: nil
    }
  }
}
