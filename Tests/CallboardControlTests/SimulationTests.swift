import Callboard
import CallboardTesting
import Foundation
import JSONSchema
import Testing

@testable import CallboardControl

/// What would become of a call, and what happened in a shift, asked of a running instance.
@Suite(.timeLimit(.minutes(5)))
struct SimulationTests {
  private struct Asked: Sendable {
    var text: String
    var ahead: [GrantedApproval] = []
    var twin: CallID?
  }

  private static func ask(
    _ instance: Instance,
    _ function: String = "t.pay",
    _ arguments: String = #"{"amount":5}"#,
    as caller: String? = nil
  ) throws -> Asked {
    switch try instance.simulate(function, arguments: arguments, as: caller) {
    case .nobody(let why): return Asked(text: why)
    case .would(let simulation):
      switch simulation.verdict {
      case .runs: return Asked(text: "runs for \(simulation.caller)")
      case .approvedAhead: return Asked(text: "ahead", ahead: simulation.ahead)
      case .asks(let requirement, _):
        return Asked(
          text: "\(requirement.approvers) for \(simulation.caller)",
          ahead: simulation.ahead,
          twin: requirement.twin
        )
      case .denied(let rule): return Asked(text: "denied by \(rule)")
      case .rejected(let failure): return Asked(text: failure.kind.rawValue)
      }
    }
  }

  @Test func `an instance is asked as it is now, and nothing is left behind`() async throws {
    let desk = try Desk(approvers: 2)
    defer { desk.close() }
    let path = try desk.serve(anna)
    func ask(
      _ function: String = "t.pay",
      _ arguments: String = #"{"amount":5}"#,
      as caller: String? = nil
    ) async throws -> Asked {
      let before = desk.engine.lastSequence
      let asked = try await blocking {
        try Self.ask(Instance(at: path), function, arguments, as: caller)
      }
      #expect(desk.engine.lastSequence == before)
      return asked
    }
    #expect(try await ask().text == "2 for anna")
    #expect(try await ask(as: "agent").text == "2 for agent")
    #expect(try await ask(as: "somebody").text == "somebody is nobody")
    #expect(try await ask("t.look", "{}").text == "runs for anna")
    #expect(try await ask("t.look", "{").text == "invalid_arguments")
    #expect(try await ask("t.nothing").text == "unknown_function")
    let draft = GrantDraft(function: "t.pay", seconds: 60, limit: 1)
    #expect(await desk.engine.perform(.grant(draft, waiting: []), by: bert).isDone)
    for _ in 0..<2 { #expect(try await ask(as: "agent").ahead.map(\.by) == ["bert"]) }
    let equal = await desk.ask(["amount": 5])
    let twin = try await ask(as: "agent")
    #expect(twin.twin == equal && twin.ahead.isEmpty)
    let hold = Request.hold(from: false, to: true)
    #expect(await desk.engine.perform(hold, by: bert).isDone)
    #expect(try await ask().text == "engine_held")
    #expect(desk.engine.snapshot(of: .header).header.waiting == 1)
    #expect(desk.pay.executions == 0)
  }

  @Test func `who may not look is told nothing of rules`() async throws {
    let desk = try Desk()
    defer { desk.close() }
    let path = try desk.serve(Principal.caller("robot"))
    let refused = await #expect(throws: ControlProblem.self) {
      try await blocking { try Self.ask(Instance(at: path)) }
    }
    guard case .refused(let why) = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    #expect(why.contains("that takes the role viewer"))
    let seen = try desk.serve(vera)
    #expect(
      try await blocking { try Self.ask(Instance(at: seen), as: "agent") }.text == "1 for agent"
    )
  }

  @Test func `a report comes from the instance once it has been read`() async throws {
    let desk = try Desk()
    defer { desk.close() }
    let path = try desk.serve(vera)
    let open = await desk.ask()
    let report = try await blocking {
      try Instance(at: path).report(
        since: Date.now.addingTimeInterval(-3600),
        until: Date.now.addingTimeInterval(3600)
      )
    }
    #expect(report.open.map(\.call) == [open])
    #expect(report.calls.received == 1)
  }
}
