import DequeModule
import Foundation
import JSONSchema
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
    var runs: [RunID: RunChange] = [:]
    var endedRuns: Deque<RunID> = []
    var events: Deque<Happening> = []
    var sequence = 0
    var settings: [String: JSONValue] = [:]
    /// Originals of live calls and of what is kept of conversations, sealed.
    var sealed: [CallID: [UInt8]] = [:]
    var sealedConversations: [ConversationID: ConversationChange] = [:]
    var twins: [TwinKey: [CallID]] = [:]
    var twinKeys: [CallID: TwinKey] = [:]
    var followers: [Int: @Sendable (EngineEvent) -> Void] = [:]
    var nextFollower = 0
  }

  public let name = "memory"
  public let commitsAtOnce = true
  public let isLasting = false
  private let state = Mutex(State())
  private let keptCalls: Int
  private let keptBytes: Int
  private let keptConversations: Int
  private let keptEvents: Int

  /// `keptBytes` bounds what the arguments and results of ended calls take together; 64 MiB.
  public init(
    keptCalls: Int = Limit.keptCalls.value,
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
    // Steps of large calls take the digest of what they don't keep, which takes its time.
    let steps = Self.stepsOfLargeCalls(in: change)
    // What leaves the store is freed after its lock.
    let left = state.withLock { state -> Left in
      var left = Left()
      for change in change.calls {
        if let sealed = change.sealed { state.sealed[change.record.call.id] = sealed }
        if let twin = change.twin { Self.note(twin, of: change.record.call.id, in: &state) }
        put(change.record, in: &state, &left)
      }
      if let conversation = change.conversation { put(conversation, in: &state) }
      if let run = change.run { Self.put(run, in: &state) }
      for (key, value) in change.settings {
        if value.isNull {
          state.settings.removeValue(forKey: key)
        } else {
          state.settings[key] = value
        }
      }
      for var event in change.events {
        state.sequence += 1
        event.seq = state.sequence
        note(.event(event), in: &state)
      }
      for (index, change) in change.calls.enumerated() where change.count > 0 {
        state.sequence += change.count
        let steps = steps[index]
        note(
          steps.map { .steps($0, last: state.sequence) }
            ?? .small(change, last: state.sequence),
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

  /// By their place in the change; mostly none.
  private static func stepsOfLargeCalls(in change: StoreChange) -> [Int: CallSteps] {
    var steps: [Int: CallSteps] = [:]
    for (index, change) in change.calls.enumerated()
    where change.count > 0 && change.record.call.approximateBytes > smallCall {
      steps[index] = change.steps
    }
    return steps
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
      if !state.sealed.isEmpty { state.sealed[oldest.id] = nil }
      if !state.twinKeys.isEmpty { Self.forgetTwin(oldest.id, in: &state) }
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

  private static func note(_ key: TwinKey, of id: CallID, in state: inout State) {
    guard state.twinKeys[id] != key else { return }
    forgetTwin(id, in: &state)
    state.twinKeys[id] = key
    state.twins[key, default: []].append(id)
  }

  private static func forgetTwin(_ id: CallID, in state: inout State) {
    guard let key = state.twinKeys.removeValue(forKey: id), var ids = state.twins[key] else {
      return
    }
    ids.removeAll { $0 == id }
    state.twins[key] = ids.isEmpty ? nil : ids
  }

  public func twin(_ key: TwinKey, besides id: CallID, since time: Date) -> CallID? {
    state.withLock { state in
      state.twins[key]?.filter { other in
        guard other != id, let call = state.calls[other]?.call else { return false }
        guard call.state.isEnded else { return true }
        return call.state == .succeeded && (call.endedAt ?? .distantPast) > time
      }.max()
    }
  }

  public func twins(since time: Date, limit: Int) -> StoredTwins {
    state.withLock { state in
      var twins = StoredTwins()
      var ended: [(call: Call, at: Date)] = []
      for (id, key) in state.twinKeys {
        guard let call = state.calls[id]?.call else { continue }
        guard call.state.isEnded else {
          twins.entries.append(.init(key, id, succeeded: nil))
          continue
        }
        if let at = call.endedAt, at > time { ended.append((call, at)) }
      }
      ended.sort { $0.at > $1.at }
      if ended.count > limit { twins.isWholeSince = ended[limit].at }
      for (call, at) in ended.prefix(limit) where call.state == .succeeded {
        guard let key = state.twinKeys[call.id] else { continue }
        twins.entries.append(.init(key, call.id, succeeded: at))
      }
      return twins
    }
  }

  private func put(_ change: ConversationChange, in state: inout State) {
    let conversation = change.conversation
    let sealed = state.sealedConversations[conversation.id]?.sealedMessages ?? [:]
    if !sealed.isEmpty || !change.sealedMessages.isEmpty || change.sealedRest != nil {
      state.sealedConversations[conversation.id] = ConversationChange(
        conversation,
        sealedMessages: sealed.merging(change.sealedMessages) { $1 },
        sealedRest: change.sealedRest
      )
    }
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
      state.sealedConversations[oldest] = nil
    }
    if state.conversationOrder.count > 2 * state.conversations.count + 64 {
      let conversations = state.conversations
      state.conversationOrder.removeAll { conversations[$0] == nil }
    }
  }

  public var doubt: String? { nil }

  public func lookUp(_ id: CallID) -> Call? { call(id) }
  public func call(_ id: CallID) -> Call? { state.withLock { $0.calls[id] }?.call }

  public func onNews(_ handler: @escaping @Sendable (StoreNews) -> Void) {}

  public func calls(_ query: HistoryQuery) -> HistoryPage<Call> {
    let list = query.list
    guard list.filter.isEmpty, list.sort == .natural, !list.reversed else {
      return query.page(of: newest(.max)) { self.conversation($0)?.title }
    }
    let (order, total) = state.withLock { ($0.callOrder, $0.calls.count) }
    // Only the calls of the window are looked at, and those before it that are counted.
    var anchorIndex: Int?
    if let anchor = list.anchor.flatMap(CallID.init), call(anchor) != nil {
      anchorIndex = state.withLock { state in
        var index = 0
        for id in order.reversed() where state.calls[id] != nil {
          if id == anchor { return index }
          index += 1
        }
        return nil
      }
    }
    let range = list.range(of: total, anchor: anchorIndex)
    return HistoryPage(
      items: Array(newest(range.upperBound).dropFirst(range.lowerBound)),
      firstIndex: range.lowerBound,
      total: total,
      anchorIndex: anchorIndex
    )
  }

  /// The newest calls, newest first.
  private func newest(_ limit: Int) -> [Call] {
    let order = state.withLock { $0.callOrder }
    var calls: [Call] = []
    // Calls are copied in slices, so that a long walk doesn't keep the engine from committing.
    var upper = order.count
    while upper > 0, calls.count < limit {
      let lower = max(0, upper - 256)
      calls += state.withLock { state in
        (lower..<upper).reversed().compactMap { state.calls[order[$0]]?.call }
      }
      upper = lower
    }
    return calls.count > limit ? Array(calls.prefix(limit)) : calls
  }

  public func lastDecided(_ function: String, before id: CallID) -> Call? {
    newest(1000).first { other in
      other.id < id && other.function == function && other.approval?.decidedAt != nil
        && other.state.isEnded
    }
  }

  public func lastSucceeded(_ function: String, limit: Int) -> (calls: [Call], isAll: Bool) {
    let looked = newest(5000)
    let found = looked.filter { $0.function == function && $0.state == .succeeded }
    return (Array(found.prefix(limit)), found.count <= limit && looked.count < 5000)
  }

  public func conversation(_ id: ConversationID) -> Conversation? {
    state.withLock { $0.conversations[id] }
  }

  public func conversations(_ query: HistoryQuery) -> HistoryPage<Conversation> {
    query.page(
      of: state.withLock { state in
        state.conversationOrder.reversed().compactMap { state.conversations[$0] }
      }
    )
  }

  private static func put(_ change: RunChange, in state: inout State) {
    let id = change.run.id
    let before = state.runs.updateValue(change, forKey: id)
    if before?.run.state.word.isLive == false {
      // One that a person had go on counts once, at its last end.
      state.endedRuns.removeAll { $0 == id }
    }
    guard !change.run.state.word.isLive else { return }
    state.endedRuns.append(id)
    while state.endedRuns.count > Limit.keptRuns.value, let oldest = state.endedRuns.popFirst() {
      state.runs[oldest] = nil
    }
  }

  public func run(_ id: RunID) -> RunChange? { state.withLock { $0.runs[id] } }

  public func runs(_ query: HistoryQuery) -> HistoryPage<WorkflowRun> {
    query.page(of: state.withLock { $0.runs.values.map(\.run) })
  }

  public func unfinished() -> Unfinished {
    state.withLock { state in
      let runs = state.runs.values.filter(\.run.state.word.isLive)
      let calls = state.calls.values.map(\.call).filter { !$0.state.isEnded }
      let live = state.conversations.values.filter(\.state.word.isLive)
      var unfinished = Unfinished(
        calls: calls.sorted { $0.id < $1.id }.map { ($0, state.sealed[$0.id]) },
        conversations: live.sorted { $0.id < $1.id }.map {
          state.sealedConversations[$0.id] ?? ConversationChange($0)
        },
        settings: state.settings
      )
      unfinished.runs = runs.sorted { $0.run.id < $1.run.id }
      return unfinished
    }
  }

  public func sealed(_ id: CallID) -> [UInt8]? { state.withLock { $0.sealed[id] } }

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
