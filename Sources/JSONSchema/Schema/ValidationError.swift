/// One way in which a value does not meet its schema, told so that a model can mend it and a person read it.
public struct ValidationError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// Where in the value, as a JSON Pointer; empty for the whole value.
  public let path: String
  /// The keyword of the schema that was not met.
  public let keyword: String
  /// Where in the schema that keyword stands, as a JSON Pointer, after the document's URI where that is another one.
  public let schemaPath: String
  public let expected: String
  /// What came instead, cut to about 80 characters.
  public let found: String
  /// Path, expected and found in one sentence: `/minPrice: expected a number ≥ 0, found -5`.
  public let message: String
  /// The right word nearest to a wrong one: a value of the enumeration or a property's name.
  public let suggestion: String?

  public init(
    path: String,
    keyword: String,
    schemaPath: String,
    expected: String,
    found: String,
    suggestion: String? = nil
  ) {
    self.path = path
    self.keyword = keyword
    self.schemaPath = schemaPath
    self.expected = expected
    self.found = found
    self.suggestion = suggestion
    let place = path.isEmpty ? "top level" : path
    var message = "\(place): expected \(expected), found \(found)"
    if let suggestion {
      // What a string would be without its quotes is offered only where the type was wrong.
      message += "; did you mean \(keyword == "type" ? suggestion : shortened(suggestion))?"
    }
    self.message = message
  }

  public var description: String { message }
}

/// Why a schema cannot be used, and where in it.
public struct SchemaError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A JSON Pointer into the schema, after the document's URI where that is another one; empty for the whole.
  public let pointer: String
  public let reason: String

  public init(pointer: String, reason: String) {
    self.pointer = pointer
    self.reason = reason
  }

  public var description: String { "\(pointer.isEmpty ? "the schema" : pointer): \(reason)" }
}

/// A value for an error message: its JSON, cut, with its type where the JSON does not show it.
func describe(_ value: JSONValue) -> String {
  switch value {
  case .null, .bool, .integer, .double: value.serialized()
  case .decimal(let text): text.utf8.count <= 80 ? text : String(text.prefix(80)) + "…"
  case .string(let text): "the string \(shortened(text))"
  case .array(let items) where items.isEmpty: "an empty array"
  case .array(let items):
    "an array of \(items.count) \(items.count == 1 ? "item" : "items"): \(excerpt(value))"
  case .object(let object) where object.isEmpty: "an empty object"
  case .object: "the object \(excerpt(value))"
  }
}

/// The JSON of a value without what is beyond about 80 characters.
func excerpt(_ value: JSONValue) -> String {
  var bytes: [UInt8] = []
  writeExcerpt(value, into: &bytes)
  guard bytes.count > 80 else { return String(decoding: bytes, as: UTF8.self) }
  var end = 80
  while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
  return String(decoding: bytes[..<end], as: UTF8.self) + "…"
}

/// Writes a value, stopping soon after the excerpt's length.
private func writeExcerpt(_ value: JSONValue, into bytes: inout [UInt8]) {
  guard bytes.count <= 80 else { return }
  switch value {
  case .array(let items):
    bytes.append(UInt8(ascii: "["))
    for (index, item) in items.enumerated() {
      guard bytes.count <= 80 else { return }
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      writeExcerpt(item, into: &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
  case .object(let object):
    bytes.append(UInt8(ascii: "{"))
    for (index, entry) in object.entries.enumerated() {
      guard bytes.count <= 80 else { return }
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      writeJSONString(String(entry.key.unicodeScalars.prefix(81)), into: &bytes)
      bytes.append(UInt8(ascii: ":"))
      writeExcerpt(entry.value, into: &bytes)
    }
    bytes.append(UInt8(ascii: "}"))
  case .string(let text): writeJSONString(String(text.unicodeScalars.prefix(81)), into: &bytes)
  case .null, .bool, .integer, .double, .decimal: value.write(into: &bytes)
  }
}
