import JSONSchema

extension YAMLDocument {
  /// What of the document, or of the part at a pointer, does not meet a schema: one sentence each, in the order of
  /// the file.
  ///
  /// A schema may carry `hint` beside the keyword that was not met; it then takes the place of what was expected:
  /// `{ minimum: 1, hint: "use 1 to run once without retry" }`.
  public func check(against schema: Schema, at pointer: JSONPointer = JSONPointer()) -> [Diagnostic]
  {
    guard let part = value.value(at: pointer) else { return [] }
    let errors = schema.validate(part)
    let found = errors.map { diagnostic(for: $0, under: pointer, schema: schema.document) }
    return Diagnostics(found)?.all ?? []
  }

  private func diagnostic(
    for error: ValidationError,
    under root: JSONPointer,
    schema: JSONValue
  ) -> Diagnostic {
    let inner = (try? JSONPointer(parsing: error.path)) ?? JSONPointer()
    let pointer = JSONPointer(tokens: root.tokens + inner.tokens)
    let rule = schema.rule(at: error.schemaPath)
    let hint = rule?["hint"]?.stringValue
    switch error.keyword {
    case "additionalProperties", "unevaluatedProperties", "propertyNames":
      guard let name = (try? JSONValue(parsing: error.found))?.stringValue else { break }
      return unknownKey(name, of: pointer, error, rule: rule)
    case "required", "dependentRequired":
      let instead = error.suggestion == nil ? "" : ", found \(error.found)"
      return diagnostic(
        at: pointer,
        "lacks \(error.expected)\(instead)\(hint.map { "; \($0)" } ?? "")"
      )
    default: break
    }
    let found =
      fromEnvironment.contains(pointer) ? "something else, from the environment" : error.found
    let meant = error.suggestion.map { "did you mean \($0)?" }
    return diagnostic(at: pointer, "is \(found); \(meant ?? hint ?? "expected \(error.expected)")")
  }

  /// A key that its mapping may not have: told at the key itself.
  private func unknownKey(
    _ name: String,
    of owner: JSONPointer,
    _ error: ValidationError,
    rule: JSONValue?
  ) -> Diagnostic {
    let path = YAMLDocument.path(owner)
    let prefix = path.isEmpty ? "" : "\(path): "
    let place = places[owner.appending(name)]?.key ?? nearestPlace(of: owner)?.value
    if error.keyword == "propertyNames" {
      let advice = rule?["propertyNames"]?["hint"]?.stringValue ?? "expected \(error.expected)"
      return Diagnostic(
        file: file,
        position: place,
        message: "\(prefix)“\(name)” cannot be a name; \(advice)"
      )
    }
    let known = rule?["properties"]?.objectValue?.keys ?? []
    let advice =
      error.suggestion.map { "did you mean \($0)?" } ?? rule?["hint"]?.stringValue
      ?? (known.isEmpty ? "remove it" : "known are \(known.joined(separator: ", "))")
    return Diagnostic(
      file: file,
      position: place,
      message: "\(prefix)“\(name)” is not known here; \(advice)"
    )
  }

  /// A pointer as people write it: `functions[3].retry.max_attempts`.
  static func path(_ pointer: JSONPointer) -> String {
    var path = ""
    for token in pointer.tokens {
      if !path.isEmpty, !token.isEmpty, token.utf8.allSatisfy({ $0 &- 0x30 < 10 }) {
        path += "[\(token)]"
      } else if token.isEmpty || token.contains(where: { ".[] ".contains($0) }) {
        path += "[\"\(token)\"]"
      } else {
        path += path.isEmpty ? token : ".\(token)"
      }
    }
    return path
  }
}

extension JSONPointer {
  /// The pointer to what is around; nil for the whole.
  var parent: JSONPointer? {
    tokens.isEmpty ? nil : JSONPointer(tokens: tokens.dropLast())
  }
}

extension JSONValue {
  /// The rule of a schema that a keyword's place belongs to; the place may begin with the `$id` of a schema that
  /// stands in its `$defs`.
  fileprivate func rule(at schemaPath: String) -> JSONValue? {
    let parts = schemaPath.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    var document = self
    if parts.count == 2, !parts[0].isEmpty {
      let definitions = self["$defs"]?.objectValue?.values ?? []
      guard let found = definitions.first(where: { $0["$id"]?.stringValue == String(parts[0]) })
      else { return nil }
      document = found
    }
    let pointer = try? JSONPointer(parsing: String(parts.last ?? ""))
    return pointer?.parent.flatMap { document.value(at: $0) }
  }
}
