import Foundation

/// Where calls, conversations and events are kept: about ten verbs of the domain.
///
/// `InMemoryStore` is the executable specification; one suite of tests runs over every store.
public protocol Store: Sendable {
  /// `memory`, or where it is on disk: for the title row.
  var name: String { get }

  /// Whether a commit is as durable as it will ever be when `commit` returns.
  var commitsAtOnce: Bool { get }

  /// Stores a call's new state and appends its events, in one step. The order of calls to `commit` is the order of
  /// sequence numbers. Throws `StoreFault` when nothing can be stored.
  func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket

  func call(_ id: CallID) -> Call?
  /// Every call, newest first, while `body` returns true.
  func eachCall(_ body: (Call) -> Bool)
  /// How many calls are kept.
  var callCount: Int { get }
  func conversation(_ id: ConversationID) -> Conversation?
  /// Every conversation, newest first, while `body` returns true.
  func eachConversation(_ body: (Conversation) -> Bool)
  var conversationCount: Int { get }

  /// Sequence number of the last event; 0 before the first.
  var lastSequence: Int { get }
  /// Events after a sequence number, oldest first. Events that are kept no longer are left out.
  func events(after sequence: Int, limit: Int) -> [EngineEvent]
  /// Hands every event to `follower` in order, from any thread and under the store's lock: it must only take it over.
  func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken
}

/// What one commit stores together.
public struct StoreChange: Sendable {
  /// Calls as they are now, without originals of secrets, and what has become of them since the last commit.
  public var calls: [CallChange]
  public var conversation: Conversation?
  /// Sequence numbers are given by the store: to these first, then to the calls' steps.
  public var events: [EngineEvent]

  public init(
    calls: [CallChange] = [],
    conversation: Conversation? = nil,
    events: [EngineEvent] = []
  ) {
    self.calls = calls
    self.conversation = conversation
    self.events = events
  }
}

/// One call in a commit: its new state, and its steps that are not stored yet.
public struct CallChange: Sendable {
  public let record: CallRecord
  /// How many steps of the call's history earlier commits have stored.
  public let stored: Int

  public init(_ record: CallRecord, stored: Int) {
    self.record = record
    self.stored = min(stored, record.call.history.count)
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

/// A commit that was queued; what has to be on disk first waits for it.
public struct CommitTicket: Sendable {
  private let written: OneShot<StoreFault?>?

  /// A commit that is as durable as it will ever be.
  public static let done = CommitTicket(written: nil)

  public init(written: OneShot<StoreFault?>?) { self.written = written }

  /// Returns when the commit is on disk.
  public func durable() async throws(StoreFault) {
    guard let written, let fault = await written.value else { return }
    throw fault
  }
}

/// Why a store can't take anything now, in a sentence.
public struct StoreFault: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}
