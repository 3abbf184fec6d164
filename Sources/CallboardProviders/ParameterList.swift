import JSONSchema

/// The arguments that a function's schema declares, as far as a template needs to know.
struct ParameterList: Sendable {
  /// In the order of the schema.
  let names: [String]
  /// Those that every valid call has: required, or filled in from a default.
  let always: Set<String>

  init(_ schema: JSONValue) {
    let properties = schema["properties"]?.objectValue ?? JSONObject()
    names = properties.keys
    var always = Set((schema["required"]?.arrayValue ?? []).compactMap(\.stringValue))
    for (name, property) in properties where property["default"] != nil { always.insert(name) }
    self.always = always
  }

  /// What is wrong with naming this argument, as a sentence; nil where nothing is.
  func problem(with name: String, mustBePresent: Bool) -> String? {
    guard names.contains(name) else {
      let known =
        names.isEmpty ? "it has none" : "it has \(names.map { "“\($0)”" }.joined(separator: ", "))"
      return "“{\(name)}” is no property of the function's parameters; \(known)"
    }
    guard !mustBePresent || always.contains(name) else {
      return "“{\(name)}” may be missing from a call; make it required, or give it a default"
    }
    return nil
  }
}

extension JSONValue {
  /// How an argument stands in a text: a string as itself, everything else as its JSON.
  var plainText: String { stringValue ?? serialized() }
}

/// The JSON Pointer of one member of the arguments.
func argumentPointer(_ name: String) -> String { JSONPointer(tokens: [name]).description }
