import JSONSchema

/// A function's definition as somebody wrote it, before it is known whether it can be used.
public struct FunctionDraft: Sendable {
  public var name: String
  /// What a model API sees.
  public var wireName: String
  public var description: String?
  /// nil: none were written, so the function takes no arguments.
  public var parameters: JSONValue?
  /// Where the parameters are, within ``place``.
  public var parametersKey: String
  /// Whether it asks for OpenAI's strict mode.
  public var isStrict: Bool
  /// Where in its document the definition is.
  public var place: JSONPointer

  /// A definition in the form of model APIs: `{ name, description, parameters, strict }`.
  public init(_ definition: JSONValue, at place: JSONPointer) {
    let keys = ["parameters", "input_schema", "inputSchema"]
    parametersKey = keys.first { definition[$0] != nil } ?? "parameters"
    name = definition["name"]?.stringValue ?? ""
    wireName = name
    description = definition["description"]?.stringValue
    parameters = definition[parametersKey].flatMap { $0.isNull ? nil : $0 }
    isStrict = definition["strict"]?.boolValue ?? false
    self.place = place
  }

  /// Gives those definitions that are callboard's own the names that model APIs see.
  ///
  /// Those whose name is none, or is given twice, keep what they have.
  public static func assignWireNames(to drafts: inout [FunctionDraft]) {
    let names = Set(drafts.compactMap { FunctionName($0.name) })
    let assigned = WireName.assign(to: names)
    for index in drafts.indices {
      if let name = FunctionName(drafts[index].name), let wire = assigned[name] {
        drafts[index].wireName = wire
      }
    }
  }
}
