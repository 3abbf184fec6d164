import Foundation
import Synchronization
import Testing

@testable import Callboard
@testable import CallboardCommand

/// A policy that is broken makes the scenario fail that plays it, with a message that says why.
@Suite(.serialized) struct BrokenPolicyTests {
  /// Every scenario as it is, with what it hits; loads take as long as all others together, and are about none of these.
  private static let whole = Task {
    var whole: [Playback] = []
    for path in Project.scenarios {
      for scenario in try ScenarioReader.readRows(path, configuration: nil, environment: [:])
      where !scenario.isLoad {
        whole.append(try await Playback.play(scenario))
      }
    }
    return whole
  }

  private static let rows = Dictionary(
    uniqueKeysWithValues: (CallRows.all + SwitchRows.all + PolicyRows.all).map { ($0.words, $0) }
  )

  @Test(.timeLimit(.minutes(1)), arguments: Breakage.all)
  func `a broken policy fails the scenario that plays it, says why, and fails no other`(
    breakage: Breakage
  ) async throws {
    let row = try #require(Self.rows[breakage.row], "no row is called “\(breakage.row)”")
    let whole = try await Self.whole.value
    let broken = whole.map { whole in
      var scenario = whole.scenario
      breakage.alter(&scenario)
      scenario.configuration.engine.watch = breakage.spoil
      return scenario
    }
    let results = Mutex<[ScenarioResult]>([])
    await ScenarioPlayer(jobs: 2, events: nil).play(broken) { result in
      results.withLock { $0.append(result) }
    }
    for (whole, result) in zip(whole, results.withLock { $0 }) {
      guard result.status != .done else {
        #expect(result.name != breakage.scenario, "it passes, although \(breakage)")
        continue
      }
      #expect(
        row.isHit(whole),
        "\(result.name) fails, and does not play “\(row.words)”: \(result.lines)"
      )
      guard result.name == breakage.scenario else { continue }
      let says = result.checks.contains { check in
        check.expected.contains(breakage.expected) && check.came?.contains(breakage.came) == true
      }
      #expect(says, "it does not say why: \(result.lines)")
    }
    #expect(whole.contains { $0.scenario.name == breakage.scenario })
  }

  @Test func `at least a dozen policies are broken, each in its own way`() {
    let names = Set(Breakage.all.map(\.testDescription))
    #expect(names.count == Breakage.all.count)
    #expect(names.count >= 12)
  }
}

extension Scenario {
  fileprivate var isLoad: Bool {
    steps.contains { if case .load = $0.action { true } else { false } }
  }
}
