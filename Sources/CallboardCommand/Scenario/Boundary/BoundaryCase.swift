import JSONSchema

/// Arguments at a bound of what a schema allows, or just beyond it.
struct BoundaryCase: Sendable, Hashable {
  /// In words: `/zip of 5 characters, the most`.
  var what: String
  var arguments: JSONValue
  /// Where they are wrong, as a JSON Pointer; where they are not, what they are about.
  var pointer: String
  var isValid: Bool

  /// The arguments, short enough for a report.
  var excerpt: String {
    let text = arguments.serialized()
    return text.count > 200 ? text.prefix(200) + "…" : text
  }
}
