import Callboard
import Foundation
import JSONSchema
import Synchronization

/// A store whose engine can die at a commit that a test names: that one is stored, and nothing after it.
///
/// What is dead hears nothing more either: its tickets never come, and its functions and models (see `Life`) hang.
public final class MortalStore: Store {
  private struct State {
    var inner: (any Store)?
    var lastWords: (@Sendable (StoreChange) -> Bool)?
    var left: Int?
  }

  private let state: Mutex<State>
  private let grave = Grave()

  init(_ inner: any Store) {
    state = Mutex(State(inner: inner))
    name = inner.name
  }

  public let name: String
  /// Whoever waits for the disk waits for the death too.
  public let commitsAtOnce = false
  public let isLasting = true

  /// The first commit that matches is the last one.
  public func dies(after matches: @escaping @Sendable (StoreChange) -> Bool) {
    state.withLock { $0.lastWords = matches }
  }

  /// So many more commits are stored.
  public func dies(afterCommits count: Int) { state.withLock { $0.left = count } }

  /// From now on nothing reaches the store.
  public func die() {
    let inner = state.withLock { state in
      defer { state.inner = nil }
      return state.inner
    }
    withExtendedLifetime(inner) { _ = grave.isFilled.resolve(()) }
  }

  public var isDead: Bool { grave.isFilled.current != nil }

  /// Returns when it has died.
  public func death() async { await grave.isFilled.value }

  /// Waits for ever where it is dead.
  func hangIfDead() async { await grave.hangIfFilled() }

  private final class Grave: CommitGate {
    let isFilled = OneShot<Void>()
    private let tickets = Mutex<[CommitTicket]>([])

    func add(_ ticket: CommitTicket) -> UInt64 {
      tickets.withLock { tickets in
        tickets.append(ticket)
        return UInt64(tickets.count - 1)
      }
    }

    func durable(_ position: UInt64) async throws(StoreFault) {
      let ticket = tickets.withLock { $0[Int(position)] }
      try await ticket.durable()
      await hangIfFilled()
    }

    func hangIfFilled() async {
      if isFilled.current != nil { await OneShot<Void>().value }
    }
  }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    try state.withLock { state throws(StoreFault) in
      guard let inner = state.inner else { throw StoreFault("the process is dead") }
      let ticket = try inner.commit(change)
      state.left? -= 1
      if state.lastWords?(change) == true || state.left == 0 {
        state.inner = nil
        grave.isFilled.resolve(())
      }
      return CommitTicket(grave.add(ticket), at: grave)
    }
  }

  private var inner: (any Store)? { state.withLock { $0.inner } }

  public func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) { inner?.onNews(handler) }
  public var doubt: String? { inner?.doubt }
  public func lookUp(_ id: CallID) throws(StoreFault) -> Call? { try inner?.lookUp(id) }
  public func call(_ id: CallID) -> Call? { inner?.call(id) }
  public func calls(_ query: HistoryQuery) -> HistoryPage<Call> {
    inner?.calls(query) ?? HistoryPage()
  }
  public func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    inner?.lastSucceeded(function, limit: limit) ?? ([], true)
  }

  public func lastDecided(_ function: String, before id: CallID) -> Call? {
    inner?.lastDecided(function, before: id)
  }
  public func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    inner?.twin(key, besides: id, since: time)
  }
  public func twins(since time: Date, limit: Int) throws(StoreFault) -> StoredTwins {
    try inner?.twins(since: time, limit: limit) ?? StoredTwins()
  }
  public func conversation(_ id: ConversationID) -> Conversation? { inner?.conversation(id) }
  public func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    inner?.conversations(query) ?? HistoryPage()
  }
  public func run(_ id: RunID) -> RunChange? { inner?.run(id) }
  public func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> {
    inner?.runs(query) ?? HistoryPage()
  }
  public var lastSequence: Int { inner?.lastSequence ?? 0 }
  public func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    inner?.events(after: sequence, limit: limit) ?? []
  }
  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    inner?.follow(follower) ?? ObservationToken {}
  }
  public func unfinished() throws(StoreFault) -> Unfinished {
    try inner?.unfinished() ?? Unfinished()
  }
  public func sealed(_ id: CallID) -> [UInt8]? { inner?.sealed(id) }
}

extension StoreChange {
  /// Whether it brings a call into this state.
  func brings(_ word: CallState.Word) -> Bool {
    calls.contains { $0.record.call.state.word == word }
  }

  /// Whether it brings a conversation into this state.
  func brings(_ word: Conversation.Word) -> Bool { conversation?.conversation.state.word == word }
}
