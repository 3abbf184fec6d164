import JSONSchema

extension JSONValue {
  /// A schema, what it refers to within its document, and what it is made of: each may say something of the same value.
  func alternatives(in root: JSONValue) -> [JSONValue] {
    var all: [JSONValue] = []
    collect(in: root, into: &all)
    return all
  }

  private func collect(in root: JSONValue, into all: inout [JSONValue]) {
    // A schema may refer to itself.
    guard all.count < 64 else { return }
    all.append(self)
    if let target = self["$ref"]?.stringValue, target.hasPrefix("#"),
      let pointer = try? JSONPointer(parsing: String(target.dropFirst()))
    {
      root.value(at: pointer)?.collect(in: root, into: &all)
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
      for part in self[keyword]?.arrayValue ?? [] { part.collect(in: root, into: &all) }
    }
  }
}
