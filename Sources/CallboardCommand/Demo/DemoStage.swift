import Callboard
import Synchronization

/// Keeps conversations going: as many as are wanted, started anew as they end, for as long as somebody looks.
final class DemoStage: Sendable {
  private let session: EngineSession
  private let world: DemoWorld
  private let seed: UInt64
  /// Conversations that go on, with their models.
  private let live = Mutex<[ConversationID: String]>([:])
  /// Conversations that do not wait for a person.
  private static let wanted = 7
  /// With so many waiting for a person, only conversations begin that ask for nothing a person decides.
  private static let enoughWaiting = 5
  /// Then the calendar's server changes its function, which is held until somebody accepts that.
  private static let calendarAfter = Duration.seconds(180)

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
    guard let opening = plans.first else {
      throw Failure(.fault, "The demo has no conversations to begin with.")
    }
    var generator = SeededGenerator(seed: seed)
    try begin(opening)
    var deck = Array(plans.dropFirst().reversed())
    // Models whose calls a person has been asked about.
    var askers: Set<String> = [opening.model]
    let calendarChanges = session.clock.monotonic + Self.calendarAfter
    var hasChanged = false
    var runs = DemoRuns(session)
    while !Task.isCancelled {
      try await session.clock.sleep(for: .milliseconds(250), on: session.deadlines)
      if !hasChanged, session.clock.monotonic >= calendarChanges {
        hasChanged = true
        world.changeCalendar()
      }
      runs.goOn(waiting: waitingConversations().count)
      let live = self.live.withLock { $0 }
      let waiting = waitingConversations()
      askers.formUnion(live.filter { waiting[$0.key] == .awaitingApproval }.values)
      world.mayLoseAnswers(waiting.values.count { $0 == .unknown } < 3)
      guard live.keys.count(where: { waiting[$0] == nil }) < Self.wanted else { continue }
      if deck.isEmpty { deck = plans.shuffled(using: &generator) }
      var next = deck.removeLast()
      if waiting.count >= Self.enoughWaiting, askers.contains(next.model) {
        next = plans.filter { !askers.contains($0.model) }.randomElement(using: &generator) ?? next
      }
      try begin(next)
    }
  }

  private func begin(_ plan: Configuration.ConversationPlan) throws {
    let id = try session.start(plan)
    live.withLock { $0[id] = plan.model }
    Task {
      _ = await session.engine.ended(id)
      live.withLock { $0[id] = nil }
    }
  }

  /// Conversations with a call that waits for a person, and for what.
  private func waitingConversations() -> [ConversationID: CallState.Word] {
    let query = Query.waiting(ListQuery(after: 200))
    guard case .waiting(let page) = session.engine.snapshot(of: query).body else { return [:] }
    let rows = page.rows.compactMap { row in row.conversation.map { ($0, row.state) } }
    return Dictionary(rows) { $1 == .awaitingApproval ? $1 : $0 }
  }
}
