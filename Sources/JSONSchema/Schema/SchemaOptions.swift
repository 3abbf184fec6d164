/// The revisions of JSON Schema that are understood.
public enum SchemaDraft: Int, Sendable, Comparable, CaseIterable {
  case draft4
  case draft6
  case draft7
  case draft201909
  case draft202012

  public static func < (left: SchemaDraft, right: SchemaDraft) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// How a schema is compiled.
public struct SchemaOptions: Sendable {
  /// Whether `format` is asserted where it is known; an unknown format is never more than a note.
  public var formatAssertion: Bool
  /// How many steps one match of a `pattern` may take, beyond some for each byte of the text.
  public var patternMatchLimit: Int
  /// The revision of schemas that do not name one with `$schema`.
  public var defaultDraft: SchemaDraft
  /// Documents that `$ref` may point into, by their URI; nothing is ever fetched.
  public var documents: [String: JSONValue]

  public init(
    formatAssertion: Bool = true,
    patternMatchLimit: Int = 1_000_000,
    defaultDraft: SchemaDraft = .draft202012,
    documents: [String: JSONValue] = [:]
  ) {
    self.formatAssertion = formatAssertion
    self.patternMatchLimit = patternMatchLimit
    self.defaultDraft = defaultDraft
    self.documents = documents
  }
}
