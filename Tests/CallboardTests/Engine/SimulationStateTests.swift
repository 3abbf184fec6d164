import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import Callboard

/// What a simulation says of a running engine is what happens there: with switches, a hold, twins and grants.
@Suite(.timeLimit(.minutes(5)))
struct SimulationStateTests {
  private static let parameters: JSONValue = [
    "type": "object", "required": ["amount"], "properties": ["amount": ["type": "integer"]],
  ]

  private func rig() throws -> Rig {
    var large = asking("pay", approvers: 2)
    large.when = try Schema([
      "properties": ["amount": ["exclusiveMinimum": 40]], "required": ["amount"],
    ])
    let functions = [("pay", FunctionEffect.write), ("move", .write), ("put", .idempotent)].map {
      name,
      effect in
      TestFunction(name, .echo, parameters: Self.parameters) { $0.effect = effect }
    }
    return try Rig(all: functions, rules: [large, asking("pay"), asking("put"), free])
  }

  private func grants(_ rig: Rig) -> [GrantRow] {
    if case .grants(let rows) = rig.engine.snapshot(of: .grants).body { rows } else { [] }
  }

  /// Asks, and holds that asking has changed nothing.
  private func simulate(
    _ rig: Rig,
    _ name: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) -> Simulation {
    let before = (rig.engine.lastSequence, grants(rig), rig.header)
    let simulation = rig.engine.simulate("t." + name, arguments, by: caller)
    #expect(rig.engine.lastSequence == before.0)
    #expect(grants(rig) == before.1)
    #expect(rig.header == before.2)
    return simulation
  }

  @Test func `it equals the real decision while people hold, switch, grant and take back`()
    async throws
  {
    var generator = SeededGenerator(seed: 20_261_201)
    func draw(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    var counts: [String: Int] = [:]
    for _ in 0..<12 {
      let rig = try rig()
      for _ in 0..<200 {
        let person = [maria, omar][draw(2)]
        switch draw(20) {
        case 0: await rig.hold(draw(3) == 0, by: person)
        case 1: await rig.turn(["pay", "put"][draw(2)], on: draw(4) > 0, by: person)
        case 2:
          let draft = GrantDraft(
            function: ["t.pay", "t.*"][draw(2)],
            seconds: Double(60 + draw(600)),
            limit: draw(2) == 0 ? 1 + draw(3) : nil
          )
          _ = await rig.engine.perform(.grant(draft, waiting: []), by: person)
        case 3:
          if let row = grants(rig).first(where: { $0.state == .valid }) {
            _ = await rig.engine.perform(.revokeGrant(row.id), by: person)
          }
        case 4: rig.clock.advance(by: .seconds(draw(200)))
        default: break
        }
        let name = ["pay", "pay", "move", "put"][draw(4)]
        let caller = [agent, agent, maria][draw(3)]
        let arguments: JSONValue = ["amount": .integer(Int64(draw(80)))]
        let simulation = simulate(rig, name, arguments, by: caller)
        let real = await rig.submit(name, arguments, by: caller)
        counts[try compare(simulation, real, rig), default: 0] += 1
      }
    }
    // Each way was gone often enough for the equality to mean something.
    #expect(
      Set(counts.keys) == ["runs", "ahead", "asks", "asks, part ahead", "twin", "rejected"]
        && counts.values.allSatisfy { $0 >= 10 },
      "\(counts)"
    )
  }

  /// Returns what became of it.
  private func compare(_ simulation: Simulation, _ real: Submission, _ rig: Rig) throws -> String {
    let call = try rig.call(real.id)
    #expect(simulation.caller == call.caller.name)
    let given = call.approval?.approvals ?? []
    let ahead = given.compactMap { decision in
      decision.grant.map { GrantedApproval(grant: $0, by: decision.by.name) }
    }
    #expect(simulation.ahead == ahead && ahead.count == given.count)
    switch simulation.verdict {
    case .runs:
      #expect(call.state.word == .succeeded && call.approval == nil)
      return "runs"
    case .approvedAhead(let requirement, _):
      #expect(call.state.word == .succeeded && call.approval?.requirement == requirement)
      return "ahead"
    case .asks(let requirement, _):
      #expect(real.isPending && call.approval?.requirement == requirement)
      if requirement.twin != nil { return "twin" }
      return ahead.isEmpty ? "asks" : "asks, part ahead"
    case .denied:
      Issue.record("somebody is there to ask")
      return "denied"
    case .rejected(let failure):
      #expect(real.failure == failure)
      return "rejected"
    }
  }

  @Test func `a grant with one use left is not used up by asking`() async throws {
    let rig = try rig()
    let draft = GrantDraft(function: "t.pay", seconds: 600, limit: 1)
    #expect(await rig.engine.perform(.grant(draft, waiting: []), by: maria).isDone)
    for _ in 0..<3 {
      guard case .approvedAhead = simulate(rig, "pay", ["amount": 5], by: agent).verdict else {
        Issue.record("the grant does not cover it")
        return
      }
    }
    #expect(await rig.submit("pay", ["amount": 5]).value != nil)
    guard case .asks = simulate(rig, "pay", ["amount": 6], by: agent).verdict else {
      Issue.record("the grant covers two")
      return
    }
  }

  @Test func `arguments that are too long are refused as the real ones are`() async throws {
    let rig = try Rig(TestFunction("find", .echo) { $0.effect = .read }) {
      $0.maxArgumentBytes = 100
    }
    let long: JSONValue = ["text": .string(String(repeating: "a", count: 200))]
    let simulation = simulate(rig, "find", long, by: agent)
    let real = await rig.submit("find", long)
    guard case .rejected(let failure) = simulation.verdict else {
      Issue.record("it would run")
      return
    }
    #expect(failure == real.failure)
  }
}
