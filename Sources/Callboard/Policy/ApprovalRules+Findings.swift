import JSONSchema

/// Which rule decides on a call, and why none before it did.
extension ApprovalRules {
  /// One rule, asked about one call.
  public struct Finding: Sendable, Hashable, Codable {
    /// As the rule is called everywhere.
    public var rule: String
    /// Why it does not match; empty: it does, and decides.
    public var differs: [String]

    public var decides: Bool { differs.isEmpty }

    public init(rule: String, differs: [String]) {
      self.rule = rule
      self.differs = differs
    }
  }

  /// The rules in order up to the one that decides; without one that decides, no rule matches.
  ///
  /// `shown` takes the secrets out of what the validator says.
  public func findings(
    for arguments: JSONValue,
    function: FunctionDefinition,
    caller: Principal,
    shown: ([ValidationError], JSONValue) -> [ValidationError] = { errors, _ in errors }
  ) -> [Finding] {
    var findings: [Finding] = []
    for (index, rule) in rules.enumerated() {
      let differs = rule.differences(from: arguments, function, caller, shown: shown)
      findings.append(Finding(rule: name(of: index), differs: differs))
      if differs.isEmpty { break }
    }
    return findings
  }
}

extension ApprovalRules.Rule {
  /// Each condition that does not hold, in words.
  fileprivate func differences(
    from arguments: JSONValue,
    _ function: FunctionDefinition,
    _ caller: Principal,
    shown: ([ValidationError], JSONValue) -> [ValidationError]
  ) -> [String] {
    var differs: [String] = []
    if let pattern = self.function, !pattern.matches(function.name.description) {
      differs.append("the function is \(function.name), not \(pattern.text)")
    }
    if let effect, effect != function.effect {
      differs.append("its effect is \(function.effect.rawValue), not \(effect.rawValue)")
    }
    if let pattern = self.caller, !pattern.matches(caller.name) {
      differs.append("the caller is \(caller.name), not \(pattern.text)")
    }
    if let when, !when.isValid(arguments) {
      let errors = shown(when.validate(arguments), arguments)
      // Its message begins with where.
      differs.append("when does not hold: \(errors.first?.message ?? "the arguments are others")")
    }
    return differs
  }
}
