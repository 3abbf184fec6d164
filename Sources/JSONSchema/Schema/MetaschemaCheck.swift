extension Schema {
  /// What in a schema its draft does not allow, by that draft's own schema; empty where it allows all.
  ///
  /// Compiling refuses only what values could not be held to; this also finds wrong notes such as a `title` that is no
  /// text. Formats are not looked at. Schemas of another draft inside the document are held to theirs.
  ///
  /// - Throws: where the document is not even so much of a schema that its drafts can be told.
  public static func mistakes(
    in document: JSONValue,
    options: SchemaOptions = .init()
  ) throws(SchemaError) -> [ValidationError] {
    let index = try SchemaIndex(root: document, options: options)
    var metaschemas: [SchemaDraft: Schema] = [:]
    var mistakes: [ValidationError] = []
    var rest = document
    // The innermost first, so that each can be taken out of what is around it.
    for part in index.parts.reversed() {
      guard let value = rest.value(at: part.pointer) else { continue }
      let metaschema: Schema
      if let known = metaschemas[part.draft] {
        metaschema = known
      } else {
        metaschema = try part.draft.schema()
        metaschemas[part.draft] = metaschema
      }
      let place = part.pointer.description
      mistakes.insert(
        contentsOf: metaschema.validate(value).map { $0.moved(below: place) },
        at: 0
      )
      rest.set([:], at: part.pointer)
    }
    return mistakes
  }
}

extension SchemaIndex {
  /// The schemas in the first document whose draft is not that of the schema around them, the outermost first.
  fileprivate var parts: [(pointer: JSONPointer, draft: SchemaDraft)] {
    var drafts: [SchemaLocation: SchemaDraft] = [:]
    // The last to take a place is the one with an identifier of its own.
    for resource in resources { drafts[resource.root] = resource.draft }
    return drafts.compactMap { location, draft -> (pointer: JSONPointer, draft: SchemaDraft)? in
      guard location.document == 0, let pointer = try? JSONPointer(parsing: location.pointer) else {
        return nil
      }
      var outer = pointer
      while outer.tokens.popLast() != nil {
        let place = SchemaLocation(document: 0, pointer: outer.description)
        guard let around = drafts[place] else { continue }
        return around == draft ? nil : (pointer, draft)
      }
      return (pointer, draft)
    }
    .sorted { left, right in
      left.pointer.tokens.count == right.pointer.tokens.count
        ? left.pointer.description < right.pointer.description
        : left.pointer.tokens.count < right.pointer.tokens.count
    }
  }
}

extension SchemaDraft {
  /// The schema that describes schemas of this draft.
  fileprivate func schema() throws(SchemaError) -> Schema {
    try Schema(
      ["$ref": .string(metaschema)],
      options: SchemaOptions(formatAssertion: false, defaultDraft: self)
    )
  }
}

extension ValidationError {
  fileprivate func moved(below place: String) -> ValidationError {
    ValidationError(
      path: place + path,
      keyword: keyword,
      schemaPath: schemaPath,
      expected: expected,
      found: found,
      suggestion: suggestion
    )
  }
}
