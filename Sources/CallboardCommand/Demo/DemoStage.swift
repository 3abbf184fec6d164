import Callboard
import CallboardModels
import JSONSchema

/// Keeps conversations going: as many as are wanted, started anew as they end, for as long as somebody looks.
final class DemoStage: Sendable {
  private let session: EngineSession
  private let world: DemoWorld
  private let seed: UInt64
  /// Conversations that do not wait for a person.
  private static let wanted = 7
  /// With so many waiting for a person, only conversations begin that ask for nothing a person decides.
  private static let enoughWaiting = 5

  init(session: EngineSession, world: DemoWorld, seed: UInt64) {
    self.session = session
    self.world = world
    self.seed = seed
  }

  /// Runs until the task is cancelled.
  ///
  /// The first conversation of the configuration opens the demo.
  func run() async throws {
    let plans = session.configuration.conversations
    let quiet = plans.filter { !asksPeople($0) }
    guard let opening = plans.first, !quiet.isEmpty else {
      throw Failure(.fault, "The demo has no conversations to begin with.")
    }
    var generator = SeededGenerator(seed: seed)
    var live: [ConversationID] = [try session.start(opening)]
    var deck = Array(plans.dropFirst().reversed())
    while !Task.isCancelled {
      try await session.clock.sleep(for: .milliseconds(250), on: session.deadlines)
      live.removeAll { !isLive($0) }
      let waiting = waitingConversations()
      world.mayLoseAnswers(session.engine.snapshot(of: .header).header.unknown < 3)
      guard live.filter({ !waiting.contains($0) }).count < Self.wanted else { continue }
      if deck.isEmpty { deck = plans.shuffled(using: &generator) }
      var next = deck.removeLast()
      if waiting.count >= Self.enoughWaiting, asksPeople(next) {
        next = quiet.randomElement(using: &generator) ?? next
      }
      live.append(try session.start(next))
    }
  }

  private func asksPeople(_ plan: Configuration.ConversationPlan) -> Bool {
    let writes = Set(session.configuration.definitions.filter { $0.effect == .write }.map(\.name))
    let script = session.configuration.scripts[plan.model]
    return script?.functions.contains { writes.contains($0.name) } ?? true
  }

  private func isLive(_ id: ConversationID) -> Bool {
    guard case .conversation(let detail?) = session.engine.snapshot(of: .conversation(id)).body
    else {
      return false
    }
    return detail.row.state.isLive
  }

  private func waitingConversations() -> Set<ConversationID> {
    let query = Query.waiting(ListQuery(after: 200))
    guard case .waiting(let page) = session.engine.snapshot(of: query).body else { return [] }
    return Set(page.rows.compactMap(\.conversation))
  }
}
