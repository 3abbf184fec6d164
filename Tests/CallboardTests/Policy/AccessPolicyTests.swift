import JSONSchema
import Testing

@testable import Callboard

struct AccessPolicyTests {
  let agent = Principal.caller("agent-1")

  func definition(
    _ name: String = "payments.send",
    _ effect: FunctionEffect = .write
  ) throws
    -> FunctionDefinition
  {
    FunctionDefinition(name: try #require(FunctionName(name)), description: "", effect: effect)
  }

  @Test func `without rules every caller may call everything, and nobody else anything`() throws {
    let policy = AccessPolicy()
    let function = try definition()
    #expect(policy.refusal(of: agent, calling: function, with: [:]) == nil)
    #expect(policy.mayEverCall(function, caller: agent))
    let refusal = policy.refusal(of: .viewer("vic"), calling: function, with: [:])
    #expect(refusal?.kind == .notAllowed)
    #expect(refusal?.message == "vic does not have the role caller, so it may call nothing.")
    #expect(!policy.mayEverCall(function, caller: .viewer("vic")))
  }

  @Test func `with rules no match refuses`() throws {
    let policy = AccessPolicy([AccessPolicy.Rule(function: "search.*", allows: true)])
    let refusal = policy.refusal(of: agent, calling: try definition(), with: [:])
    #expect(refusal?.message == "agent-1 may not call payments.send: no access rule allows it.")
    #expect(!policy.mayEverCall(try definition(), caller: agent))
  }

  @Test func `the first match decides`() throws {
    let policy = AccessPolicy([
      AccessPolicy.Rule(caller: "agent-1", function: "payments.*", allows: false),
      AccessPolicy.Rule(allows: true),
    ])
    #expect(policy.refusal(of: agent, calling: try definition(), with: [:]) != nil)
    #expect(policy.refusal(of: .caller("agent-2"), calling: try definition(), with: [:]) == nil)
    #expect(policy.refusal(of: agent, calling: try definition("search.list"), with: [:]) == nil)
  }

  @Test func `when decides over the arguments, and what may be allowed is offered`() throws {
    let small = try Schema(["properties": ["amount": ["maximum": 10]], "required": ["amount"]])
    let policy = AccessPolicy([
      AccessPolicy.Rule(effect: .write, when: small, allows: true),
      AccessPolicy.Rule(effect: .write, allows: false),
      AccessPolicy.Rule(allows: true),
    ])
    let write = try definition()
    #expect(policy.refusal(of: agent, calling: write, with: ["amount": 10]) == nil)
    #expect(policy.refusal(of: agent, calling: write, with: ["amount": 11])?.kind == .notAllowed)
    #expect(policy.refusal(of: agent, calling: write, with: [:])?.kind == .notAllowed)
    #expect(policy.mayEverCall(write, caller: agent))
  }

  @Test func `a refusal for some arguments still offers the function`() throws {
    let big = try Schema(["properties": ["amount": ["minimum": 10]], "required": ["amount"]])
    let policy = AccessPolicy([
      AccessPolicy.Rule(when: big, allows: false), AccessPolicy.Rule(allows: true),
    ])
    #expect(policy.mayEverCall(try definition(), caller: agent))
  }
}
