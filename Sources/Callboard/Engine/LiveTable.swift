import Foundation
import JSONSchema
import Synchronization

/// The calls that live now.
///
/// It owns each call's value; a call is only moved under its shard's lock.
final class LiveTable: Sendable {
  /// A call, and what waits for it in this process.
  ///
  /// Only touched under its shard's lock.
  final class LiveCall {
    /// The call as it was moved last, with originals of secrets.
    var record: CallRecord
    var function: RegisteredFunction?
    /// The state under which the shard counts it; nil before its first commit.
    private(set) var counted: CallState.Word?
    /// Whether the shard counts it as a `write` that runs.
    private(set) var countsAsRunningWrite = false
    /// The last commit.
    var ticket = CommitTicket.done
    /// A commit that has to be on disk before anything follows from it.
    var owed: CommitTicket?
    /// How many steps of the call's history the store has been given.
    var committed = 0
    /// Steps that may still be taken back, oldest first.
    var revocable: [Revocable] = []
    var waiters: [OneShot<CallOutcome>] = []
    /// A runner that sleeps through a backoff.
    var sleeper: OneShot<Bool>?
    /// Expiry, grace or backoff.
    var deadline: DeadlineQueue.Token?
    var attempt: RunningAttempt?
    var cacheKey: ResultCache.Key?
    /// By which equal writes find it.
    var twinKey: TwinKey?
    var isLeading = false
    /// It has a place in the queue, or is about to take one.
    var isInLine = false
    /// It is new, and counts against the queue's bound.
    var hasPlace = false
    /// What its conversation hides, or the calls it is linked with; nil where it is by itself.
    var secrets: SharedSecrets?

    init(_ record: CallRecord, function: RegisteredFunction?, secrets: SharedSecrets?) {
      self.record = record
      self.function = function
      self.secrets = secrets
    }

    /// What it hides, for a call that stands in for it; nil where that is nothing.
    func sharingSecrets() -> SharedSecrets? {
      if let secrets { return secrets }
      let known = KnownSecrets(of: call.payloads)
      guard !known.isEmpty else { return nil }
      let shared = SharedSecrets(known)
      secrets = shared
      return shared
    }

    var call: Call { record.call }

    /// Whether the store knows all that the call has become.
    var isStored: Bool { committed == record.call.history.count }

    var traits: FunctionTraits { function?.traits ?? .unknown }

    /// Whether it is a `write` that was sent and has ended, of which nobody has heard: its end is not on disk.
    ///
    /// The store knows no more of it than that it runs, so whoever starts on it finds its outcome unknown.
    var isWriteWithoutWord: Bool {
      call.state.isEnded && traits.effect == .write && !call.attempts.isEmpty
    }

    fileprivate func counts(as word: CallState.Word?) {
      counted = word
      countsAsRunningWrite = word?.isRunning == true && traits.effect == .write
    }
  }

  /// A step that the store was given and may withdraw, and what the call was before it; nil: there was none.
  struct Revocable {
    var steps: Int
    var before: CallRecord?
    var committed: Int
  }

  /// An attempt under way: how to stop it, and who is told how it ended.
  struct RunningAttempt: Sendable {
    var number: Int
    var gate: AttemptGate
    var function: RegisteredFunction
    /// The breaker's when it began.
    var epoch: Int
    /// What may be said of it.
    var discretion: Discretion
  }

  struct Shard {
    var calls: [CallID: LiveCall] = [:]
    var catalogue: Catalogue
    var generator: SeededGenerator
    var sequence: UInt16 = 0
    var counts = [Int](repeating: 0, count: CallState.Word.allCases.count)
    var series = RecentSeries()
    var total = 0

    /// Calls that run, or are being stopped, and whose repetition could do harm.
    private(set) var runningWrites = 0

    /// Counts a call by what it is now, and no longer by what it was; nil: not at all.
    mutating func count(_ live: LiveCall, as word: CallState.Word?) {
      count(live, -1)
      live.counts(as: word)
      count(live, 1)
    }

    private mutating func count(_ live: LiveCall, _ by: Int) {
      if let word = live.counted { counts[word.index] += by }
      if live.countsAsRunningWrite { runningWrites += by }
    }
  }

  /// Many more than there are cores, so that two callers seldom meet; a power of two.
  static let shardCount = 32

  private let shards: [ShardBox]

  private final class ShardBox: Sendable {
    let shard: Mutex<Shard>
    init(_ shard: sending Shard) { self.shard = Mutex(shard) }
  }

  init(catalogue: Catalogue, seed: UInt64) {
    var seeds = SeededGenerator(seed: seed)
    shards = (0..<Self.shardCount).map { _ in
      ShardBox(Shard(catalogue: catalogue, generator: SeededGenerator(seed: seeds.next())))
    }
  }

  func withShard<Result: Sendable, Failure: Error>(
    of id: CallID,
    _ body: (inout Shard) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try shards[Int(id.uuid.low & UInt64(Self.shardCount - 1))].shard.withLock {
      shard throws(Failure) in try body(&shard)
    }
  }

  /// Each shard in turn, one lock at a time.
  func forEachShard(_ body: (inout Shard) -> Void) {
    for box in shards { box.shard.withLock { body(&$0) } }
  }

  /// Every shard's lock at once, always taken in the same order: nothing starts while `body` runs.
  func withEveryShard(_ change: (Catalogue) -> Catalogue?, commit: () -> Void) -> Bool {
    lock(from: 0, change, commit)
  }

  private func lock(
    from index: Int,
    _ change: (Catalogue) -> Catalogue?,
    _ commit: () -> Void
  ) -> Bool {
    shards[index].shard.withLock { shard in
      if index == shards.count - 1 {
        guard let next = change(shard.catalogue) else { return false }
        shard.catalogue = next
        pending.withLock { $0 = next }
        commit()
        return true
      }
      guard lock(from: index + 1, change, commit) else { return false }
      if let next = pending.withLock({ $0 }) { shard.catalogue = next }
      return true
    }
  }

  /// The catalogue on its way to every shard; only used inside `withEveryShard`.
  private let pending = Mutex<Catalogue?>(nil)

  var catalogue: Catalogue { shards[0].shard.withLock { $0.catalogue } }
}

extension CallState.Word {
  /// Whether an attempt, or its fallback, is under way.
  var isRunning: Bool { self == .running || self == .stopping }

  var index: Int {
    switch self {
    case .received: 0
    case .awaitingApproval: 1
    case .approved: 2
    case .queued: 3
    case .running: 4
    case .stopping: 5
    case .backingOff: 6
    case .unknown: 7
    case .succeeded: 8
    case .failed: 9
    case .rejected: 10
    case .denied: 11
    case .expired: 12
    case .cancelled: 13
    }
  }
}
