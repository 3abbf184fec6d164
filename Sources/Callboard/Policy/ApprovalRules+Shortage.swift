extension ApprovalRules {
  /// A rule for which there are too few people: what it asks for can only expire.
  public struct Shortage: Sendable, Hashable {
    /// The rule's place.
    public var rule: Int
    /// One of the functions that it asks for.
    public var function: String
    public var approvers: Int
    /// The names of all who could ever approve such a call.
    public var people: [String]
    /// There are enough, but each of them is a shared account, which can't give the last of several approvals.
    public var areShared: Bool
  }

  /// Rules that ask for more approvals than these people could ever give, one finding a rule.
  ///
  /// A person who asked for a call can't approve it, which is not known before there is one.
  public func shortages(
    on functions: [FunctionDefinition],
    deciding: DecidingPolicy,
    people: [Principal]
  ) -> [Shortage] {
    rules.enumerated().compactMap { index, rule in
      guard rule.asks else { return nil }
      for function in functions where rule.couldMatch(function) {
        let able = people.filter {
          $0.mayDecide && deciding.mayEver(.approve, on: function, $0)
        }
        let areShared = rule.approvers > 1 && able.allSatisfy(\.isShared)
        guard able.count < rule.approvers || areShared else { continue }
        return Shortage(
          rule: index,
          function: function.name.description,
          approvers: rule.approvers,
          people: able.map(\.name),
          areShared: able.count >= rule.approvers
        )
      }
      return nil
    }
  }
}
