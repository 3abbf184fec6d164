import JSONSchema

extension YAMLDocument {
  /// The document with texts of it replaced by other values; whatever came in their place is told to stand where they do.
  ///
  /// Keys are no texts. nil: the text stays.
  public func replacingTexts(_ replacement: (JSONPointer, String) -> JSONValue?) -> YAMLDocument {
    var copy = self
    copy.value = Self.replace(value, at: JSONPointer(), replacement)
    return copy
  }

  private static func replace(
    _ value: JSONValue,
    at pointer: JSONPointer,
    _ replacement: (JSONPointer, String) -> JSONValue?
  ) -> JSONValue {
    switch value {
    case .null, .bool, .integer, .double, .decimal: return value
    case .string(let text): return replacement(pointer, text) ?? value
    case .array(let items):
      return .array(
        items.enumerated().map { replace($1, at: pointer.appending($0), replacement) }
      )
    case .object(let members):
      return .object(
        JSONObject(members.map { ($0, replace($1, at: pointer.appending($0), replacement)) })
      )
    }
  }
}
