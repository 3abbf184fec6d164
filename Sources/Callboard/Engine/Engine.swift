import Crypto
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
  private let current: Mutex<ConfigurationBox>
  public let clock: any EngineClock
  public let deadlines: DeadlineQueue
  /// Where its tasks run; nil: on the process's own threads.
  let executor: (any TaskExecutor)?
  let store: any Store
  let table: LiveTable
  let slots: SlotQueue
  let cache: ResultCache
  /// By name.
  public let models: [String: any Model]
  let conversations = ConversationTable()
  let runs = RunTable()
  /// Turns of models that are steps of runs, while they last.
  let conversationRuns = Mutex<[ConversationID: StepPlace]>([:])
  let waiting = WaitingIndex()
  let undoable = UndoIndex()
  let errors = ErrorGroups()
  let origins = OriginCache()
  private let ownRedactor: Mutex<Redactor>
  /// Who tells of changed definitions, by namespace.
  let followed = Mutex<[String: ObservationToken]>([:])
  /// Nil where originals of secrets go with this process.
  let sealer: Sealer?
  let digest: ApprovalDigest
  let twins: TwinIndex
  let grants = GrantBook()
  let log: Logger
  let watch: MoveWatch?
  private let observers = Observers()
  private let phase = Atomic<Phase>(.running)
  /// Running calls get no more time to finish.
  private let hurries = Atomic<Bool>(false)
  /// What waits for a store that fails, and not beyond the end of the engine.
  private let faultGates = Mutex<[ObjectIdentifier: OneShot<Void>]>([:])
  let unstored = UnstoredSteps()
  let presence = Presence()
  let attention = AttentionTable()
  let reports = ReportDesk()
  let departures = Departures()
  let begunConversations = BegunConversations()
  /// What is wrong with the store, for people.
  let storeState = Mutex<String?>(nil)
  /// What was found unfinished on the store.
  let taken = Mutex<TakenUp?>(nil)
  let hasStoreFault = Atomic<Bool>(false)
  /// The store will be tried by itself.
  let isProbing = Atomic<Bool>(false)

  enum Phase: UInt8, Sendable, AtomicRepresentable {
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
    sealer: Sealer? = nil,
    executor: (any TaskExecutor)? = nil,
    log: Logger = Logger(label: "callboard.engine") { _ in SwiftLogNoOpLogHandler() }
  ) {
    current = Mutex(ConfigurationBox(configuration))
    self.clock = clock
    self.deadlines = deadlines ?? DeadlineQueue(clock: clock)
    self.executor = executor
    self.store = store
    self.log = log
    watch = configuration.watch
    self.sealer = sealer
    digest = sealer?.digest ?? ApprovalDigest()
    twins = TwinIndex(key: sealer?.twinKey ?? SymmetricKey(size: .bits256))
    self.models = Dictionary(models.map { ($0.name, $0) }) { first, _ in first }
    let catalogue = Catalogue(
      functions: registry.functions,
      rules: configuration.rules,
      access: configuration.access,
      deciding: configuration.deciding,
      held: nil,
      grants: [],
      sources: Catalogue.Sources(
        providers: registry.providers,
        secrets: registry.secrets,
        secretValues: registry.secretValues
      )
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
    ownRedactor = Mutex(
      Redactor(fields: configuration.secrets, values: configuration.secretValues)
    )
    for notice in registry.notices { log.warning("\(notice)") }
    store.onNews { [weak self] news in self?.heard(news) }
    var first = [event(.engine(.started), cause: "started")]
    if let doubt = store.doubt {
      log.error("the audit log is not as it was written", metadata: ["found": "\(doubt)"])
      first.append(event(.engine(.auditBroken), cause: doubt))
    }
    commit(events: first)
    follow(registry.providers)
  }

  /// One reference, because it is asked for at every call.
  private final class ConfigurationBox: Sendable {
    let value: EngineConfiguration

    init(_ value: EngineConfiguration) { self.value = value }
  }

  public var configuration: EngineConfiguration { current.withLock { $0 }.value }

  /// For texts that belong to no function.
  var redactor: Redactor { ownRedactor.withLock { $0 } }

  /// Takes another configuration for what is asked from now on.
  ///
  /// Secrets of the one before are still hidden: what holds them may still be said.
  func replace(configuration: EngineConfiguration) {
    let before = self.configuration
    let box = ConfigurationBox(configuration)
    current.withLock { $0 = box }
    let redactor = Redactor(
      fields: configuration.secrets + before.secrets.filter { !configuration.secrets.contains($0) },
      values: configuration.secretValues
        + before.secretValues.filter { !configuration.secretValues.contains($0) }
    )
    ownRedactor.withLock { $0 = redactor }
    slots.update(limit: configuration.slots, bound: configuration.queue)
  }

  // MARK: - Asking for calls

  /// Runs one call down the whole road, on the caller's task, until it ends or waits for a person.
  public func submit(
    _ function: String,
    _ arguments: JSONValue,
    by caller: Principal
  ) async -> Submission {
    guard !isTooMuch(arguments) else {
      // Read as a text it is found to be too much, and said so.
      return await submit(function, text: arguments.serialized(), by: caller)
    }
    return await submit(makeCall(function, parsed: arguments, unparsed: nil, caller: caller))
  }

  /// The same with the text of the arguments, as a model or a person wrote it.
  public func submit(
    _ function: String,
    text: String,
    by caller: Principal
  ) async -> Submission {
    await submit(makeCall(function, text: text, caller: caller))
  }

  private func submit(_ call: consuming Call) async -> Submission {
    let id = call.id
    do throws(StoreFault) {
      let effect = try admit(consume call)
      if let outcome = await drive(id, effect) { return .finished(id, outcome) }
    } catch {
      // Nothing was stored, so nothing has happened: the caller hears why.
      return .finished(id, .failure(CallFailure(.storeFailed, "\(error)", isRetryable: true)))
    }
    // Another runner took over: a person cancelled or denied it, or it waits for one.
    let waits = table.withShard(of: id) { shard in
      shard.calls[id].map { $0.call.state.word.needsPerson || $0.call.state.word == .approved }
        ?? false
    }
    if waits { return .pending(id) }
    let outcome = await outcome(of: id) ?? withdrawn(id)
    return .finished(id, outcome ?? .failure(Self.forgotten))
  }

  /// It ended while nobody looked, and so many calls have ended since that it is not kept.
  private static let forgotten = CallFailure(
    .internalFault,
    "The call has ended, and its outcome is kept no longer.",
    reach: .maybe
  )

  /// Waits for the end of a call, through approvals and unknown outcomes, and returns what whoever asked for it hears; nil
  /// when no such call is kept.
  public func outcome(of id: CallID) async -> CallOutcome? {
    let waiter = OneShot<CallOutcome>()
    let isLive = table.withShard(of: id) { shard in
      // Asked under the lock: whoever stops the engine takes it afterwards, and finds this waiter.
      guard let live = shard.calls[id] else { return false }
      if hasStopped { waiter.resolve(.failure(stopped(before: live))) }
      live.waiters.append(waiter)
      return true
    }
    guard isLive else { return store.call(id)?.heard }
    return await waiter.value
  }

  /// What a caller's model would be offered.
  public func offers(to caller: Principal) throws(ConfigurationMistake) -> [ToolOffer] {
    try table.catalogue.offers(to: caller)
  }

  // MARK: - Making calls

  /// Whether arguments are longer, or nested deeper, than they may be.
  func isTooMuch(_ arguments: JSONValue) -> Bool {
    arguments.isDeeper(than: Limit.depth.value)
      || arguments.isLonger(than: configuration.maxArgumentBytes)
  }

  var argumentOptions: JSONParsingOptions {
    var options = JSONParsingOptions.arguments
    options.maximumBytes = configuration.maxArgumentBytes
    options.maximumDepth = Limit.depth.value
    return options
  }

  /// A call whose arguments are a text, as a model or a person wrote it.
  ///
  /// Where it can't be read, why is kept with it: the text itself will be cut.
  func makeCall(
    _ function: String,
    text: String,
    caller: Principal,
    conversation: ConversationID? = nil,
    turn: Int? = nil,
    modelCallID: String? = nil
  ) -> Call {
    var parsed: JSONValue?
    var unreadable: String?
    do {
      parsed = try JSONValue(parsing: text, options: argumentOptions)
    } catch {
      let (bytes, limit) = (text.utf8.count, configuration.maxArgumentBytes)
      unreadable =
        bytes > limit
        ? "The arguments have \(bytes) bytes, more than the \(limit) arguments may have."
        : "The arguments are not valid JSON: \(error)"
    }
    var call = makeCall(
      function,
      parsed: parsed,
      unparsed: parsed == nil ? text : nil,
      caller: caller,
      conversation: conversation,
      turn: turn,
      modelCallID: modelCallID
    )
    if let unreadable { call.unreadable = unreadable }
    return call
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
    id: CallID? = nil,
    step: StepPlace? = nil
  ) -> Call {
    let now = clock.now
    let (fresh, keyUUID) = newUUIDs(now)
    let catalogue = table.withShard(of: CallID(fresh)) { $0.catalogue }
    return Call(
      Call.Origin(
        id: id ?? CallID(fresh),
        function: catalogue.named(onTheWire: function)?.name
          ?? shown(name: function, in: conversation),
        caller: caller,
        conversation: conversation,
        turn: turn,
        modelCallID: modelCallID.map { shown(name: $0, in: conversation) },
        link: link,
        requestedBy: requestedBy,
        receivedAt: now,
        idempotencyKey: key.map(IdempotencyKey.given) ?? .made(keyUUID),
        step: step
      ),
      proposed: parsed,
      unparsed: unparsed
    )
  }

  /// The same, without what the conversation knows to be secret.
  private func shown(name: String, in conversation: ConversationID?) -> String {
    let known = conversation.flatMap { id in conversations.withLive(id) { $0.secrets.known } }
    return shown(name: known?.hiding(in: name) ?? name)
  }

  /// A name that a model made up, without secrets, and not longer than any name is.
  func shown(name: String) -> String {
    let safe = redactor.redact(said: name)
    let limit = Limit.name.value
    return safe.count > limit ? safe.prefix(limit - 1) + "…" : safe
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
  ///
  /// `stands`: the step counts whatever becomes of its commit.
  func move(_ id: CallID, _ event: CallEvent, stands: Bool = false) throws -> Move {
    try table.withShard(of: id) { shard in
      guard let live = shard.calls[id] else {
        throw IllegalMove(state: store.call(id)?.state.word ?? .cancelled, event: event.name)
      }
      return try move(live, event, stands: stands, in: &shard)
    }
  }

  /// `starts`: as in `decide`.
  func move(
    _ live: LiveTable.LiveCall,
    _ event: CallEvent,
    stands: Bool = false,
    starts: Bool = false,
    in shard: inout LiveTable.Shard
  ) throws
    -> Move
  {
    let before = live.record
    var next = live.call
    let transition = try decide(
      &next,
      event,
      traits(of: live, for: event, in: shard.catalogue),
      starts: starts,
      using: &shard.generator
    )
    do throws(StoreFault) {
      try commit(
        next,
        as: live,
        function: live.function,
        secrets: live.secrets,
        keeps: event.unstored == .kept,
        twin: live.twinKey,
        revocable: !stands && transition.isDurable && event.isRevocable,
        awaited: transition.isDurable,
        in: &shard
      )
    } catch {
      noteUnstored(live.call.id, event, transition.effect)
      throw error
    }
    if before.call.approval != nil { releaseGrants(of: before.call, keptBy: live.call) }
    return Move(transition: transition, ticket: live.ticket, state: live.call.state)
  }

  /// Redacts the call and stores it, with one event for each new step; a call without an entry gets one.
  ///
  /// The only place where calls are stored. A step that can't be stored did not happen, but for those that the call
  /// `keeps` in memory, because they have happened elsewhere. One that is `revocable` did not happen either where the
  /// store finds out late that it can't store it. One that is `awaited` is on disk before anything follows from it.
  @discardableResult
  func commit(
    _ next: consuming Call,
    as known: LiveTable.LiveCall?,
    function: RegisteredFunction?,
    secrets: SharedSecrets?,
    keeps: Bool,
    twin: TwinKey?,
    revocable: Bool,
    awaited: Bool,
    in shard: inout LiveTable.Shard
  ) throws(StoreFault) -> LiveTable.LiveCall {
    next.redact(function?.redactor ?? redactor, secrets)
    let record = CallRecord(next)
    let change = CallChange(
      record.withoutOriginals,
      stored: known?.committed ?? 0,
      sealed: sealer?.seal(record.call),
      twin: twin
    )
    let ticket: CommitTicket
    do {
      ticket = try store.commit(
        StoreChange(calls: [change], isRevocable: revocable, isAwaited: awaited)
      )
    } catch {
      storeFailed(error)
      if keeps { known?.record = record }
      throw error
    }
    storeWorks()
    let live = known ?? LiveTable.LiveCall(record, function: function, secrets: secrets)
    if ticket.isPending {
      if revocable {
        live.revocable.append(
          LiveTable.Revocable(
            steps: record.call.history.count,
            before: known?.record,
            committed: live.committed
          )
        )
      }
      if awaited || ticket.isPressing { live.owed = ticket }
    }
    live.committed = record.call.history.count
    live.ticket = ticket
    show(record, of: live, in: &shard)
    observers.changed()
    return live
  }

  /// Makes a record the one that a live call has, and counts it by its state.
  func show(
    _ record: CallRecord,
    of live: LiveTable.LiveCall,
    in shard: inout LiveTable.Shard
  ) {
    let before = live.counted
    let now = record.call.state.word
    live.record = record
    if live.hasPlace {
      if case .queued(_, nil) = record.call.state {} else { leavePlace(live) }
    }
    shard.count(live, as: now)
    if before?.needsPerson == true || now.needsPerson { waiting.update(record.call, from: before) }
    if before == .approved || now == .approved { undoable.update(record.call) }
    if now.needsPerson, before != now { beginAttention(record.call, in: shard.catalogue) }
    if now == .unknown, before != .unknown { becameUnknown(live, in: &shard) }
  }

  private func leavePlace(_ live: LiveTable.LiveCall) {
    live.hasPlace = false
    slots.leavePlace()
  }

  /// Counts a call that has ended, once that can't be taken back.
  private func ended(_ live: LiveTable.LiveCall, in shard: inout LiveTable.Shard) {
    let word = live.call.state.word
    let failure = live.call.outcome?.failure
    let source = live.call.outcome?.source
    let isError = live.call.endedInError
    let hasRun = !live.call.attempts.isEmpty
    let endedAt = live.call.endedAt
    let seconds = hasRun || source != nil ? live.call.duration : nil
    shard.series.record(at: clock.monotonic, seconds: seconds, isError: isError)
    shard.total += 1
    let isCached = live.cacheKey != nil
    let isCounted = live.call.history.contains { $0.state == .unknown }
    live.function?.runtime.count { counters in
      if !isCounted { counters.calls += 1 }
      if isError { counters.errors += 1 }
      if let seconds { counters.latency.record(seconds: seconds) }
      if word == .succeeded { counters.lastSuccess = endedAt }
      // What never left says nothing of the other side.
      if isError, hasRun, let failure {
        counters.lastFailure = (endedAt ?? clock.now, failure.message)
      }
      switch source {
      case .hit, .shared:
        counters.cacheHits += 1
        counters.cacheLookups += 1
      case .attempt, .degraded, .settled, .rerun, nil:
        if isCached, hasRun { counters.cacheLookups += 1 }
      }
    }
    if let failure, isError {
      errors.record(
        failure,
        call: live.call,
        heard: ModelAnswer.text(for: live.call.withoutOriginals),
        at: clock.now,
        monotonic: clock.monotonic
      )
    }
  }

  private func becameUnknown(_ live: LiveTable.LiveCall, in shard: inout LiveTable.Shard) {
    let failure = CallFailure(
      .outcomeUnknown,
      live.call.firstFailure?.message ?? "Its outcome is unknown.",
      reach: .maybe
    )
    let monotonic = clock.monotonic
    shard.series.recordError(at: monotonic)
    live.function?.runtime.count {
      $0.calls += 1
      $0.errors += 1
      $0.lastFailure = (clock.now, failure.message)
    }
    errors.record(
      failure,
      call: live.call,
      heard: ModelAnswer.text(for: live.call.withoutOriginals),
      at: clock.now,
      monotonic: clock.monotonic
    )
  }

  /// What hung on a call that has ended.
  private struct Finished: Sendable {
    var record: CallRecord
    var waiters: [OneShot<CallOutcome>]
    var deadline: DeadlineQueue.Token?
    var sleeper: OneShot<Bool>?
    var key: ResultCache.Key?
    var isLeading: Bool
    var isInLine: Bool
  }

  /// Ends what hangs on a call that has ended: its waiters, its place in the line, its sleep, its flight, its
  /// conversation, the calls linked to it.
  ///
  /// Returns its outcome, or nil when somebody else has done all that.
  @discardableResult
  func finish(_ id: CallID) -> CallOutcome? {
    let finished: Finished? = table.withShard(of: id) { shard in
      guard let live = shard.calls[id], live.call.state.isEnded else { return nil }
      shard.calls[id] = nil
      leaveTwins(live)
      ended(live, in: &shard)
      return Finished(
        record: live.record,
        waiters: live.waiters,
        deadline: live.deadline,
        sleeper: live.sleeper,
        key: live.cacheKey,
        isLeading: live.isLeading,
        isInLine: live.isInLine
      )
    }
    guard let finished, let outcome = finished.record.call.outcome else { return nil }
    let record = finished.record
    if let token = finished.deadline { deadlines.cancel(token) }
    finished.sleeper?.resolve(false)
    if finished.isInLine { slots.leave(id, function: record.call.function) }
    if let key = finished.key {
      if finished.isLeading {
        cache.land(key, leader: id, .otherwise, now: clock.monotonic)
      }
      cache.leave(key, id)
    }
    for waiter in finished.waiters { waiter.resolve(record.call.heard ?? outcome) }
    switch record.call.link {
    case .fallback(let parent): childEnded(id, outcome, parent: parent)
    case .settles(let unknown): rerunEnded(id, outcome, of: unknown)
    case .again, .checks, nil: break
    }
    if let rerun = record.call.rerun { cancelIfNotStarted(rerun) }
    if record.call.conversation != nil { conversationCallEnded(record.call) }
    if let step = record.call.step { stepEnded(record.call, of: step) }
    return outcome
  }

  func childEnded(_ child: CallID, _ outcome: CallOutcome, parent: CallID) {
    guard let moved = try? move(parent, .childEnded(child, outcome)) else { return }
    perform(parent, moved)
  }

  func rerunEnded(_ id: CallID, _ outcome: CallOutcome, of unknown: CallID) {
    guard let moved = try? move(unknown, .rerunEnded(id, outcome)) else { return }
    perform(unknown, moved)
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

  /// Stores events, and with them what people have set; where the store fails they are stored when it works again.
  @discardableResult
  func commit(events: [EngineEvent], settings: [String: JSONValue] = [:]) -> CommitTicket {
    defer { observers.changed() }
    do throws(StoreFault) {
      let ticket = try store.commit(StoreChange(events: events, settings: settings))
      storeWorks()
      return ticket
    } catch {
      storeFailed(error)
      unstored.keep(events, settings: settings)
      comeBack()
      return .done
    }
  }

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

  var isStopping: Bool { phase.load(ordering: .acquiring) != .running }

  /// Whether a call lives that would be lost with this process.
  public var liveCalls: Int {
    var count = 0
    table.forEachShard { count += $0.calls.count }
    return count
  }

  /// How long running calls have to finish when the engine stops.
  public struct Patience: Sendable, Hashable {
    public var time: Duration

    public init(_ time: Duration) { self.time = time }

    public static let whole = Patience(.seconds(10))
    public static let zero = Patience(.zero)
  }

  /// Stops in order: new calls are rejected, running ones get time to finish and are then stopped.
  ///
  /// A `write` that was stopped is unknown; what may be repeated backs off, for whoever starts on this store again.
  public func stop(patience: Patience = .whole) async {
    let isFirst = phase.compareExchange(
      expected: .running,
      desired: .stopping,
      ordering: .sequentiallyConsistent
    ).exchanged
    guard isFirst else { return }
    slots.close()
    commit(events: [event(.engine(.stopping), cause: "stopping")])
    stopConversations()
    let start = clock.monotonic
    while !hurries.load(ordering: .relaxed) {
      guard isAnythingRunning, clock.monotonic < start + patience.time else { break }
      try? await clock.sleep(for: .milliseconds(20), on: deadlines)
    }
    // Attempts that their calls have given up are told to stop too: no program outlives this process.
    let hardEnd = clock.monotonic + .seconds(6)
    var told: Set<CallID> = []
    while clock.monotonic < hardEnd {
      let running = attemptsUnderWay
      guard !running.isEmpty || slots.running > 0 else { break }
      for (id, attempt) in running where !told.contains(id) && stopAttempt(id, attempt) {
        told.insert(id)
      }
      try? await clock.sleep(for: .milliseconds(20), on: deadlines)
    }
    await tellOfEnds()
    phase.store(.stopped, ordering: .sequentiallyConsistent)
    commit(events: [event(.engine(.stopped), cause: "stopped")])
    releaseWaiters()
  }

  /// What has ended is told once it is on disk; while the store fails nobody waits for that.
  private func tellOfEnds() async {
    var ended: [(CallID, CommitTicket)] = []
    table.forEachShard { shard in
      for (id, live) in shard.calls where live.call.state.isEnded && live.isStored {
        ended.append((id, live.owed ?? live.ticket))
      }
    }
    for (id, ticket) in ended where await ticket.fault() == nil { finish(id) }
  }

  /// Gives what runs no more time, where the engine is stopping: somebody asked again.
  public func hurry() { hurries.store(true, ordering: .relaxed) }

  /// Calls that wait stay as they are, but nobody in this process will see their end.
  private func releaseWaiters() {
    var waiters: [(OneShot<CallOutcome>, CallFailure)] = []
    var sleepers: [OneShot<Bool>] = []
    table.forEachShard { shard in
      for live in shard.calls.values {
        let failure = stopped(before: live)
        waiters += live.waiters.map { ($0, failure) }
        live.waiters = []
        if let sleeper = live.sleeper { sleepers.append(sleeper) }
      }
    }
    for (waiter, failure) in waiters { waiter.resolve(.failure(failure)) }
    for gate in faultGates.withLock({ Array($0.values) }) { gate.resolve(()) }
    releaseConversationWaiters()
    releaseRunWaiters()
    for sleeper in sleepers { sleeper.resolve(false) }
    slots.dismiss()
  }

  /// Waits until a commit is on disk, also through a fault of the store; false where the engine has stopped before that.
  ///
  /// Throws when the commit was withdrawn.
  func isDurable(_ ticket: CommitTicket) async throws(StoreFault) -> Bool {
    // Nothing but a fault makes it last.
    guard await ticket.fault() != nil else { return true }
    if let withdrawal = ticket.withdrawal { throw withdrawal }
    let gate = OneShot<Void>()
    let key = ObjectIdentifier(gate)
    faultGates.withLock { $0[key] = gate }
    defer { _ = faultGates.withLock { $0.removeValue(forKey: key) } }
    // Asked after it is there: whoever stops the engine finds it, or is seen.
    if hasStopped { return false }
    let waiting = Task(executorPreference: executor) { () async -> StoreFault? in
      defer { gate.resolve(()) }
      do throws(StoreFault) {
        try await ticket.durable()
        return nil
      } catch {
        return error
      }
    }
    await gate.value
    guard !hasStopped else { return false }
    if let fault = await waiting.value { throw fault }
    return true
  }

  var hasStopped: Bool { phase.load(ordering: .sequentiallyConsistent) == .stopped }

  /// What whoever waits for a call hears when the engine stops before its end is on disk.
  private func stopped(before live: LiveTable.LiveCall) -> CallFailure {
    let call = live.call
    if live.isWriteWithoutWord || call.state.word == .unknown
      || call.state.word.isRunning && live.traits.effect == .write
    {
      return CallFailure(
        .outcomeUnknown,
        call.state.isEnded
          ? "It ended while the store failed, and what came of it is not stored. Do not repeat it."
          : "The engine stopped before this call ended, and it may have been done. Do not repeat it.",
        reach: .maybe
      )
    }
    let reach = call.attempts.last.map { $0.failure?.reach ?? .maybe } ?? .notSent
    guard store.isLasting, call.goesOnAfterRestart else {
      return CallFailure(
        .engineStopped,
        "The engine stopped before this call ended.",
        reach: reach,
        isRetryable: true
      )
    }
    return CallFailure(
      .engineStopped,
      "The engine stopped. The call waits on, and goes on when callboard is started on its store again; don't ask for it a second time.",
      reach: reach
    )
  }

  private var isAnythingRunning: Bool {
    var count = 0
    table.forEachShard {
      count += $0.counts[CallState.Word.running.index] + $0.counts[CallState.Word.stopping.index]
    }
    return count > 0
  }

  /// Not those whose fallback runs: that is a call of its own.
  private var attemptsUnderWay: [(CallID, attempt: Int)] {
    var running: [(CallID, attempt: Int)] = []
    table.forEachShard { shard in
      for (id, live) in shard.calls {
        switch live.call.state {
        case .running(let attempt, nil), .stopping(let attempt, nil): running.append((id, attempt))
        case .received, .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff,
          .unknown, .succeeded, .failed, .rejected, .denied, .expired, .cancelled:
          break
        }
      }
    }
    return running
  }
}

extension SystemRandomNumberGenerator {
  fileprivate var seed: UInt64 {
    var generator = self
    return generator.next()
  }
}

extension Call {
  /// Everything of it that may hold secrets.
  var payloads: [Payload] { [proposed, decided, lateResult, outcome?.value].compactMap { $0 } }

  func part() -> EngineEvent.CallPart {
    EngineEvent.CallPart(
      origin.value,
      state: state.word,
      attempt: state.attempt,
      revision: revision
    )
  }
}
