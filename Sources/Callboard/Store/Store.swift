import Foundation
import JSONSchema

/// Where calls, conversations and events are kept: about ten verbs of the domain.
///
/// `InMemoryStore` is the executable specification; one suite of tests runs over every store.
public protocol Store: Sendable {
  /// `memory`, or where it is on disk: for the title row.
  var name: String { get }

  /// Why what was found at opening is not as it was written last, in a sentence; nil where it is.
  var doubt: String? { get }

  /// Whether a commit is as durable as it will ever be when `commit` returns.
  var commitsAtOnce: Bool { get }

  /// Whether what it holds is there when the process has ended.
  var isLasting: Bool { get }

  /// Stores a call's new state and appends its events, in one step. The order of calls to `commit` is the order of
  /// sequence numbers. Throws `StoreFault` when nothing can be stored: then nothing of the change is kept.
  ///
  /// A change that was taken is stored, if need be after a fault is over; but see `StoreChange.isRevocable`.
  func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket

  /// Tells `handler` what becomes of the store, on a thread of its own; nothing is taken while it is told.
  func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void)

  /// Nil also where it can't be read, which is told as a fault.
  func call(_ id: CallID) -> Call?
  /// The same for whoever must not take what can't be read for what never was.
  func lookUp(_ id: CallID) throws(StoreFault) -> Call?
  /// A window onto every call, newest first.
  func calls(_ query: HistoryQuery) -> HistoryPage<Call>
  /// The last call of a function before another one that people decided, among the newest.
  func lastDecided(_ function: String, before id: CallID) -> Call?
  /// The newest call with this key, besides one, that lives or succeeded after a time.
  func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID?
  /// Every live call that has a key, and of the newest `limit` ended ones those that have a key and succeeded after a
  /// time. For an engine that starts: asked before anything is committed.
  func twins(since time: Date, limit: Int) throws(StoreFault) -> StoredTwins
  /// The newest calls of a function that succeeded, newest first, and whether there are no others.
  ///
  /// Only so much of the history is looked at that its cost has a bound.
  func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool)
  func conversation(_ id: ConversationID) -> Conversation?
  /// A window onto every conversation: live ones first, then by last activity.
  func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation>
  /// A run as it was stored last, with its sealed originals.
  func run(_ id: RunID) -> RunChange?
  /// A window onto every run: live ones first, by when they began, then the others, by when they ended.
  func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun>

  /// Sequence number of the last event; 0 before the first.
  var lastSequence: Int { get }
  /// Events after a sequence number, oldest first. Events that are kept no longer are left out.
  func events(after sequence: Int, limit: Int) -> [EngineEvent]
  /// Hands every event to `follower` in order, once it is stored, from any thread and under the store's lock: it must
  /// only take it over.
  func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken

  /// What an engine that starts on this store has to take up again.
  func unfinished() throws(StoreFault) -> Unfinished
  /// The sealed originals of a call, where it has some.
  func sealed(_ id: CallID) -> [UInt8]?
}

/// What becomes of a store that does not commit at once.
public enum StoreNews: Sendable {
  /// Nothing can be stored, for this reason.
  case fails(StoreFault)
  /// A revocable change that was taken could not be stored; its ticket says so after this.
  case withdrawn(StoreChange)
  /// Things can be stored again, and what was in line is.
  case works
}

/// What one commit stores together.
public struct StoreChange: Sendable {
  /// Calls as they are now, without originals of secrets, and what has become of them since the last commit.
  public var calls: [CallChange]
  public var conversation: ConversationChange?
  public var run: RunChange?
  /// Sequence numbers are given by the store: to these first, then to the calls' steps.
  public var events: [EngineEvent]
  /// Switches and the hold, by key; null takes one out.
  public var settings: [String: JSONValue]
  /// What this asks for has not happened where it can't be stored: then it is withdrawn and its ticket says why.
  ///
  /// A person's decision, and what a `write` is about to do. Anything else stays in line until it is stored.
  public var isRevocable: Bool
  /// Somebody waits until it is on disk.
  public var isAwaited: Bool

  public init(
    calls: [CallChange] = [],
    conversation: ConversationChange? = nil,
    run: RunChange? = nil,
    events: [EngineEvent] = [],
    settings: [String: JSONValue] = [:],
    isRevocable: Bool = false,
    isAwaited: Bool = false
  ) {
    self.calls = calls
    self.conversation = conversation
    self.run = run
    self.events = events
    self.settings = settings
    self.isRevocable = isRevocable
    self.isAwaited = isAwaited
  }
}

/// One call in a commit: its new state, and its steps that are not stored yet.
public struct CallChange: Sendable {
  public let record: CallRecord
  /// How many steps of the call's history earlier commits have stored.
  public let stored: Int
  /// Its originals, sealed; nil where it has none.
  public let sealed: [UInt8]?
  /// What it has in common with calls that are equal; nil where that does not matter.
  public let twin: TwinKey?

  public init(
    _ record: CallRecord,
    stored: Int,
    sealed: [UInt8]? = nil,
    twin: TwinKey? = nil
  ) {
    self.record = record
    self.stored = min(stored, record.call.history.count)
    self.sealed = sealed
    self.twin = twin
  }

  /// How many events of the stream it makes.
  public var count: Int { record.call.history.count - stored }

  /// Each is one event of the stream.
  public var steps: CallSteps { CallSteps(of: record, after: stored) }

  /// A call none of whose steps is stored.
  public init(_ call: Call) { self.init(CallRecord(call), stored: 0) }
}

/// A call as one commit stored it.
///
/// A class, because a call is large and many look at the same state of it.
public final class CallRecord: Sendable {
  public let call: Call
  /// About how much memory its values take, of a call that has ended; else 0.
  let bytes: Int

  public init(_ call: consuming Call) {
    bytes = call.state.isEnded ? call.approximateBytes : 0
    self.call = call
  }

  /// The same without originals of secrets.
  var withoutOriginals: CallRecord {
    call.hasOriginals ? CallRecord(call.withoutOriginals) : self
  }
}

/// A conversation in a commit: as it may be shown, and beside it the originals, sealed.
///
/// A class, because a conversation is large and a commit is handed on often.
public final class ConversationChange: Sendable {
  public let conversation: Conversation
  /// Of messages of the transcript whose originals differ, by their place in it.
  public let sealedMessages: [Int: [UInt8]]
  /// Of answers and words that are not in the transcript yet.
  public let sealedRest: [UInt8]?

  public init(
    _ conversation: Conversation,
    sealedMessages: [Int: [UInt8]] = [:],
    sealedRest: [UInt8]? = nil
  ) {
    self.conversation = conversation
    self.sealedMessages = sealedMessages
    self.sealedRest = sealedRest
  }
}

/// A run in a commit: as it may be shown, and beside it the originals, sealed.
///
/// A class, because a run is large and a commit is handed on often.
public final class RunChange: Sendable {
  public let run: WorkflowRun
  /// nil where it has none.
  public let sealed: [UInt8]?
  /// No commit before this one brought it.
  public let isNew: Bool

  public init(_ run: WorkflowRun, sealed: [UInt8]? = nil, isNew: Bool) {
    self.run = run
    self.sealed = sealed
    self.isNew = isNew
  }
}

/// What an engine that starts on a store has to take up again.
public struct Unfinished: Sendable {
  /// Live calls in the order they were received, with their sealed originals.
  public var calls: [(call: Call, sealed: [UInt8]?)]
  public var conversations: [ConversationChange]
  public var runs: [RunChange] = []
  /// Switches and the hold, by key.
  public var settings: [String: JSONValue]
  /// Calls, conversations and runs whose records can't be read: they stay where they are.
  public var damaged: [String] = []

  public init(
    calls: [(call: Call, sealed: [UInt8]?)] = [],
    conversations: [ConversationChange] = [],
    settings: [String: JSONValue] = [:]
  ) {
    self.calls = calls
    self.conversations = conversations
    self.settings = settings
  }
}

/// Who knows when a commit is on disk.
public protocol CommitGate: Sendable {
  /// Returns when every commit up to this one is on disk, or throws when this one was withdrawn.
  func durable(_ position: UInt64) async throws(StoreFault)
  /// Returns nil when every commit up to this one is on disk; a fault when this one was withdrawn, or the store fails first.
  func fault(before position: UInt64) async -> StoreFault?
  /// Why this one was withdrawn; nil where it was not, or is not yet.
  func withdrawal(of position: UInt64) -> StoreFault?
}

extension CommitGate {
  public func withdrawal(of position: UInt64) -> StoreFault? { nil }

  public func fault(before position: UInt64) async -> StoreFault? {
    do throws(StoreFault) {
      try await durable(position)
      return nil
    } catch {
      return error
    }
  }
}

/// A commit that was queued; what has to be on disk first waits for it.
public struct CommitTicket: Sendable {
  private let gate: (any CommitGate)?
  private let position: UInt64
  /// So much is in line that whoever brings more waits until this is on disk.
  let isPressing: Bool

  /// A commit that is as durable as it will ever be.
  public static let done = CommitTicket()

  private init() {
    gate = nil
    position = 0
    isPressing = false
  }

  public init(_ position: UInt64, at gate: any CommitGate, isPressing: Bool = false) {
    self.gate = gate
    self.position = position
    self.isPressing = isPressing
  }

  /// Whether it is not known to be on disk.
  var isPending: Bool { gate != nil }

  /// Returns when the commit is on disk; throws when it was withdrawn.
  public func durable() async throws(StoreFault) {
    guard let gate else { return }
    try await gate.durable(position)
  }

  /// Nil when the commit is on disk; else why not, as soon as the store fails, though it may stay in line and be stored
  /// later.
  public func fault() async -> StoreFault? { await gate?.fault(before: position) }

  /// Why it was withdrawn; nil where it was not, or is not yet.
  var withdrawal: StoreFault? { gate?.withdrawal(of: position) }
}

/// Why a store can't take anything now, in a sentence.
public struct StoreFault: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}
