import Callboard
import Foundation
import JSONSchema
import Testing

@testable import CallboardCommand

/// Each rule of the life of a call that is about approvals has a scenario that says it plays it, and does.
///
/// `EveryRowTests` has every row, and tells by itself which are hit.
@Suite struct ApprovalRowTests {
  /// What must stand in the events of the scenario that says it plays a row.
  private typealias Proof = @Sendable ([EngineEvent]) -> Bool

  private static func refused(_ words: String) -> Proof {
    { events in
      events.contains {
        $0.type == .engine(.decisionRefused) && $0.cause?.contains(words) == true && $0.by != nil
      }
    }
  }

  private static func step(_ state: CallState.Word, _ cause: String, by person: Bool) -> Proof {
    { events in
      events.contains {
        $0.type == .call(state) && $0.cause?.contains(cause) == true && ($0.by != nil) == person
      }
    }
  }

  /// A call goes from one step right to another.
  private static func goes(
    _ from: CallState.Word,
    _ to: CallState.Word,
    _ cause: String = ""
  ) -> Proof {
    { events in
      let calls = Dictionary(grouping: events.filter { $0.call != nil && isStep($0) }) {
        $0.call?.id
      }
      return calls.values.contains { steps in
        zip(steps, steps.dropFirst()).contains {
          $0.type == .call(from) && $1.type == .call(to)
            && (cause.isEmpty || $1.cause?.contains(cause) == true)
        }
      }
    }
  }

  private static func isStep(_ event: EngineEvent) -> Bool {
    if case .call = event.type { true } else { false }
  }

  /// A call whose decided arguments differ between being asked for and running.
  private static let runsAsEdited: Proof = { events in
    events.contains { run in
      guard run.type == .call(.running), let value = run.value else { return false }
      let asked = events.first {
        $0.call?.id == run.call?.id && $0.type == .call(.awaitingApproval)
      }
      return asked?.value != nil && asked?.value != value
    }
  }

  /// No call has more attempts than approvals that were completed.
  private static let usedOnce: Proof = { events in
    let runs = Dictionary(grouping: events.filter { $0.type == .call(.running) }) { $0.call?.id }
    return !runs.isEmpty && runs.values.allSatisfy { $0.count == 1 }
  }

  private static func linked(_ matches: @escaping @Sendable (Call.Link) -> Bool) -> Proof {
    { events in
      events.contains {
        $0.type == .call(.awaitingApproval) && ($0.call?.link).map(matches) == true
      }
    }
  }

  private static func admitted(_ rule: String) -> Proof {
    { events in
      events.contains {
        $0.type == .call(.queued) && $0.rule?.contains(rule) == true && $0.by == nil
      }
    }
  }

  private static func asked(_ rule: String) -> Proof {
    { events in
      events.contains {
        $0.type == .call(.awaitingApproval) && $0.rule?.contains(rule) == true
      }
    }
  }

  private static let rows: [String: Proof] = [
    // received
    "no approval needed": admitted("rule 1"),
    "approval needed": goes(.received, .awaitingApproval),
    "nobody can give it": goes(.received, .denied),
    "the first match decides": { asked("rule 3: dollars")($0) && admitted("rule 4")($0) },
    "no match asks": asked("no rule matches"),
    "rules see defaults": asked("dollars"),
    "the caller is a condition": admitted("from robot"),
    // awaiting approval
    "approve refused on a stale revision": refused("changed since you saw it"),
    "approve refused on another digest": refused("not the ones you saw"),
    "approve refused to the requester": refused("you asked for it yourself"),
    "approve refused to the same person twice": refused("you approved it already"),
    "approve refused without the right": refused("role operator"),
    "approve k of n": step(.awaitingApproval, "approved, 1 of 2", by: true),
    "approve n of n, with grace": goes(.awaitingApproval, .approved),
    "approve n of n, no grace": goes(.awaitingApproval, .queued, "approved"),
    "a shared account completes no quorum": refused("shared account"),
    "whoever wrote in the conversation approves nothing of two": refused("asked for it yourself"),
    "whoever pressed run again approves nothing of two": refused("asked for it yourself"),
    "who was faster is told": refused("s before you"),
    "edit, valid": step(.awaitingApproval, "edited", by: true),
    "edit, invalid": refused("do not fit the schema"),
    "edit is never asked down to no approval": goes(.awaitingApproval, .awaitingApproval, "edited"),
    "edit keeps the expiry": goes(.awaitingApproval, .expired, "expired unanswered"),
    "what an edit made is what runs": runsAsEdited,
    "deny by one is enough": goes(.awaitingApproval, .denied),
    "extend": step(.awaitingApproval, "given more time", by: true),
    "extend refused to the same person": refused("you gave it more time before"),
    "extend is bounded by max_wait": refused(
      "it already has all the time its rule gives (max_wait)"
    ),
    "expiry": goes(.awaitingApproval, .expired, "expired unanswered"),
    // approved
    "undo in the grace time": goes(.approved, .awaitingApproval, "taken back"),
    "undo refused to who has not approved": refused("nothing of yours"),
    "deny in the grace time": goes(.approved, .denied),
    "grace over": goes(.approved, .queued, "grace time over"),
    // at the slot
    "start-by passed": { events in
      events.contains { $0.type == .call(.expired) && $0.cause != "expired unanswered" }
    },
    "an approval is used once": usedOnce,
    // at any time
    "cancel while it waits": goes(.awaitingApproval, .cancelled),
    "cancel while it is approved": goes(.approved, .cancelled),
    "approve refused while the function is off": refused("the function is off: "),
    "approve refused while the engine is held": refused("the engine is held: "),
    "a waiting call stays while its function is off": goes(.awaitingApproval, .queued),
    "deny while the function is off": goes(.awaitingApproval, .denied),
    "an approved call stays, held, and starts when released": goes(.queued, .running),
    "run again refused while the function is off": refused("the function is off: "),
    "run again of a call that succeeded asks": linked {
      if case .again = $0 { true } else { false }
    },
    "run again of an unknown outcome asks": linked {
      if case .settles = $0 { true } else { false }
    },
  ]

  private func scenarios() throws -> [Scenario] {
    try Project.scenarios.map {
      try ScenarioReader.read($0, configuration: nil, environment: [:])
    }
  }

  @Test func `every row about approvals has a scenario that plays it`() throws {
    let proved = Set(try scenarios().flatMap(\.proves))
    #expect(Set(Self.rows.keys).subtracting(proved).isEmpty)
    #expect(proved.subtracting(Self.rows.keys).isEmpty, "a scenario proves what is no row")
  }

  @Test(arguments: Project.scenarios)
  func `what a scenario says it plays is in its events`(path: String) async throws {
    let scenario = try ScenarioReader.read(path, configuration: nil, environment: [:])
    guard !scenario.proves.isEmpty else { return }
    let scratch = try Scratch()
    let file = try EventFile(scratch.path + "/events.jsonl") { Issue.record("\($0)") }
    let result = try await ScenarioRunner(scenario, events: file).run()
    #expect(result.status == .done, "\(result.lines)")
    #expect(file.finish())
    let text = try String(contentsOfFile: scratch.path + "/events.jsonl", encoding: .utf8)
    let events = try text.split(separator: "\n").compactMap {
      EngineEvent(try JSONValue(parsing: String($0)))
    }
    for row in scenario.proves {
      let proof = try #require(Self.rows[row], "\(row) is no row")
      #expect(proof(events), "\(row) is not in the events of \(scenario.name)")
    }
  }
}
