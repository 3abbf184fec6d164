import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What a simulation says is what happens.
@Suite struct SimulationTests {
  /// Draws rule sets and calls by a seed.
  private struct Draw {
    var generator: SeededGenerator

    mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    mutating func one<Value>(of values: [Value]) -> Value { values[number(values.count)] }
    mutating func chance(_ percent: Int) -> Bool { number(100) < percent }

    mutating func schema() throws -> Schema {
      let bound = JSONValue.integer(Int64(number(5) * 500))
      let conditions: [JSONValue] = [
        ["properties": ["amount": ["exclusiveMinimum": bound]], "required": ["amount"]],
        ["properties": ["amount": ["type": "number", "maximum": bound]], "required": ["amount"]],
        ["properties": ["currency": ["const": "EUR"]], "required": ["currency"]],
        ["properties": ["memo": ["type": "string", "minLength": 3]], "required": ["memo"]],
        ["not": ["required": ["memo"]]],
      ]
      return try Schema(one(of: conditions))
    }

    mutating func rule() throws -> ApprovalRules.Rule {
      var rule = ApprovalRules.Rule()
      if chance(50) { rule.function = one(of: ["t.*", "t.pay", "t.find", "*.put", "other.*"]) }
      if chance(30) { rule.effect = one(of: [.read, .idempotent, .write]) }
      if chance(30) { rule.caller = one(of: ["agent-*", "agent-1", "robot"]) }
      if chance(50) { rule.when = try schema() }
      if chance(30) { rule.label = "label \(number(9))" }
      rule.asks = chance(60)
      rule.approvers = 1 + number(3)
      rule.expires = Double(60 * (1 + number(20)))
      rule.grace = chance(20) ? 30 : 0
      return rule
    }

    mutating func access() -> AccessPolicy {
      guard chance(40) else { return AccessPolicy() }
      return AccessPolicy([
        AccessPolicy.Rule(
          caller: one(of: ["robot", "agent-1"]),
          function: one(of: ["t.pay", "t.*"]),
          effect: nil,
          when: nil,
          allows: false
        ),
        AccessPolicy.Rule(caller: nil, function: nil, effect: nil, when: nil, allows: true),
      ])
    }

    mutating func arguments() -> JSONValue {
      var arguments = JSONObject()
      if chance(90) { arguments["amount"] = .integer(Int64(number(3000))) }
      if chance(5) { arguments["amount"] = "much" }
      if chance(40) { arguments["currency"] = one(of: ["USD", "EUR", "GBP"]) }
      if chance(40) { arguments["memo"] = one(of: ["", "ok", "a long memo"]) }
      return .object(arguments)
    }
  }

  private static let parameters: JSONValue = [
    "type": "object", "required": ["amount"],
    "properties": [
      "amount": ["type": "number"], "currency": ["type": "string", "default": "USD"],
      "memo": ["type": "string"],
    ],
  ]

  private func functions() -> [TestFunction] {
    let effects: [(String, FunctionEffect)] = [
      ("find", .read), ("put", .idempotent), ("pay", .write),
    ]
    return effects.map { name, effect in
      TestFunction(name, .echo, parameters: Self.parameters) { $0.effect = effect }
    }
  }

  /// Whether a rule matches, asked anew from what the documents say of rules.
  private func matches(
    _ rule: ApprovalRules.Rule,
    _ name: String,
    _ effect: FunctionEffect,
    _ caller: String,
    _ arguments: JSONValue
  ) -> Bool {
    if let function = rule.function, !function.matches(name) { return false }
    if let wanted = rule.effect, wanted != effect { return false }
    if let wanted = rule.caller, !wanted.matches(caller) { return false }
    return rule.when?.validate(arguments).isEmpty ?? true
  }

  @Test func `a simulated decision equals the real one for 10,000 generated calls and rule sets`()
    async throws
  {
    var draw = Draw(generator: SeededGenerator(seed: 20_261_130))
    var counts: [String: Int] = [:]
    for _ in 0..<200 {
      var rules: [ApprovalRules.Rule] = []
      for _ in 0..<draw.number(8) { rules.append(try draw.rule()) }
      let access = draw.access()
      let functions = functions()
      let rig = try Rig(all: functions, rules: rules) { $0.access = access }
      for _ in 0..<50 {
        let name = draw.one(of: ["find", "put", "pay", draw.chance(5) ? "missing" : "pay"])
        let caller = Principal.caller(draw.one(of: ["agent-1", "agent-2", "robot"]))
        let arguments = draw.arguments()
        let simulation = rig.engine.simulate("t." + name, arguments, by: caller)
        let executed = functions.map(\.executions)
        #expect(functions.map(\.executions) == executed)
        let real = await rig.submit(name, arguments, by: caller)
        let kind = try compare(simulation, real, rig, rules, name, caller)
        counts[kind, default: 0] += 1
      }
    }
    #expect(counts.values.reduce(0, +) == 10_000)
    // Each way was gone often enough for the equality to mean something.
    #expect(counts.count == 3 && counts.values.allSatisfy { $0 > 500 }, "\(counts)")
  }

  /// Returns what became of it.
  private func compare(
    _ simulation: Simulation,
    _ real: Submission,
    _ rig: Rig,
    _ rules: [ApprovalRules.Rule],
    _ name: String,
    _ caller: Principal
  ) throws -> String {
    let call = try rig.call(real.id)
    let effect = try? rig.function(name).effect
    let first = call.decided.flatMap { arguments in
      rules.firstIndex {
        matches($0, "t." + name, effect ?? .write, caller.name, arguments.original)
      }
    }
    switch simulation.verdict {
    case .runs:
      #expect(call.state.word == .succeeded)
      #expect(first.map { !rules[$0].asks } == true)
      #expect(simulation.findings.last?.decides == true)
      #expect(simulation.findings.count == (first ?? -1) + 1)
      #expect(call.admissionRule == simulation.findings.last?.rule)
      return "runs"
    case .asks(let requirement, _):
      #expect(real.isPending)
      #expect(call.approval?.requirement == requirement)
      // Asked before the rules: what they would have said does not count.
      guard requirement.twin == nil else { return "asks" }
      if let first {
        #expect(simulation.findings.count == first + 1)
        #expect(simulation.findings.last?.rule == requirement.rule)
        #expect(requirement.approvers == rules[first].approvers)
      } else {
        #expect(requirement == ApprovalRules.unmatched)
        #expect(simulation.findings.count == rules.count)
        #expect(simulation.findings.allSatisfy { !$0.decides })
      }
      return "asks"
    case .approvedAhead:
      Issue.record("nobody has approved it ahead")
      return "ahead"
    case .denied:
      Issue.record("somebody is there to ask")
      return "denied"
    case .rejected(let failure):
      #expect(real.failure == failure)
      #expect(simulation.findings.isEmpty)
      return "rejected"
    }
  }

  @Test func `each rule before the one that decides says why it does not match`() throws {
    var big = ApprovalRules.Rule(function: "t.pay", label: "big")
    big.when = try Schema([
      "properties": ["amount": ["exclusiveMinimum": 1000]], "required": ["amount"],
    ])
    let rig = try Rig(
      all: functions(),
      rules: [
        ApprovalRules.Rule(function: "other.*", effect: .read, caller: "robot"),
        big,
        ApprovalRules.Rule(effect: .write, approvers: 2),
        ApprovalRules.Rule(asks: false),
      ]
    )
    let findings = rig.engine.simulate("t.pay", ["amount": 7], by: agent).findings
    #expect(findings.map(\.rule).map { $0.prefix(6) } == ["rule 1", "rule 2", "rule 3"])
    #expect(
      findings[0].differs == [
        "the function is t.pay, not other.*", "its effect is write, not read",
        "the caller is agent, not robot",
      ]
    )
    #expect(findings[1].differs.count == 1)
    #expect(findings[1].differs[0].hasPrefix("when does not hold: /amount"), "\(findings[1])")
    #expect(findings[2].decides)
  }

  @Test func `a simulation runs nothing and stores nothing`() throws {
    let functions = functions()
    let rig = try Rig(all: functions)
    let before = rig.engine.lastSequence
    _ = rig.engine.simulate("t.find", ["amount": 1], by: agent)
    #expect(rig.engine.lastSequence == before)
    #expect(functions.allSatisfy { $0.executions == 0 })
  }
}
