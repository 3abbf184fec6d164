import JSONSchema

/// Decides whether a call needs a person: an ordered list, the first match decides, and no match asks.
public struct ApprovalRules: Sendable {
  public var rules: [Rule] {
    didSet { names = Self.names(of: rules) }
  }
  /// What each is called, made once: every call names the one that decided it.
  private var names: [String]

  public init(_ rules: [Rule] = []) {
    self.rules = rules
    names = Self.names(of: rules)
  }

  private static func names(of rules: [Rule]) -> [String] {
    rules.enumerated().map { "rule \($0 + 1): \($1.summary)" }
  }

  /// What the rules say of a call.
  public enum Ruling: Sendable, Hashable {
    /// Somebody has to approve it.
    case asks(ApprovalRequirement)
    /// It needs nobody, by the rule of this name.
    case lets(rule: String)

    var requirement: ApprovalRequirement? {
      switch self {
      case .asks(let requirement): requirement
      case .lets: nil
      }
    }
  }

  /// What asks when no rule matches.
  public static let unmatched = ApprovalRequirement(rule: "no rule matches")

  /// The approval a call needs, or nil when a rule says it needs none.
  public func requirement(
    for arguments: JSONValue,
    function: FunctionDefinition,
    caller: Principal
  ) -> ApprovalRequirement? {
    ruling(for: arguments, function: function, caller: caller).requirement
  }

  /// What the first rule that matches says; no match asks.
  func ruling(
    for arguments: JSONValue,
    function: FunctionDefinition,
    caller: Principal
  ) -> Ruling {
    guard let index = firstMatch(for: arguments, function: function, caller: caller) else {
      return .asks(Self.unmatched)
    }
    return rules[index].ruling(called: names[index])
  }

  /// The place of the rule that decides.
  func firstMatch(
    for arguments: JSONValue,
    function: FunctionDefinition,
    caller: Principal
  ) -> Int? {
    rules.firstIndex { $0.matches(arguments, function: function, caller: caller) }
  }

  /// What the rule at this place is called.
  func name(of index: Int) -> String { names[index] }

  /// What a function's row says: the first rule that asks and could apply to it, or nil when none ever asks.
  func summary(for function: FunctionDefinition) -> String? {
    for (index, rule) in rules.enumerated() where rule.couldMatch(function) {
      if rule.asks { return names[index] }
      if rule.when == nil, rule.caller == nil { return nil }
    }
    return Self.unmatched.rule
  }

  /// One rule: what it matches, and what it asks for.
  public struct Rule: Sendable {
    public var function: NamePattern?
    public var effect: FunctionEffect?
    public var caller: NamePattern?
    /// A JSON Schema over the validated arguments.
    public var when: Schema?
    /// In words for screens, such as `amount over 1,000`; made from `when` where it is nil.
    public var label: String?
    /// False: such calls need nobody.
    public var asks: Bool
    public var approvers: Int
    /// Seconds.
    public var expires: Double
    public var maxWait: Double
    public var grace: Double
    /// Whom it has called when a call waits, one group after the other.
    public var notify: [Notify] = []

    public init(
      function: NamePattern? = nil,
      effect: FunctionEffect? = nil,
      caller: NamePattern? = nil,
      when: Schema? = nil,
      label: String? = nil,
      asks: Bool = true,
      approvers: Int = 1,
      expires: Double = 900,
      maxWait: Double = 3600,
      grace: Double = 0
    ) {
      self.function = function
      self.effect = effect
      self.caller = caller
      self.when = when
      self.label = label
      self.asks = asks
      self.approvers = approvers
      self.expires = expires
      self.maxWait = maxWait
      self.grace = grace
    }

    func matches(_ arguments: JSONValue, function: FunctionDefinition, caller: Principal) -> Bool {
      couldMatch(function) && (self.caller?.matches(caller.name) ?? true)
        && (when?.isValid(arguments) ?? true)
    }

    func couldMatch(_ function: FunctionDefinition) -> Bool {
      (self.function?.matches(function.name.description) ?? true)
        && (effect.map { $0 == function.effect } ?? true)
    }

    fileprivate func ruling(called name: String) -> Ruling {
      guard asks else { return .lets(rule: name) }
      return .asks(
        ApprovalRequirement(
          rule: name,
          approvers: approvers,
          expires: expires,
          maxWait: maxWait,
          grace: grace
        )
      )
    }

    /// What it matches, in words.
    public var summary: String {
      if let label { return label }
      var words: [String] = []
      if let function { words.append(function.text) }
      if let effect { words.append("every \(effect.rawValue)") }
      if let caller { words.append("from \(caller.text)") }
      if when != nil { words.append("with certain arguments") }
      return words.isEmpty ? "every call" : words.joined(separator: " ")
    }
  }
}
