import Foundation
import JSONSchema
import Logging
import Synchronization

/// What `submit` gives back: the outcome, or the id of a call that waits for a person.
public enum Submission: Sendable {
  case finished(CallID, CallOutcome)
  /// Waiting for approval, or unknown: ask `outcome(of:)`, or look at it.
  case pending(CallID)

  public var id: CallID {
    switch self {
    case .finished(let id, _), .pending(let id): id
    }
  }
}

/// Takes every call down one road, whoever asked for it.
///
/// Every step of a call goes through `move`, which decides with `Call.handle` and queues the commit under one lock.
public final class Engine: Sendable {
  public let configuration: EngineConfiguration
  public let clock: any EngineClock
  public let deadlines: DeadlineQueue
  let store: any Store
  let table: LiveTable
  let slots: SlotQueue
  let cache: ResultCache
  let models: [String: any Model]
  let providers: [any FunctionProvider]
  let conversations = ConversationTable()
  let waiting = WaitingIndex()
  let errors = ErrorGroups()
  let redactor: Redactor
  let digest = ApprovalDigest()
  let log: Logger
  private let observers = Observers()
  private let phase = Mutex(Phase.running)
  private let storeState = Mutex<String?>(nil)

  enum Phase: Sendable {
    case running
    case stopping
    case stopped
  }

  public init(
    _ configuration: EngineConfiguration = EngineConfiguration(),
    registry: FunctionRegistry,
    models: [any Model] = [],
    store: any Store = InMemoryStore(),
    clock: any EngineClock = SystemClock(),
    deadlines: DeadlineQueue? = nil,
    log: Logger = Logger(label: "callboard.engine") { _ in SwiftLogNoOpLogHandler() }
  ) {
    self.configuration = configuration
    self.clock = clock
    self.deadlines = deadlines ?? DeadlineQueue(clock: clock)
    self.store = store
    self.log = log
    self.models = Dictionary(models.map { ($0.name, $0) }) { first, _ in first }
    providers = registry.providers
    let catalogue = Catalogue(
      functions: registry.functions,
      rules: configuration.rules,
      access: configuration.access,
      held: nil
    )
    table = LiveTable(
      catalogue: catalogue,
      seed: configuration.seed ?? SystemRandomNumberGenerator().seed
    )
    slots = SlotQueue(
      limit: configuration.slots,
      bound: configuration.queue,
      functions: registry.functions
    )
    cache = ResultCache(maxEntries: configuration.cacheEntries, maxBytes: configuration.cacheBytes)
    redactor = Redactor(fields: configuration.secrets)
    commit(events: [event(.engine(.started), cause: "started")])
  }

  // MARK: - Asking for calls

  /// Runs one call down the whole road, on the caller's task, until it ends or waits for a person.
  public func submit(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) async -> Submission {
    await submit(function, parsed: arguments, unparsed: nil, by: caller)
  }

  /// The same with the text of the arguments, as a model or a person wrote it.
  public func submit(
    _ function: String,
    text: String,
    by caller: Principal
  ) async -> Submission {
    let parsed = try? JSONValue(parsing: text, options: argumentOptions)
    return await submit(function, parsed: parsed, unparsed: parsed == nil ? text : nil, by: caller)
  }

  private func submit(
    _ function: String,
    parsed: JSONValue?,
    unparsed: String?,
    by caller: Principal
  ) async -> Submission {
    let call = makeCall(function, parsed: parsed, unparsed: unparsed, caller: caller)
    let id = call.id
    let ended = OneShot<CallOutcome>()
    let effect = admit(call, waiter: ended)
    await drive(id, effect)
    if let outcome = ended.current { return .finished(id, outcome) }
    // Another runner took over: a person cancelled or denied it, or it waits for one.
    let waits = table.withShard(of: id) { shard in
      shard.calls[id].map { $0.call.state.word.needsPerson || $0.call.state.word == .approved }
        ?? false
    }
    if waits { return .pending(id) }
    return .finished(id, await ended.value)
  }

  /// Waits for the end of a call, through approvals and unknown outcomes; nil when no such call is kept.
  public func outcome(of id: CallID) async -> CallOutcome? {
    let waiter = OneShot<CallOutcome>()
    let isLive = table.withShard(of: id) { shard in
      // Asked under the lock: whoever stops the engine takes it afterwards, and finds this waiter.
      if hasStopped { waiter.resolve(.failure(Self.stoppedFirst)) }
      shard.calls[id]?.waiters.append(waiter)
      return shard.calls[id] != nil
    }
    guard isLive else { return store.call(id)?.outcome }
    return await waiter.value
  }

  /// What would happen to a call, without any of it happening: the refusal, or the approval it would need.
  public func rehearse(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) -> Rehearsal {
    let call = makeCall(function, parsed: arguments, unparsed: nil, caller: caller)
    switch admission(of: call, in: table.catalogue).event {
    case .admitted(let arguments, _): return .runs(arguments: arguments)
    case .approvalNeeded(let requirement, let arguments, _, _):
      return .asks(requirement, arguments: arguments)
    case .nobodyToAsk(let rule): return .denied(rule: rule)
    case .refused(let failure): return .rejected(failure)
    default: preconditionFailure("admission gives no other event")
    }
  }

  /// What `rehearse` found.
  public enum Rehearsal: Sendable {
    case runs(arguments: JSONValue)
    case asks(ApprovalRequirement, arguments: JSONValue)
    case denied(rule: String)
    case rejected(CallFailure)
  }

  /// What a caller's model would be offered.
  public func offers(to caller: Principal) throws(ConfigurationMistake) -> [ToolOffer] {
    try table.catalogue.offers(to: caller)
  }

  // MARK: - Making calls

  var argumentOptions: JSONParsingOptions {
    var options = JSONParsingOptions.arguments
    options.maximumBytes = configuration.maxArgumentBytes
    return options
  }

  func makeCall(
    _ function: String,
    parsed: JSONValue?,
    unparsed: String?,
    caller: Principal,
    conversation: ConversationID? = nil,
    turn: Int? = nil,
    modelCallID: String? = nil,
    link: Call.Link? = nil,
    requestedBy: Principal? = nil,
    key: String? = nil,
    id: CallID? = nil
  ) -> Call {
    let now = clock.now
    let (fresh, keyUUID) = newUUIDs(now)
    let known = table.withShard(of: CallID(fresh)) { $0.catalogue.named(onTheWire: function)?.name }
    return Call(
      id: id ?? CallID(fresh),
      function: known ?? function,
      caller: caller,
      conversation: conversation,
      turn: turn,
      modelCallID: modelCallID,
      link: link,
      requestedBy: requestedBy,
      receivedAt: now,
      idempotencyKey: key ?? keyUUID.text,
      proposed: parsed,
      unparsed: unparsed
    )
  }

  private let ids: Mutex<IDSource> = Mutex(IDSource())

  /// Makes ids in order also within a millisecond.
  private struct IDSource {
    var generator: SeededGenerator?
    var last: UInt64 = 0
    var sequence: UInt16 = 0
  }

  func newUUIDs(_ now: Date) -> (UUIDv7, UUIDv7) {
    ids.withLock { source in
      if source.generator == nil {
        source.generator = SeededGenerator(
          seed: configuration.seed.map { $0 &+ 1 } ?? SystemRandomNumberGenerator().seed
        )
      }
      let millisecond = UInt64(max(0, now.timeIntervalSince1970 * 1000))
      if millisecond > source.last || source.sequence == 0x0FFF {
        source.last = max(millisecond, source.last + (millisecond > source.last ? 0 : 1))
        source.sequence = 0
      } else {
        source.sequence += 1
      }
      let at = Date(timeIntervalSince1970: (Double(source.last) + 0.5) / 1000)
      let first = UUIDv7(at: at, sequence: source.sequence, random: source.generator?.next() ?? 0)
      let second = UUIDv7(at: at, sequence: source.sequence, random: source.generator?.next() ?? 0)
      return (first, second)
    }
  }

  // MARK: - Moving calls

  /// What `move` did.
  struct Move: Sendable {
    var transition: Transition
    var ticket: CommitTicket
    var state: CallState
  }

  /// Moves a live call and queues the commit, together under its shard's lock.
  func move(_ id: CallID, _ event: CallEvent) throws -> Move {
    try table.withShard(of: id) { shard in
      guard let live = shard.calls[id] else {
        throw IllegalMove(state: store.call(id)?.state.word ?? .cancelled, event: event.name)
      }
      return try move(live, event, in: &shard)
    }
  }

  func move(
    _ live: LiveTable.LiveCall,
    _ event: CallEvent,
    in shard: inout LiveTable.Shard
  ) throws
    -> Move
  {
    let transition = try live.call.handle(
      event,
      live.traits,
      now: clock.now,
      using: &shard.generator
    )
    do {
      let ticket = try commit(live, in: &shard)
      return Move(transition: transition, ticket: ticket, state: live.call.state)
    } catch {
      storeFailed(error)
      // Outcomes are kept in memory; everything else that must be on disk did not happen.
      if transition.isDurable, !live.call.state.isEnded, let stored = live.stored {
        live.call = stored.call
      }
      throw error
    }
  }

  /// Redacts, stores the call and appends one event for each new step.
  ///
  /// The only place where calls are stored.
  func commit(
    _ live: LiveTable.LiveCall,
    in shard: inout LiveTable.Shard
  ) throws(StoreFault) -> CommitTicket {
    live.call.redact(live.function?.redactor ?? redactor)
    let before = live.stored?.call.state.word
    let now = live.call.state.word
    let record = CallRecord(live.call)
    let shown = live.call.hasOriginals ? CallRecord(live.call.withoutOriginals) : record
    let ticket = try store.commit(
      StoreChange(records: [shown], events: live.call.events(after: live.committed))
    )
    live.committed = live.call.history.count
    live.stored = record
    live.ticket = ticket
    if let before { shard.count(before, -1) }
    shard.count(now, 1)
    if before?.needsPerson == true || now.needsPerson { waiting.update(live.call, from: before) }
    if now.isEnded, before?.isEnded != true { ended(live, in: &shard) }
    if now == .unknown, before != .unknown { becameUnknown(live) }
    observers.changed()
    return ticket
  }

  /// Counts a call that has ended.
  ///
  /// Runs once a call, inside its last commit.
  private func ended(_ live: LiveTable.LiveCall, in shard: inout LiveTable.Shard) {
    let word = live.call.state.word
    let failure = live.call.outcome?.failure
    let source = live.call.outcome?.source
    let isError = word == .failed
    let hasRun = !live.call.attempts.isEmpty
    let endedAt = live.call.endedAt
    let seconds = hasRun || source != nil ? live.call.duration : nil
    shard.series.record(at: clock.monotonic, seconds: seconds, isError: isError)
    shard.total += 1
    let isCached = live.cacheKey != nil
    live.function?.runtime.count { counters in
      counters.calls += 1
      if isError { counters.errors += 1 }
      if let seconds { counters.latency.record(seconds: seconds) }
      if word == .succeeded { counters.lastSuccess = endedAt }
      if isError, let failure { counters.lastFailure = (endedAt ?? clock.now, failure.message) }
      switch source {
      case .hit, .shared:
        counters.cacheHits += 1
        counters.cacheLookups += 1
      case .attempt, .degraded, .settled, nil:
        if isCached, hasRun { counters.cacheLookups += 1 }
      }
    }
    if let failure, isError || word == .rejected {
      errors.record(
        failure,
        call: live.call,
        heard: ModelAnswer.text(for: live.call),
        at: clock.now,
        monotonic: clock.monotonic
      )
    }
  }

  private func becameUnknown(_ live: LiveTable.LiveCall) {
    let failure = CallFailure(
      .outcomeUnknown,
      live.call.firstFailure?.message ?? "Its outcome is unknown.",
      reach: .maybe
    )
    live.function?.runtime.count {
      $0.lastFailure = (clock.now, failure.message)
    }
    errors.record(
      failure,
      call: live.call,
      heard: ModelAnswer.text(for: live.call),
      at: clock.now,
      monotonic: clock.monotonic
    )
  }

  /// Ends what hangs on a call that has ended: its waiters, its flight, its conversation, the calls linked to it.
  func finish(_ id: CallID) {
    let finished: (call: Call, waiters: [OneShot<CallOutcome>])? = table.withShard(of: id) {
      shard in
      guard let live = shard.calls[id], live.call.state.isEnded else { return nil }
      if let token = live.deadline { deadlines.cancel(token) }
      shard.calls[id] = nil
      return (live.call, live.waiters)
    }
    guard let finished, let outcome = finished.call.outcome else { return }
    for waiter in finished.waiters { waiter.resolve(outcome) }
    switch finished.call.link {
    case .fallback(let parent): childEnded(id, outcome, parent: parent)
    case .settles(let unknown): rerunEnded(id, outcome, of: unknown)
    case .again, nil: break
    }
    if let rerun = finished.call.rerun { cancelIfNotStarted(rerun) }
    if finished.call.conversation != nil { conversationCallEnded(finished.call) }
  }

  private func childEnded(_ child: CallID, _ outcome: CallOutcome, parent: CallID) {
    guard let moved = try? move(parent, .childEnded(child, outcome)) else { return }
    perform(parent, moved)
  }

  private func rerunEnded(_ id: CallID, _ outcome: CallOutcome, of unknown: CallID) {
    guard let moved = try? move(unknown, .rerunEnded(id, outcome)) else { return }
    perform(unknown, moved)
  }

  func cancelIfNotStarted(_ id: CallID) {
    let moved = table.withShard(of: id) { shard -> Move? in
      guard let live = shard.calls[id], live.call.attempts.isEmpty else { return nil }
      return try? move(live, .cancel(by: nil), in: &shard)
    }
    if let moved { perform(id, moved) }
  }

  // MARK: - Events

  func event(
    _ type: EngineEvent.Kind,
    call: Call? = nil,
    conversation: ConversationID? = nil,
    function: String? = nil,
    cause: String? = nil,
    by: String? = nil
  ) -> EngineEvent {
    EngineEvent(
      time: clock.now,
      type: type,
      call: call?.part(),
      conversation: conversation,
      function: function,
      cause: cause,
      by: by
    )
  }

  func commit(events: [EngineEvent]) {
    do {
      _ = try store.commit(StoreChange(events: events))
    } catch {
      storeFailed(error)
    }
    observers.changed()
  }

  func storeFailed(_ fault: any Error) {
    storeState.withLock { $0 = "\(fault)" }
    log.error("the store can't write", metadata: ["fault": "\(fault)"])
    observers.changed()
  }

  var storeFault: String? { storeState.withLock { $0 } }

  /// Something visible changed that no commit tells of.
  func changed() { observers.changed() }

  public func observe(_ changed: @escaping @Sendable () -> Void) -> ObservationToken {
    observers.add(changed)
  }

  func snapshotTaken() { observers.rearm() }

  /// Hands every event on in order; see `Store.follow`.
  public func follow(_ follower: @escaping @Sendable (EngineEvent) -> Void) -> ObservationToken {
    store.follow(follower)
  }

  public var lastSequence: Int { store.lastSequence }

  // MARK: - Stopping

  var isStopping: Bool { phase.withLock { $0 != .running } }

  /// Whether a call lives that would be lost with this process.
  public var liveCalls: Int {
    var count = 0
    table.forEachShard { count += $0.calls.count }
    return count
  }

  /// Stops in order: new calls are rejected, running ones get `patience` to finish and are then stopped.
  public func stop(patience: Duration = .seconds(10)) async {
    let isFirst = phase.withLock { phase in
      guard phase == .running else { return false }
      phase = .stopping
      return true
    }
    guard isFirst else { return }
    slots.close()
    commit(events: [event(.engine(.stopping), cause: "stopping")])
    await stopConversations()
    let until = clock.monotonic + patience
    while runningCount > 0, clock.monotonic < until {
      try? await clock.sleep(for: .milliseconds(20), on: deadlines)
    }
    for id in runningIDs {
      guard let moved = try? move(id, .cancel(by: nil)) else { continue }
      perform(id, moved)
    }
    let hardEnd = clock.monotonic + .seconds(6)
    while runningCount > 0, clock.monotonic < hardEnd {
      try? await clock.sleep(for: .milliseconds(20), on: deadlines)
    }
    phase.withLock { $0 = .stopped }
    commit(events: [event(.engine(.stopped), cause: "stopped")])
    releaseWaiters()
  }

  /// Calls that wait stay as they are, but nobody in this process will see their end.
  private func releaseWaiters() {
    var waiters: [OneShot<CallOutcome>] = []
    var sleepers: [OneShot<Bool>] = []
    table.forEachShard { shard in
      for live in shard.calls.values {
        waiters += live.waiters
        live.waiters = []
        if let sleeper = live.sleeper { sleepers.append(sleeper) }
      }
    }
    for waiter in waiters { waiter.resolve(.failure(Self.stoppedFirst)) }
    for sleeper in sleepers { sleeper.resolve(false) }
    slots.dismiss()
  }

  private var hasStopped: Bool { phase.withLock { $0 == .stopped } }

  private static let stoppedFirst = CallFailure(
    .engineStopped,
    "The engine stopped before this call ended.",
    isRetryable: true
  )

  private var runningCount: Int {
    var count = 0
    table.forEachShard {
      count += $0.counts[CallState.Word.running.index] + $0.counts[CallState.Word.stopping.index]
    }
    return count
  }

  private var runningIDs: [CallID] {
    var ids: [CallID] = []
    table.forEachShard { shard in
      for (id, live) in shard.calls {
        if case .running = live.call.state { ids.append(id) }
      }
    }
    return ids
  }
}

extension SystemRandomNumberGenerator {
  fileprivate var seed: UInt64 {
    var generator = self
    return generator.next()
  }
}

extension Call {
  /// Takes the secrets out of everything that is shown.
  mutating func redact(_ redactor: Redactor) {
    if attempts.isEmpty, let text = unparsed { unparsed = redactor.redact(text: text) }
    proposed?.redact(redactor.redact(_:))
    decided?.redact(redactor.redact(_:))
    lateResult?.redact(redactor.redact(_:))
    if case .result(var payload, let source) = outcome, !payload.isRedacted {
      payload.redact(redactor.redact(_:))
      outcome = .result(payload, source)
    }
  }

  func part(at step: Step? = nil, revision: Int? = nil) -> EngineEvent.CallPart {
    EngineEvent.CallPart(
      id: id,
      function: function,
      caller: caller.name,
      conversation: conversation,
      state: step?.state ?? state.word,
      attempt: step.map(\.attempt) ?? state.attempt,
      revision: revision ?? self.revision,
      link: link
    )
  }

  /// One event for each step of the history from `first` on.
  func events(after first: Int) -> [EngineEvent] {
    var events: [EngineEvent] = []
    events.reserveCapacity(history.count - first)
    for index in first..<history.count {
      let step = history[index]
      var event = EngineEvent(
        time: step.at,
        type: .call(step.state),
        call: part(at: step, revision: revision - (history.count - 1 - index)),
        cause: step.cause,
        by: step.by
      )
      switch step.state {
      case .awaitingApproval:
        event.rule = approval?.requirement.rule
        event.value = decided?.small
      case .running: event.value = decided?.small
      case .succeeded:
        event.source = outcome?.source
        event.value = outcome?.value?.small
      case .unknown, .backingOff: event.failure = firstFailure ?? attempts.last?.failure
      case .failed, .rejected, .denied, .expired, .cancelled: event.failure = outcome?.failure
      case .received, .approved, .queued, .stopping: break
      }
      events.append(event)
    }
    return events
  }
}

extension Payload {
  /// What is shown, where it is short enough to stand in an event: 2 kB.
  fileprivate var small: JSONValue? {
    shown.approximateBytes(upTo: 2048) <= 2048 ? shown : nil
  }
}
