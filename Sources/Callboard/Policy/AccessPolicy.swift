import JSONSchema

/// Decides who may call what: an ordered list, the first match decides.
///
/// Without any rule everybody with the role `caller` may call everything; with rules, no match refuses.
public struct AccessPolicy: Sendable {
  public var rules: [Rule]

  public init(_ rules: [Rule] = []) { self.rules = rules }

  /// Who, which functions and which arguments, and whether such a call is allowed; what is nil fits everything.
  public struct Rule: Sendable {
    public var caller: NamePattern?
    public var function: NamePattern?
    public var effect: FunctionEffect?
    public var when: Schema?
    public var allows: Bool

    public init(
      caller: NamePattern? = nil,
      function: NamePattern? = nil,
      effect: FunctionEffect? = nil,
      when: Schema? = nil,
      allows: Bool
    ) {
      self.caller = caller
      self.function = function
      self.effect = effect
      self.when = when
      self.allows = allows
    }

    func couldMatch(_ function: FunctionDefinition, caller: Principal) -> Bool {
      (self.caller?.matches(caller.name) ?? true)
        && (self.function?.matches(function.name.description) ?? true)
        && (effect.map { $0 == function.effect } ?? true)
    }
  }

  /// nil when the caller may; else why not.
  public func refusal(
    of caller: Principal,
    calling function: FunctionDefinition,
    with arguments: JSONValue
  ) -> CallFailure? {
    guard caller.mayCall else {
      return CallFailure(
        .notAllowed,
        "\(caller.name) does not have the role caller, so it may call nothing."
      )
    }
    guard !rules.isEmpty else { return nil }
    for rule in rules
    where rule.couldMatch(function, caller: caller) && (rule.when?.isValid(arguments) ?? true) {
      return rule.allows
        ? nil : CallFailure(.notAllowed, "\(caller.name) may not call \(function.name).")
    }
    return CallFailure(
      .notAllowed,
      "\(caller.name) may not call \(function.name): no access rule allows it."
    )
  }

  /// Whether to offer a function to a caller: false only when it can never be allowed.
  public func mayEverCall(_ function: FunctionDefinition, caller: Principal) -> Bool {
    guard caller.mayCall else { return false }
    guard !rules.isEmpty else { return true }
    for rule in rules where rule.couldMatch(function, caller: caller) {
      if rule.allows { return true }
      if rule.when == nil { return false }
    }
    return false
  }
}
