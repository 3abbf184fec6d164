import Callboard
import Foundation
import Synchronization

/// What one engine of a scenario sees of the store that all of them share: it may fail, and it is closed when that engine dies.
final class LifeStore: Store {
  private struct State {
    var fault: StoreFault?
    /// The engine dies once such an event is stored.
    var last: (@Sendable (EngineEvent) -> Bool)?
    var hasLast = false
    var isClosed = false
  }

  private let base: any Store
  private let life: Life
  private let state = Mutex(State())

  init(_ base: any Store, of life: Life) {
    self.base = base
    self.life = life
  }

  /// From now on nothing can be stored; nil: everything can.
  func fail(_ fault: StoreFault?) { state.withLock { $0.fault = fault } }

  /// The commit with the first such event is the last one: the engine dies with it.
  func die(at last: @escaping @Sendable (EngineEvent) -> Bool) { state.withLock { $0.last = last } }

  /// Takes nothing more, and tells nothing more.
  func close() { state.withLock { $0.isClosed = true } }

  func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    if let fault = state.withLock({ $0.isClosed ? Self.dead : $0.fault }) { throw fault }
    let ticket = try base.commit(change)
    let isLast = state.withLock { state in
      state.isClosed = state.hasLast
      return state.hasLast
    }
    if isLast { life.end() }
    return ticket
  }

  private static let dead = StoreFault("the engine is dead")

  func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    base.follow { [weak self] event in
      if self?.tells(event) == true { follower(event) }
    }
  }

  private func tells(_ event: EngineEvent) -> Bool {
    let (isOpen, last) = state.withLock { (!$0.isClosed, $0.last) }
    guard isOpen else { return false }
    if last?(event) == true { state.withLock { $0.hasLast = true } }
    return true
  }

  // MARK: - What is the shared store's

  var name: String { base.name }
  var doubt: String? { base.doubt }
  var commitsAtOnce: Bool { base.commitsAtOnce }
  var isLasting: Bool { base.isLasting }
  func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) { base.onNews(handler) }
  func lookUp(_ id: CallID) throws(StoreFault) -> Call? { try base.lookUp(id) }
  func call(_ id: CallID) -> Call? { base.call(id) }
  func calls(_ query: HistoryQuery) -> HistoryPage<Call> { base.calls(query) }
  func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    base.lastSucceeded(function, limit: limit)
  }
  func lastDecided(_ function: String, before id: CallID) -> Call? {
    base.lastDecided(function, before: id)
  }
  func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    base.twin(key, besides: id, since: time)
  }
  func twins(since time: Date, limit: Int) throws(StoreFault) -> StoredTwins {
    try base.twins(since: time, limit: limit)
  }
  func conversation(_ id: ConversationID) -> Conversation? { base.conversation(id) }
  func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    base.conversations(query)
  }
  func run(_ id: RunID) -> RunChange? { base.run(id) }
  func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> { base.runs(query) }
  var lastSequence: Int { base.lastSequence }
  func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    base.events(after: sequence, limit: limit)
  }
  func unfinished() throws(StoreFault) -> Unfinished { try base.unfinished() }
  func sealed(_ id: CallID) -> [UInt8]? { base.sealed(id) }
}
