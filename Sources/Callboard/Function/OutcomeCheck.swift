import JSONSchema

/// The `read` function by which a person sees whether a `write` of unknown outcome has happened, and what it is asked.
public struct OutcomeCheck: Sendable, Hashable {
  public var function: FunctionName
  /// Its arguments, by name, from those of the call in question.
  public var arguments: [String: Source]

  public init(function: FunctionName, arguments: [String: Source]) {
    self.function = function
    self.arguments = arguments
  }

  /// Where one argument comes from.
  public enum Source: Sendable, Hashable {
    /// A part of the call's own arguments; where it is not there, the argument is left out.
    case argument(JSONPointer)
    case value(JSONValue)
    /// The key that was sent with each attempt.
    case idempotencyKey
  }

  /// What the check is called with for a call.
  func arguments(for call: JSONValue, key: String) -> JSONValue {
    var result = JSONObject()
    for (name, source) in arguments.sorted(by: { $0.key < $1.key }) {
      switch source {
      case .argument(let pointer): if let value = call.value(at: pointer) { result[name] = value }
      case .value(let value): result[name] = value
      case .idempotencyKey: result[name] = .string(key)
      }
    }
    return .object(result)
  }

  /// Why it can't be the check of a function; nil where it can.
  ///
  /// `check` is the function that it names, as far as there is one.
  func mistake(of function: FunctionDefinition, check: FunctionDefinition?) -> String? {
    guard function.effect == .write else {
      return
        "only what a write has done can be unknown, and this function's effect is \(function.effect.rawValue)"
    }
    guard let check else { return "there is no function \(self.function)" }
    guard check.effect == .read else {
      return
        "\(self.function) is \(check.effect.rawValue), and a check must change nothing: name a function with effect read"
    }
    let properties = check.parameters["properties"]?.objectValue ?? JSONObject()
    if check.parameters["additionalProperties"] == false,
      let unknown = arguments.keys.sorted().first(where: { properties[$0] == nil })
    {
      let near = nearest(to: unknown, among: Array(properties.keys)).map { "; did you mean \($0)?" }
      return "\(self.function) takes no \(unknown)" + (near ?? "")
    }
    let required = (check.parameters["required"]?.arrayValue ?? []).compactMap(\.stringValue)
    if let missing = required.first(where: { arguments[$0] == nil }) {
      return "\(self.function) needs \(missing): say with: { \(missing): … }"
    }
    for (name, source) in arguments.sorted(by: { $0.key < $1.key }) {
      guard case .argument(let pointer) = source, let first = pointer.tokens.first else { continue }
      let own = function.parameters["properties"]?.objectValue ?? JSONObject()
      guard own[first] == nil, function.parameters["additionalProperties"] == false else {
        continue
      }
      let near = nearest(to: first, among: Array(own.keys)).map { "; did you mean /\($0)?" } ?? ""
      return "\(name) comes from \(pointer), which no call of \(function.name) has" + near
    }
    return nil
  }
}
