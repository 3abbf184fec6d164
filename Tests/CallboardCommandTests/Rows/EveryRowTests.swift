import Foundation
import JSONSchema
import Synchronization
import Testing

@testable import Callboard
@testable import CallboardCommand

/// The project's own scenarios hit every row of the life of a call, every policy and every kind of failure.
///
/// What is hit is told from what the engine did, not from what a scenario says of itself.
@Suite struct EveryRowTests {
  /// Kinds that no part of callboard gives: limits of rates and budgets have words, and are not built.
  ///
  /// A scenario that hits one of them fails the test, so that it leaves this list.
  static let notBuilt: Set<CallFailure.Kind> = [.rateLimited, .budgetExceeded]
  /// The table refuses what the engine never asks of it: no grant is tried that may not serve.
  static let neverAsked: Set<Refusal> = [.noGrant]

  @Test(.timeLimit(.minutes(1)))
  func `all scenarios together hit every row, policy, kind of failure, reach and refusal`()
    async throws
  {
    let clock = ContinuousClock()
    let start = clock.now
    var missing = Missing()
    var count = 0
    for path in Project.scenarios {
      for scenario in try ScenarioReader.readRows(path, configuration: nil, environment: [:]) {
        let playback = try await Playback.play(scenario)
        #expect(playback.result.status == .done, "\(playback.result.lines)")
        missing.strike(playback)
        count += 1
      }
    }
    let seconds = (clock.now - start) / .seconds(1)
    print(
      "\(count) scenarios: \(missing.sentence) in \(seconds.formatted(.number.precision(.fractionLength(1)))) s"
    )
    for row in missing.rows { Issue.record("no scenario hits the row: \(row.words)") }
    for policy in missing.policies { Issue.record("no scenario hits the policy: \(policy.words)") }
    for kind in missing.kinds.subtracting(Self.notBuilt).map(\.rawValue).sorted() {
      Issue.record("no scenario hits the kind of failure: \(kind)")
    }
    for reach in missing.reaches { Issue.record("no attempt fails with: \(reach.rawValue)") }
    for refusal in missing.refusals.subtracting(Self.neverAsked) {
      Issue.record("no decision is refused with: \(refusal)")
    }
    #expect(missing.kinds.isSuperset(of: Self.notBuilt), "what is hit is built")
    #expect(missing.refusals.isSuperset(of: Self.neverAsked))
    #expect(seconds < 60)
  }

  /// What no scenario has hit yet.
  private struct Missing {
    private static let allRows = CallRows.all + SwitchRows.all

    var rows = Self.allRows
    var policies = PolicyRows.all
    var kinds = Set(CallFailure.Kind.allCases)
    var reaches = Set(CallFailure.Reach.allCases)
    var refusals = Set(Refusal.allCases)

    mutating func strike(_ playback: Playback) {
      rows.removeAll { $0.isHit(playback) }
      policies.removeAll { $0.isHit(playback) }
      refusals = refusals.filter { !$0.isHit(playback) }
      for move in playback.moves {
        let failures = [move.failure, move.attemptFailure, move.after?.firstFailure]
        for failure in failures.compactMap(\.self) { kinds.remove(failure.kind) }
        if let reach = move.reach { reaches.remove(reach) }
      }
      kinds.subtract(playback.heard)
    }

    var sentence: String {
      func of(_ missing: Int, _ all: Int, _ what: String) -> String {
        "\(all - missing) of \(all) \(what)"
      }
      return [
        of(rows.count, Self.allRows.count, "rows"),
        of(policies.count, PolicyRows.all.count, "policies"),
        of(
          kinds.subtracting(EveryRowTests.notBuilt).count,
          CallFailure.Kind.allCases.count - EveryRowTests.notBuilt.count,
          "failure kinds"
        ),
        of(reaches.count, CallFailure.Reach.allCases.count, "reaches"),
        of(
          refusals.subtracting(EveryRowTests.neverAsked).count,
          Refusal.allCases.count - EveryRowTests.neverAsked.count,
          "refusals"
        ),
      ].joined(separator: ", ")
    }
  }

  @Test func `no two rows have the same words`() {
    let words = (CallRows.all + SwitchRows.all + PolicyRows.all).map(\.words)
    #expect(Dictionary(grouping: words) { $0 }.filter { $1.count > 1 }.keys.sorted() == [])
  }
}
