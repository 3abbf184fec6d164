import Callboard
import CallboardSQLite
import Foundation
import Glibc
import JSONSchema
import Synchronization

/// The points where a process may be killed by itself.
enum DoomPoint: String, CaseIterable {
  /// The engine brings a change.
  case beforeCommit = "before-commit"
  /// The store has taken it, and nothing is on disk.
  case afterCommit = "after-commit"
  /// Somebody is about to wait for the disk.
  case beforeDurable = "before-durable"
  /// It is on disk, and whoever waited does not know it yet.
  case afterDurable = "after-durable"
  /// Everything is in the transaction but its COMMIT.
  case inTransaction = "in-transaction"
  /// After COMMIT, before anyone hears.
  case inFollower = "in-follower"
  /// A function is about to act.
  case beforeEffect = "before-effect"
  /// It has, and nobody knows.
  case afterEffect = "after-effect"
}

/// Kills this process the n-th time it passes a point.
final class Doom: Sendable {
  private let point: DoomPoint?
  private let left: Atomic<Int>

  init(_ point: DoomPoint?, _ count: Int) {
    self.point = point
    left = Atomic(count)
  }

  func pass(_ point: DoomPoint) {
    guard point == self.point, left.subtract(1, ordering: .relaxed).newValue == 0 else { return }
    kill(getpid(), SIGKILL)
    while true { pause() }
  }
}

/// The store in a file, with a doom at each of its doors.
final class DoomedStore: Store {
  let inner: SQLiteStore
  private let doom: Doom
  private let token: ObservationToken

  init(_ inner: SQLiteStore, _ doom: Doom) {
    self.inner = inner
    self.doom = doom
    token = inner.follow { _ in doom.pass(.inFollower) }
    inner.beforeEachCommit { doom.pass(.inTransaction) }
  }

  private struct Gate: CommitGate {
    var ticket: CommitTicket
    var doom: Doom

    func durable(_ position: UInt64) async throws(StoreFault) {
      doom.pass(.beforeDurable)
      try await ticket.durable()
      doom.pass(.afterDurable)
    }
  }

  var name: String { inner.name }
  var commitsAtOnce: Bool { inner.commitsAtOnce }
  var isLasting: Bool { inner.isLasting }

  func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    doom.pass(.beforeCommit)
    let ticket = try inner.commit(change)
    doom.pass(.afterCommit)
    return CommitTicket(0, at: Gate(ticket: ticket, doom: doom))
  }

  func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) { inner.onNews(handler) }
  var doubt: String? { inner.doubt }
  func lookUp(_ id: CallID) throws(StoreFault) -> Call? { try inner.lookUp(id) }
  func call(_ id: CallID) -> Call? { inner.call(id) }
  func calls(_ query: HistoryQuery) -> HistoryPage<Call> { inner.calls(query) }
  func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    inner.lastSucceeded(function, limit: limit)
  }

  func lastDecided(_ function: String, before id: CallID) -> Call? {
    inner.lastDecided(function, before: id)
  }
  func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    inner.twin(key, besides: id, since: time)
  }
  func twins(since time: Date, limit: Int) throws(StoreFault) -> StoredTwins {
    try inner.twins(since: time, limit: limit)
  }
  func conversation(_ id: ConversationID) -> Conversation? { inner.conversation(id) }
  func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    inner.conversations(query)
  }
  func run(_ id: RunID) -> RunChange? { inner.run(id) }
  func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> { inner.runs(query) }
  var lastSequence: Int { inner.lastSequence }
  func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    inner.events(after: sequence, limit: limit)
  }
  func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    inner.follow(follower)
  }
  func unfinished() throws(StoreFault) -> Unfinished { try inner.unfinished() }
  func sealed(_ id: CallID) -> [UInt8]? { inner.sealed(id) }
}
