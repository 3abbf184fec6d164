import JSONSchema
import Testing

@testable import Callboard

struct ApprovalRulesTests {
  let agent = Principal.caller("agent-1")

  static func function(
    _ name: String = "payments.send",
    _ effect: FunctionEffect = .write
  ) throws -> FunctionDefinition {
    FunctionDefinition(name: try #require(FunctionName(name)), description: "", effect: effect)
  }

  static func over(_ amount: Int64) throws -> Schema {
    try Schema([
      "properties": ["amount": ["exclusiveMinimum": .integer(amount)]], "required": ["amount"],
    ])
  }

  @Test func `no match asks`() throws {
    let rules = ApprovalRules([ApprovalRules.Rule(function: "search.*", asks: false)])
    let function = try Self.function()
    #expect(
      rules.requirement(for: [:], function: function, caller: agent) == ApprovalRules.unmatched
    )
    #expect(
      ApprovalRules().requirement(for: [:], function: function, caller: agent)?.rule
        == "no rule matches"
    )
  }

  @Test func `the first match decides, also when a later one would ask for more`() throws {
    let rules = ApprovalRules([
      ApprovalRules.Rule(function: "payments.*", approvers: 1),
      ApprovalRules.Rule(function: "payments.send", approvers: 3),
    ])
    let requirement = rules.requirement(for: [:], function: try Self.function(), caller: agent)
    #expect(requirement?.approvers == 1)
    #expect(requirement?.rule == "rule 1: payments.*")
  }

  @Test(arguments: [999: false, 1000: false, 1001: true])
  func `when decides over the arguments`(amount: Int64, asksForTwo: Bool) throws {
    let rules = ApprovalRules([
      ApprovalRules.Rule(when: try Self.over(1000), label: "amount over 1,000", approvers: 2),
      ApprovalRules.Rule(asks: false),
    ])
    let requirement = rules.requirement(
      for: ["amount": .integer(amount)],
      function: try Self.function(),
      caller: agent
    )
    #expect(requirement?.approvers == (asksForTwo ? 2 : nil))
    if asksForTwo { #expect(requirement?.rule == "rule 1: amount over 1,000") }
  }

  @Test func `every condition of a rule has to hold`() throws {
    let rule = ApprovalRules.Rule(
      function: "payments.*",
      effect: .write,
      caller: "agent-*",
      when: try Self.over(0),
      asks: false
    )
    let rules = ApprovalRules([rule])
    func asks(
      _ name: String = "payments.send",
      _ effect: FunctionEffect = .write,
      _ caller: String = "agent-1",
      _ arguments: JSONValue = ["amount": 1]
    ) throws -> Bool {
      let function = try Self.function(name, effect)
      return rules.requirement(for: arguments, function: function, caller: .caller(caller)) != nil
    }
    #expect(try !asks())
    #expect(try asks("search.list"))
    #expect(try asks("payments.send", .read))
    #expect(try asks("payments.send", .write, "mallory"))
    #expect(try asks("payments.send", .write, "agent-1", ["amount": 0]))
    #expect(try asks("payments.send", .write, "agent-1", [:]))
  }

  @Test func `what a rule asks for is in the requirement`() throws {
    let rule = ApprovalRules.Rule(
      effect: .write,
      approvers: 2,
      expires: 60,
      maxWait: 120,
      grace: 5
    )
    let requirement = ApprovalRules([rule]).requirement(
      for: [:],
      function: try Self.function(),
      caller: agent
    )
    #expect(
      requirement
        == ApprovalRequirement(
          rule: "rule 1: every write",
          approvers: 2,
          expires: 60,
          maxWait: 120,
          grace: 5
        )
    )
  }

  @Test func `a rule without words of its own says what it matches`() throws {
    #expect(ApprovalRules.Rule().summary == "every call")
    #expect(
      ApprovalRules.Rule(function: "a.*", effect: .read, caller: "bo", when: try Self.over(1))
        .summary
        == "a.* every read from bo with certain arguments"
    )
  }

  @Test func `a function's row names the first rule that may ask`() throws {
    let write = try Self.function()
    let read = try Self.function("payments.list", .read)
    let rules = ApprovalRules([
      ApprovalRules.Rule(caller: "robot", asks: false),
      ApprovalRules.Rule(effect: .read, asks: false),
      ApprovalRules.Rule(function: "payments.*", when: try Self.over(1), label: "amounts"),
    ])
    #expect(rules.summary(for: write) == "rule 3: amounts")
    #expect(rules.summary(for: read) == nil)
    #expect(ApprovalRules([rules.rules[1]]).summary(for: write) == "no rule matches")
  }
}
