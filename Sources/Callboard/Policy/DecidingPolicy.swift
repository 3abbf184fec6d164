import JSONSchema

/// Decides which operators may decide which calls: an ordered list, the first match decides, and no match leaves it to
/// every operator.
///
/// What stops something is open to every operator whatever the rules say: a cancel, and taking one's own approval back.
public struct DecidingPolicy: Sendable {
  public var rules: [Rule]

  public init(_ rules: [Rule] = []) { self.rules = rules }

  /// One rule: which acts on which calls, and by whom; what is nil fits everything.
  public struct Rule: Sendable {
    public var function: NamePattern?
    public var effect: FunctionEffect?
    public var caller: NamePattern?
    /// A JSON Schema over the arguments as they stand.
    public var when: Schema?
    public var acts: Set<DecidingAct>?
    /// Who may; nobody else does.
    public var operators: [NamePattern]

    public init(
      function: NamePattern? = nil,
      effect: FunctionEffect? = nil,
      caller: NamePattern? = nil,
      when: Schema? = nil,
      acts: Set<DecidingAct>? = nil,
      operators: [NamePattern]
    ) {
      self.function = function
      self.effect = effect
      self.caller = caller
      self.when = when
      self.acts = acts
      self.operators = operators
    }

    fileprivate func couldMatch(_ act: DecidingAct, on function: FunctionDefinition?) -> Bool {
      (acts?.contains(act) ?? true)
        && (self.function.map { pattern in
          function.map { pattern.matches($0.name.description) } ?? false
        } ?? true) && (effect.map { $0 == function?.effect ?? .write } ?? true)
    }
  }

  /// Who may do this to a call; nil: every operator.
  func deciders(
    of act: DecidingAct,
    on function: FunctionDefinition?,
    caller: Principal,
    arguments: JSONValue
  ) -> Deciders? {
    for (index, rule) in rules.enumerated()
    where rule.couldMatch(act, on: function) && (rule.caller?.matches(caller.name) ?? true)
      && (rule.when?.isValid(arguments) ?? true)
    {
      return Deciders(rule: index + 1, operators: rule.operators)
    }
    return nil
  }

  /// Whether somebody could ever do this to some call of a function.
  func mayEver(_ act: DecidingAct, on function: FunctionDefinition, _ person: Principal) -> Bool {
    for rule in rules where rule.couldMatch(act, on: function) {
      if rule.operators.contains(where: { $0.matches(person.name) }) { return true }
      if rule.when == nil, rule.caller == nil { return false }
    }
    return true
  }
}

/// What an operator may be allowed to do to a call that waits, is unknown or has ended.
public enum DecidingAct: String, Sendable, Hashable, Codable, CaseIterable,
  CodingKeyRepresentable
{
  case approve
  case deny
  case edit
  /// Give it more time.
  case extend
  case settle
  case runAgain = "run_again"
  /// Approve ahead.
  case grant
}

/// Who may decide, by which rule of `deciders`.
public struct Deciders: Sendable, Hashable, Codable {
  /// Counted from 1.
  public var rule: Int
  public var operators: [NamePattern]

  public init(rule: Int, operators: [NamePattern]) {
    self.rule = rule
    self.operators = operators
  }

  public func include(_ person: Principal) -> Bool {
    operators.contains { $0.matches(person.name) }
  }

  /// Who may, in words.
  public var words: String {
    operators.isEmpty ? "nobody" : operators.map(\.text).joined(separator: ", ")
  }
}

extension DecidingAct {
  /// As a verb of a call.
  var words: String {
    switch self {
    case .approve: "approve"
    case .deny: "deny"
    case .edit: "edit"
    case .extend: "give more time to"
    case .settle: "settle"
    case .runAgain: "run again"
    case .grant: "approve ahead by a grant"
    }
  }
}
