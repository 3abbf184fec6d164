import DequeModule
import Foundation
import Synchronization

/// The store that keeps nothing past the exit, and the specification of what every store does.
///
/// Live calls and conversations stay; of ended ones the last 10,000 calls and 1,000 conversations can be read.
public final class InMemoryStore: Store {
  /// One event, or the steps of a call that one commit stored; events are made of them when somebody reads.
  private enum Happening: Sendable {
    indirect case event(EngineEvent)
    case steps(CallSteps, last: Int)
    /// The same of a call so small that nothing is lost by keeping it whole.
    case small(CallChange, last: Int)

    /// Sequence number of the last event in it.
    var last: Int {
      switch self {
      case .event(let event): event.seq
      case .steps(_, let last), .small(_, let last): last
      }
    }

    var events: [EngineEvent] {
      switch self {
      case .event(let event): return [event]
      case .steps(let steps, let last): return Self.numbered(steps.events, last: last)
      case .small(let change, let last): return Self.numbered(change.steps.events, last: last)
      }
    }

    private static func numbered(_ events: [EngineEvent], last: Int) -> [EngineEvent] {
      var events = events
      for index in events.indices { events[index].seq = last - (events.count - 1 - index) }
      return events
    }
  }

  /// Bytes of a call that is small; many of the last ones then take no more than a page each.
  private static let smallCall = 4096

  private struct State {
    var calls: [CallID: CallRecord] = [:]
    /// Oldest first; ids whose call was dropped are taken out from the front as they get there.
    var callOrder: Deque<CallID> = []
    var endedCalls: Deque<(id: CallID, bytes: Int)> = []
    var endedBytes = 0
    var conversations: [ConversationID: Conversation] = [:]
    var conversationOrder: Deque<ConversationID> = []
    var endedConversations: Deque<ConversationID> = []
    var events: Deque<Happening> = []
    var sequence = 0
    var followers: [Int: @Sendable (EngineEvent) -> Void] = [:]
    var nextFollower = 0
  }

  public let name = "memory"
  public let commitsAtOnce = true
  private let state = Mutex(State())
  private let keptCalls: Int
  private let keptBytes: Int
  private let keptConversations: Int
  private let keptEvents: Int

  /// `keptBytes` bounds what the arguments and results of ended calls take together; 64 MiB.
  public init(
    keptCalls: Int = 10_000,
    keptBytes: Int = 64 << 20,
    keptConversations: Int = 1000,
    keptEvents: Int = 20_000
  ) {
    self.keptCalls = keptCalls
    self.keptBytes = keptBytes
    self.keptConversations = keptConversations
    self.keptEvents = keptEvents
  }

  public func commit(_ change: StoreChange) throws(StoreFault) -> CommitTicket {
    // What leaves the store is freed after its lock.
    let left = state.withLock { state -> Left in
      var left = Left()
      for change in change.calls { put(change.record, in: &state, &left) }
      if let conversation = change.conversation { put(conversation, in: &state) }
      for var event in change.events {
        state.sequence += 1
        event.seq = state.sequence
        note(.event(event), in: &state)
      }
      for change in change.calls where change.count > 0 {
        state.sequence += change.count
        let isSmall = change.record.call.approximateBytes <= Self.smallCall
        note(
          isSmall
            ? .small(change, last: state.sequence)
            : .steps(change.steps, last: state.sequence),
          in: &state
        )
      }
      while let first = state.events.first, first.last <= state.sequence - keptEvents {
        left.happening = state.events.removeFirst()
      }
      return left
    }
    withExtendedLifetime(left) {}
    return .done
  }

  /// Mostly one of each: what is freed under the lock is the rest.
  private struct Left: Sendable {
    var record: CallRecord?
    var before: CallRecord?
    var happening: Happening?
  }

  private func note(_ happening: Happening, in state: inout State) {
    state.events.append(happening)
    guard !state.followers.isEmpty else { return }
    for event in happening.events {
      for follower in state.followers.values { follower(event) }
    }
  }

  private func put(_ record: CallRecord, in state: inout State, _ left: inout Left) {
    let id = record.call.id
    let before = state.calls.updateValue(record, forKey: id)
    left.before = before
    if before == nil { state.callOrder.append(id) }
    guard record.call.state.isEnded, before?.call.state.isEnded != true else { return }
    state.endedCalls.append((id, record.bytes))
    state.endedBytes += record.bytes
    while state.endedCalls.count > keptCalls || state.endedBytes > keptBytes,
      let oldest = state.endedCalls.popFirst()
    {
      left.record = state.calls.removeValue(forKey: oldest.id)
      state.endedBytes -= oldest.bytes
    }
    while let first = state.callOrder.first, state.calls[first] == nil {
      state.callOrder.removeFirst()
    }
    // A live call at the front holds ids behind it that are gone: take them out when they are the most of it.
    if state.callOrder.count > 2 * state.calls.count + 1024 {
      let calls = state.calls
      state.callOrder.removeAll { calls[$0] == nil }
    }
  }

  private func put(_ conversation: Conversation, in state: inout State) {
    let before = state.conversations.updateValue(conversation, forKey: conversation.id)
    if before == nil { state.conversationOrder.append(conversation.id) }
    let wasLive = before?.state.word.isLive ?? true
    if conversation.state.word.isLive, !wasLive {
      // Taken up again by a person's message: it counts once, at its last end.
      state.endedConversations.removeAll { $0 == conversation.id }
    }
    guard !conversation.state.word.isLive, wasLive else { return }
    state.endedConversations.append(conversation.id)
    while state.endedConversations.count > keptConversations,
      let oldest = state.endedConversations.popFirst()
    {
      state.conversations[oldest] = nil
    }
    if state.conversationOrder.count > 2 * state.conversations.count + 64 {
      let conversations = state.conversations
      state.conversationOrder.removeAll { conversations[$0] == nil }
    }
  }

  public func call(_ id: CallID) -> Call? { state.withLock { $0.calls[id] }?.call }

  public func eachCall(_ body: (Call) -> Bool) {
    let order = state.withLock { $0.callOrder }
    // Calls are copied in slices, so that a long walk doesn't keep the engine from committing.
    var upper = order.count
    while upper > 0 {
      let lower = max(0, upper - 256)
      let slice = state.withLock { state in
        (lower..<upper).reversed().compactMap { state.calls[order[$0]] }
      }
      for record in slice where !body(record.call) { return }
      upper = lower
    }
  }

  public var callCount: Int { state.withLock { $0.calls.count } }

  public func conversation(_ id: ConversationID) -> Conversation? {
    state.withLock { $0.conversations[id] }
  }

  public func eachConversation(_ body: (Conversation) -> Bool) {
    let all: [Conversation] = state.withLock { state in
      state.conversationOrder.reversed().compactMap { state.conversations[$0] }
    }
    for conversation in all where !body(conversation) { return }
  }

  public var conversationCount: Int { state.withLock { $0.conversations.count } }

  public var lastSequence: Int { state.withLock { $0.sequence } }

  public func events(after sequence: Int, limit: Int) -> [EngineEvent] {
    let found = state.withLock { state -> [Happening] in
      var lower = 0
      var upper = state.events.count
      while lower < upper {
        let middle = (lower + upper) / 2
        if state.events[middle].last <= sequence { lower = middle + 1 } else { upper = middle }
      }
      return Array(state.events[lower..<min(state.events.count, lower + limit)])
    }
    let oldest = max(sequence, lastSequence - keptEvents)
    return Array(found.lazy.flatMap(\.events).filter { $0.seq > oldest }.prefix(limit))
  }

  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    let key = state.withLock { state in
      state.nextFollower += 1
      state.followers[state.nextFollower] = follower
      return state.nextFollower
    }
    return ObservationToken { [weak self] in
      self?.state.withLock { state in _ = state.followers.removeValue(forKey: key) }
    }
  }
}
