import Callboard
import Foundation
import JSONSchema

/// Runs of the demo's workflow: one soon after the beginning, and another now and then.
struct DemoRuns {
  private let session: EngineSession
  private var count = 0
  private var next: Duration

  private static let first = Duration.seconds(4)
  private static let pause = Duration.seconds(25)
  /// With so many that have not ended, no other begins.
  private static let wanted = 2

  init(_ session: EngineSession) {
    self.session = session
    next = session.clock.monotonic + Self.first
  }

  /// Begins a run where it is time for one; `waiting`: conversations that wait for people.
  mutating func goOn(waiting: Int) {
    guard session.clock.monotonic >= next else { return }
    next = session.clock.monotonic + Self.pause
    guard waiting < 8, live < Self.wanted else { return }
    let towns = [("Wedding", "EUR"), ("Oak Park", "USD"), ("Plagwitz", "EUR"), ("Portland", "USD")]
    let buyers = ["Ada Brandt", "Paul Meyer", "Nia Adeyemi", "Jonas Weiß", "Rosa Kim"]
    let (town, currency) = towns[count % towns.count]
    let prefix = town.prefix(3).uppercased()
    let input: JSONValue = [
      "property": .string("\(prefix)-\(1000 + count * 37 % 9000)"), "town": .string(town),
      "buyer": .string(buyers[count % buyers.count]),
      "ask": .integer(Int64(240_000 + count * 9000)),
      "currency": .string(currency),
    ]
    count += 1
    // Where nothing can begin now, the next one may.
    _ = try? session.engine.start(
      workflow: "due-diligence",
      input: input,
      by: .caller("due-diligence")
    )
  }

  private var live: Int {
    guard
      case .runs(let page, _) = session.engine.snapshot(of: .runs(ListQuery(after: 50))).body
    else { return 0 }
    return page.rows.count { $0.state.isLive }
  }
}
