import DequeModule
import Foundation
import Synchronization

/// The store that keeps nothing past the exit, and the specification of what every store does.
///
/// Live calls and conversations stay; of ended ones the last 10,000 calls and 1,000 conversations can be read.
public final class InMemoryStore: Store {
  private struct State {
    var calls: [CallID: CallRecord] = [:]
    /// Oldest first; ids whose call was dropped are taken out from the front as they get there.
    var callOrder: Deque<CallID> = []
    var endedCalls: Deque<(id: CallID, bytes: Int)> = []
    var endedBytes = 0
    var conversations: [ConversationID: Conversation] = [:]
    var conversationOrder: Deque<ConversationID> = []
    var endedConversations: Deque<ConversationID> = []
    var events: Deque<EngineEvent> = []
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
    state.withLock { state in
      for record in change.calls { put(record, in: &state) }
      if let conversation = change.conversation { put(conversation, in: &state) }
      for var event in change.events {
        state.sequence += 1
        event.seq = state.sequence
        state.events.append(event)
        for follower in state.followers.values { follower(event) }
      }
      while state.events.count > keptEvents { state.events.removeFirst() }
    }
    return .done
  }

  private func put(_ record: CallRecord, in state: inout State) {
    let id = record.call.id
    let before = state.calls.updateValue(record, forKey: id)
    if before == nil { state.callOrder.append(id) }
    guard record.call.state.isEnded, before?.call.state.isEnded != true else { return }
    let bytes = record.call.approximateBytes
    state.endedCalls.append((id, bytes))
    state.endedBytes += bytes
    while state.endedCalls.count > keptCalls || state.endedBytes > keptBytes,
      let oldest = state.endedCalls.popFirst()
    {
      state.calls[oldest.id] = nil
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
    guard !conversation.state.word.isLive, before.map({ $0.state.word.isLive }) ?? true else {
      return
    }
    state.endedConversations.append(conversation.id)
    while state.endedConversations.count > keptConversations,
      let oldest = state.endedConversations.popFirst()
    {
      // It may have been taken up again by a person's message.
      guard state.conversations[oldest]?.state.word.isLive == false else { continue }
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
    state.withLock { state in
      guard let first = state.events.first else { return [] }
      let start = max(0, sequence - first.seq + 1)
      guard start < state.events.count else { return [] }
      return Array(state.events[start..<min(state.events.count, start + limit)])
    }
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
