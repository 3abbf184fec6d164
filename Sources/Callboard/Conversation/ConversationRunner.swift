import Foundation
import JSONSchema
import Synchronization

/// What a conversation begins with.
public struct ConversationRequest: Sendable {
  public var title: String
  public var caller: Principal
  /// Name of the model in the configuration.
  public var model: String
  public var system: String?
  /// What the person or program says first; several messages are one after the other.
  public var messages: [String]
  public var setup: Conversation.Setup
  /// nil: the engine's own.
  public var limits: ConversationLimits?

  public init(
    title: String,
    caller: Principal,
    model: String,
    system: String? = nil,
    messages: [String],
    setup: Conversation.Setup = Conversation.Setup(),
    limits: ConversationLimits? = nil
  ) {
    self.title = title
    self.caller = caller
    self.model = model
    self.system = system
    self.messages = messages
    self.setup = setup
    self.limits = limits
  }
}

/// The conversations that live now, each behind the table's lock.
final class ConversationTable: Sendable {
  final class Live {
    var conversation: Conversation
    let model: any Model
    /// Transcript as the model hears it: with originals, and only in memory.
    var heard: [Message] = []
    var writing = ""
    /// A turn is under way: a resume does not ask for a second one.
    var isAsking = false
    var turn: Task<Void, Never>?
    /// How often the model was asked: tells one turn from the next.
    var asks = 0
    /// Ends its time while the model takes its turn.
    var turnTimer: DeadlineQueue.Token?
    /// Ends its time while its calls run.
    var timer: DeadlineQueue.Token?
    /// What is shown and stored of the conversation's `answers` and `pending`, each redacted once.
    var shownAnswers: [CallID: String] = [:]
    var shownPending: [Message] = []
    /// What its messages and calls hide: a model or a person may repeat it in words, and another call bring it.
    let secrets = SharedSecrets(KnownSecrets())
    /// Originals of messages that are not sealed in the store yet, by their place in the transcript.
    var unsealed: [Int: Message] = [:]
    /// The last commit.
    var ticket = CommitTicket.done
    var waiters: [OneShot<Conversation>] = []

    init(_ conversation: Conversation, model: any Model) {
      self.conversation = conversation
      self.model = model
    }

    /// The model's turn is over; the timer of it is to be cancelled.
    func endTurn() -> DeadlineQueue.Token? {
      isAsking = false
      defer { turnTimer = nil }
      return turnTimer
    }
  }

  /// Bounds what is kept of a turn while it is written.
  static let writingLimit = Limit.writing.value

  private let lives = Mutex<[ConversationID: Live]>([:])

  func withLive<Result: Sendable>(
    _ id: ConversationID,
    _ body: (Live) throws -> Result
  ) rethrows -> Result? {
    try lives.withLock { lives in
      guard let live = lives[id] else { return nil }
      return try body(live)
    }
  }

  func insert(_ conversation: Conversation, model: any Model) {
    lives.withLock { $0[conversation.id] = Live(conversation, model: model) }
  }

  /// Those that have not ended.
  var live: [Conversation] {
    lives.withLock { lives in
      lives.values.map(\.conversation).filter(\.state.word.isLive)
    }
  }

  /// Conversations that ended stay for a person's message, the last of them.
  func trim() {
    lives.withLock { lives in
      let ended = lives.values.filter { !$0.conversation.state.word.isLive && $0.waiters.isEmpty }
      let kept = Limit.keptConversations.value
      guard ended.count > kept else { return }
      let oldest = ended.sorted { $0.conversation.lastActivity < $1.conversation.lastActivity }
      for live in oldest.prefix(ended.count - kept) { lives[live.conversation.id] = nil }
    }
  }

  var liveCount: Int {
    lives.withLock { lives in lives.values.count { $0.conversation.state.word.isLive } }
  }

  var liveIDs: [ConversationID] {
    lives.withLock { lives in
      lives.values.filter { $0.conversation.state.word.isLive }.map(\.conversation.id)
    }
  }

  func writers(of id: ConversationID) -> [Principal] {
    withLive(id) { $0.conversation.writers } ?? []
  }
}

/// Runs conversations: asks the model, turns its calls into calls of the engine, and gives it their answers.
extension Engine {
  /// Starts a conversation.
  ///
  /// Throws when its model does not exist or too many functions are on.
  public func start(_ request: ConversationRequest) throws(ConfigurationMistake) -> ConversationID {
    guard let model = models[request.model] else {
      let near =
        nearest(to: request.model, among: models.keys).map { "; did you mean \($0)?" } ?? ""
      throw ConfigurationMistake(
        path: "model",
        message: "there is no model \(request.model)" + near
      )
    }
    return try start(request, model: model)
  }

  /// Starts a conversation with a model of its own, such as a script.
  public func start(
    _ request: ConversationRequest,
    model: any Model
  ) throws(ConfigurationMistake) -> ConversationID {
    let id = ConversationID(newUUIDs(clock.now).0)
    try start(request, model: model, id: id, secrets: KnownSecrets())
    return id
  }

  /// Starts it under an id that somebody waits for; `secrets` are hidden in it from the start.
  func start(
    _ request: ConversationRequest,
    model: any Model,
    id: ConversationID,
    secrets: KnownSecrets
  ) throws(ConfigurationMistake) {
    _ = try table.catalogue.offers(to: request.caller)
    guard conversations.liveCount < configuration.conversations else {
      throw ConfigurationMistake(
        path: "",
        message:
          "\(configuration.conversations) conversations live already; stop some, or raise limits.conversations"
      )
    }
    for text in request.messages + [request.system ?? ""] {
      guard let refusal = refusal(ofMessage: text) else { continue }
      throw ConfigurationMistake(path: "messages", message: refusal)
    }
    let now = clock.now
    var setup = request.setup
    setup.plan = setup.plan.map(redactor.redact(said:))
    var conversation = Conversation(
      id: id,
      title: redactor.redact(said: request.title),
      caller: request.caller,
      model: model.name,
      startedAt: now,
      limits: request.limits ?? configuration.conversationLimits,
      setup: setup
    )
    conversation.busySince = now
    conversations.insert(conversation, model: model)
    let opening =
      (request.system.map { [Message(.system, $0)] } ?? [])
      + request.messages.map { Message(.user, $0, author: request.caller.name) }
    conversations.withLive(id) { live in
      live.secrets.note(secrets.texts)
      for message in opening {
        live.conversation.append(message, at: now)
      }
      hear(live, from: 0)
      store(
        live,
        [event(.conversation(.thinking), conversation: id, cause: "started")],
        settings: setup.plan.map { noting(id, asBegun: $0) } ?? [:]
      )
    }
    askModel(id)
  }

  /// Why a message is too long to be taken; nil where it is not.
  private func refusal(ofMessage text: String) -> String? {
    let limit = configuration.maxMessageBytes
    guard text.utf8.count > limit else { return nil }
    return "a message of \(text.utf8.count) bytes is longer than the \(limit) it may have"
  }

  /// Waits for the end of a conversation; nil when there is none.
  public func ended(_ id: ConversationID) async -> Conversation? {
    let waiter = OneShot<Conversation>()
    let known: Bool? = conversations.withLive(id) { live in
      // Asked under the lock: whoever stops the engine takes it afterwards, and finds this waiter.
      if live.conversation.state.word.isLive, !hasStopped {
        live.waiters.append(waiter)
      } else {
        waiter.resolve(live.conversation)
      }
      return true
    }
    guard known != nil else { return store.conversation(id) }
    return await waiter.value
  }

  // MARK: - Moving conversations

  private func redacted(_ message: Message, _ live: ConversationTable.Live) -> Message {
    let known = live.secrets.known
    func hiding(_ text: String) -> String { known.hiding(in: text) ?? text }
    var safe = message
    safe.text = message.text.map { hiding(redactor.redact(said: $0)) }
    safe.answers = message.answers.map { hiding(shown(name: $0)) }
    for index in safe.calls.indices {
      let asked = message.calls[index]
      let redactor = table.catalogue.named(onTheWire: asked.wireName)?.redactor ?? redactor
      safe.calls[index].id = hiding(shown(name: asked.id))
      safe.calls[index].wireName = hiding(shown(name: asked.wireName))
      if let parsed = try? JSONValue(parsing: asked.arguments, options: .arguments) {
        let clean = redactor.redact(parsed)
        if let clean = known.hiding(in: clean ?? parsed) ?? clean {
          safe.calls[index].arguments = clean.serialized()
        }
      } else {
        safe.calls[index].arguments = hiding(redactor.redact(unparsed: asked.arguments))
      }
    }
    return safe
  }

  /// Stores a conversation, and with it the calls of a turn; false when that must wait for the store.
  @discardableResult
  private func store(
    _ live: ConversationTable.Live,
    calls: [Call] = [],
    cause: String,
    by person: String? = nil
  ) -> Bool {
    let event = event(
      .conversation(live.conversation.state.word),
      conversation: live.conversation.id,
      cause: cause,
      by: person
    )
    return store(live, calls: calls, [event])
  }

  @discardableResult
  private func store(
    _ live: ConversationTable.Live,
    calls: [Call] = [],
    _ events: [EngineEvent],
    settings: [String: JSONValue] = [:]
  ) -> Bool {
    defer { changed() }
    let shown = shown(live)
    do throws(StoreFault) {
      live.ticket = try store.commit(
        StoreChange(
          calls: calls.map {
            CallChange(CallRecord($0).withoutOriginals, stored: 0, sealed: sealer?.seal($0))
          },
          conversation: shown,
          events: events,
          settings: settings
        )
      )
      live.unsealed = [:]
    } catch {
      storeFailed(error)
      unstored.keep(live.conversation.id, events)
      unstored.keep([], settings: settings)
      comeBack()
      return false
    }
    storeWorks()
    return true
  }

  /// A conversation without the secrets in what the model has not heard yet; these, and those of messages that are
  /// not stored yet, sealed.
  private func shown(_ live: ConversationTable.Live) -> ConversationChange {
    if live.conversation.answers.isEmpty { live.shownAnswers = [:] }
    if live.conversation.pending.count < live.shownPending.count { live.shownPending = [] }
    live.shownPending += live.conversation.pending.dropFirst(live.shownPending.count).map {
      redacted($0, live)
    }
    var shown = live.conversation
    shown.answers = live.shownAnswers
    shown.pending = live.shownPending
    guard let sealer else { return ConversationChange(shown) }
    let id = shown.id
    let hides =
      shown.answers != live.conversation.answers
      || shown.pending != live.conversation.pending
    let rest = Sealer.Rest(pending: live.conversation.pending, answers: live.conversation.answers)
    var sealed: [Int: [UInt8]] = [:]
    for (index, message) in live.unsealed { sealed[index] = sealer.seal(message, index, of: id) }
    return ConversationChange(
      shown,
      sealedMessages: sealed,
      sealedRest: hides ? sealer.seal(rest, of: id) : nil
    )
  }

  /// Stores what a conversation has become while the store could not write, and goes on with it.
  func recover(_ id: ConversationID, _ talk: UnstoredSteps.Talk) {
    let isStored = conversations.withLive(id) { store($0, talk.events) }
    if isStored == false {
      unstored.keep(id, [], then: talk.effect)
    } else {
      perform(id, talk.effect)
    }
  }

  func move(
    _ id: ConversationID,
    _ event: ConversationEvent,
    cause: String,
    by person: String? = nil,
    about call: Call? = nil
  ) throws -> ConversationEffect {
    // Not under the lock of all conversations: an answer may be large.
    let shownAnswer = call.map { ModelAnswer.text(for: $0.withoutOriginals) }
    let secrets = call.map { $0.payloads.flatMap(Redactor.secrets(of:)) } ?? []
    let effect = try conversations.withLive(id) { live -> ConversationEffect in
      let known = live.conversation.messages.count
      let effect = try live.conversation.handle(event, now: clock.now)
      live.secrets.note(secrets)
      switch event {
      case .callEnded(let id, _, _, _): live.shownAnswers[id] = shownAnswer
      case .news(var message, _):
        message.text = call.map { Self.news(of: $0, shownAnswer ?? "") }
        live.shownPending.append(redacted(message, live))
      case .turnTaken, .modelFailed, .limitReached, .stop, .pause, .resume, .message,
        .awaitsNews:
        break
      }
      hear(live, from: known)
      store(live, cause: cause, by: person)
      return effect
    }
    guard let effect else { throw IllegalConversationMove(state: .finished) }
    if effect != .none { setTimer(nil, of: id) }
    perform(id, effect)
    return effect
  }

  /// What goes into the transcript is heard as it is, and shown and stored redacted.
  private func hear(_ live: ConversationTable.Live, from known: Int) {
    var waiting = live.shownPending[...]
    for index in live.conversation.messages.indices.dropFirst(known) {
      let entry = live.conversation.messages[index]
      live.heard.append(entry.message)
      switch entry.message.role {
      case .tool:
        var shown = redacted(Message(.tool, nil, answers: entry.message.answers), live)
        shown.text =
          entry.calls.first.flatMap { live.shownAnswers[$0] }
          ?? entry.message.text.map(redactor.redact(said:))
        live.conversation.messages[index].message = shown
      // What was said while calls ran is shown as it was then.
      case .user:
        live.conversation.messages[index].message =
          waiting.popFirst() ?? redacted(entry.message, live)
      case .system, .assistant:
        live.conversation.messages[index].message = redacted(entry.message, live)
      }
      if live.conversation.messages[index].message != entry.message {
        live.secrets.note(
          Redactor.secrets(of: entry.message, shown: live.conversation.messages[index].message)
        )
        live.unsealed[index] = entry.message
      }
    }
  }

  private func perform(_ id: ConversationID, _ effect: ConversationEffect) {
    switch effect {
    case .none: break
    case .askModel: askModel(id)
    case .admit(let calls):
      admitAll(calls)
      watchTime(id)
    case .cancel(let calls, let person):
      cancelTurn(of: id)
      for call in calls { cancel(call, by: person) }
      conversationEnded(id)
    case .ended: conversationEnded(id)
    }
  }

  private func cancelTurn(of id: ConversationID) {
    // Not under the lock: what a model does when it is cancelled may ask for its conversation.
    let turn = conversations.withLive(id) { $0.turn } ?? nil
    turn?.cancel()
  }

  private func conversationEnded(_ id: ConversationID) {
    let ended = conversations.withLive(id) { live -> ([OneShot<Conversation>], Conversation) in
      defer { live.waiters = [] }
      live.writing = ""
      return (live.waiters, live.conversation)
    }
    guard let ended else { return }
    for waiter in ended.0 { waiter.resolve(ended.1) }
    tellConversationEnd(id)
    conversations.trim()
  }

  func askModel(_ id: ConversationID) {
    let now = clock.now
    let limit = conversations.withLive(id) { $0.conversation.limitReached(at: now) } ?? nil
    if let limit { return reachLimit(id, limit) }
    // The stopping engine has paused the others: this one was started, or resumed, since.
    guard !isStopping else { return }
    let ask = conversations.withLive(id) { live -> Int? in
      guard !live.isAsking else { return nil }
      live.isAsking = true
      live.asks += 1
      return live.asks
    }
    guard let ask = ask ?? nil else { return }
    let turn = Task(executorPreference: executor) { [self] in await takeTurn(id, ask: ask) }
    let isLive = conversations.withLive(id) { live in
      if live.asks == ask { live.turn = turn }
      return live.conversation.state.word.isLive
    }
    // A stop may have come between the move and here.
    if isLive != true { turn.cancel() }
  }

  private func reachLimit(_ id: ConversationID, _ why: String, cause: String? = nil) {
    _ = try? move(id, .limitReached(why), cause: cause ?? Conversation.limitPrefix + why)
  }

  private func takeTurn(_ id: ConversationID, ask: Int) async {
    let asked = conversations.withLive(id) { live -> (any Model, ModelRequest, Principal)? in
      guard case .thinking = live.conversation.state else {
        // In one step with the look: a resume after it asks anew.
        live.isAsking = false
        return nil
      }
      live.writing = ""
      let request = ModelRequest(
        conversation: id,
        turn: live.conversation.turns + 1,
        messages: live.heard,
        toolChoice: live.heard.last?.role == .tool
          ? live.conversation.setup.toolChoiceAfter : live.conversation.setup.toolChoice,
        parallelToolCalls: live.conversation.setup.parallelToolCalls
      )
      return (live.model, request, live.conversation.caller)
    }
    guard let asked, let (model, request, caller) = asked else { return }
    var offered = request
    do {
      offered.tools = try table.catalogue.offers(to: caller)
    } catch {
      conversations.withLive(id) { $0.isAsking = false }
      _ = try? move(
        id,
        .modelFailed(ModelFailure(.badRequest, error.message)),
        cause: error.message
      )
      return
    }
    watchTurn(id, ask: ask)
    do throws(ModelFailure) {
      let turn = try await model.respond(to: offered) { [weak self] delta in
        self?.heard(delta, in: id)
      }
      let bytes = Message(.assistant, turn.text ?? turn.refusal, calls: turn.calls).bytes
      guard bytes <= configuration.maxAnswerBytes else {
        throw ModelFailure(
          .brokenAnswer,
          "model \(model.name) answered with \(bytes) bytes, more than the \(configuration.maxAnswerBytes) an answer may have"
        )
      }
      await turnTaken(turn, in: id, caller: caller)
    } catch {
      let timer = conversations.withLive(id) { $0.endTurn() }
      if let timer = timer ?? nil { deadlines.cancel(timer) }
      // The engine stops: the conversation stays as it is, for its restart.
      if isStopping, Task.isCancelled { return }
      var error = error
      error.message = shown(error.message, in: id)
      // One that was stopped has not failed.
      if error.kind != .cancelled { tell(.failed, model.name, error, in: id, cause: error.message) }
      _ = try? move(id, .modelFailed(error), cause: error.message)
    }
  }

  /// Ends a conversation whose time is used while the model takes this turn.
  private func watchTurn(_ id: ConversationID, ask: Int) {
    let now = clock.now
    let look = conversations.withLive(id) { live -> (left: Double, isPaused: Bool)? in
      guard live.isAsking, live.asks == ask, live.conversation.state.word.isLive else { return nil }
      let left = live.conversation.limits.seconds - live.conversation.busy(at: now)
      return (left, live.conversation.state.word == .paused)
    }
    guard let look, let (left, isPaused) = look else { return }
    // Less than what the wall clock can tell apart.
    guard isPaused || left > 0.001 else {
      let why = "it has used its time"
      return reachLimit(id, why, cause: why)
    }
    // While it is paused its time stands still: then it is looked at now and again.
    let wait = Duration.seconds(isPaused ? max(left, 1) : left)
    let timer = deadlines.schedule(at: clock.monotonic + wait) { [weak self] in
      self?.watchTurn(id, ask: ask)
    }
    let isOver = conversations.withLive(id) { live in
      guard live.isAsking, live.asks == ask else { return true }
      live.turnTimer = timer
      return false
    }
    if isOver != false { deadlines.cancel(timer) }
  }

  private func tell(
    _ change: EngineEvent.Kind.ModelChange,
    _ model: String,
    _ failure: ModelFailure,
    in id: ConversationID,
    cause: String
  ) {
    commit(events: [
      EngineEvent(
        time: clock.now,
        type: .model(change),
        conversation: id,
        model: EngineEvent.ModelPart(name: model, failure: failure.kind),
        cause: shown(cause, in: id)
      )
    ])
  }

  /// What a model or its server says, without secrets, also those that the conversation knows.
  private func shown(_ text: String, in id: ConversationID) -> String {
    let known = conversations.withLive(id) { $0.secrets.known } ?? KnownSecrets()
    return redactor.redact(said: known.hiding(inCut: text))
  }

  private func heard(_ delta: ModelDelta, in id: ConversationID) {
    if case .startedOver(let failure, let wait) = delta {
      let model = conversations.withLive(id) { live -> String in
        live.writing = ""
        return live.model.name
      }
      guard let model else { return }
      let seconds = (wait / .seconds(1)).formatted(.number.precision(.fractionLength(0...1)))
      let again = "; again in \(seconds) s"
      return tell(.retrying, model, failure, in: id, cause: failure.message + again)
    }
    conversations.withLive(id) { live in
      switch delta {
      case .text(let text):
        guard live.writing.utf8.count < ConversationTable.writingLimit else { return }
        live.writing += text
      case .reasoning, .startedOver: break
      case .callBegan(let name):
        live.writing += live.writing.isEmpty ? name + "…" : "\n" + name + "…"
      }
    }
    changed()
  }

  /// A turn and its calls, as `received`, are stored in one commit before any is admitted.
  private func turnTaken(_ turn: ModelTurn, in id: ConversationID, caller: Principal) async {
    // Before the calls are made: within one commit the turn comes first.
    let now = clock.now
    let number = (conversations.withLive(id) { $0.conversation.turns } ?? 0) + 1
    let secrets = conversations.withLive(id) { $0.secrets }
    var calls = turn.calls.map { requested -> Call in
      var call = makeCall(
        requested.wireName,
        text: requested.arguments,
        caller: caller,
        conversation: id,
        turn: number,
        modelCallID: requested.id
      )
      call.redact(table.catalogue[call.function]?.redactor ?? redactor, secrets)
      return call
    }
    // What one of them hides may stand in one before it.
    if calls.count > 1, let known = secrets?.known, !known.isEmpty {
      for index in calls.indices { calls[index].hide(known) }
    }
    for call in calls { insert(received: call, secrets) }
    typealias Taken = (
      effect: ConversationEffect?, isStored: Bool, timer: DeadlineQueue.Token?
    )
    let taken = conversations.withLive(id) { live -> Taken in
      let known = live.conversation.messages.count
      let timer = live.endTurn()
      guard
        var effect = try? live.conversation.handle(
          .turnTaken(turn, calls: calls.map(\.id)),
          now: now
        )
      else { return (nil, false, timer) }
      live.writing = ""
      hear(live, from: known)
      let asked = calls.count == 1 ? "asked for 1 call" : "asked for \(calls.count) calls"
      let cause = calls.isEmpty ? "answered" : asked
      var event = event(
        .conversation(live.conversation.state.word),
        conversation: id,
        cause: cause
      )
      event.time = now
      let isStored = store(live, calls: calls, [event])
      // In one step with the turn: nobody can resume it in between.
      if let why = live.conversation.tooManyCalls,
        let ended = try? live.conversation.handle(.limitReached(why), now: now)
      {
        effect = ended
        store(live, cause: Conversation.limitPrefix + why)
      }
      return (effect, isStored, timer)
    }
    if let timer = taken?.timer { deadlines.cancel(timer) }
    guard let taken, let effect = taken.effect else {
      // It was stopped while the model wrote: its calls never were.
      for call in calls { forget(call.id) }
      return
    }
    guard taken.isStored || calls.isEmpty else {
      // A turn is stored before its calls; each of them brings its first step along when it moves.
      for call in calls { table.withShard(of: call.id) { $0.calls[call.id]?.committed = 0 } }
      unstored.keep(id, [], then: effect)
      return comeBack()
    }
    if !calls.isEmpty { await stored(id) }
    perform(id, effect)
  }

  /// Waits until what a conversation has become is on disk.
  private func stored(_ id: ConversationID) async {
    let ticket = conversations.withLive(id) { $0.ticket }
    // It stays in line until it is stored.
    try? await ticket?.durable()
  }

  /// Puts a call into the live table as it stands in the turn's commit.
  func insert(received call: Call, _ secrets: SharedSecrets?) {
    table.withShard(of: call.id) { shard in
      let live = LiveTable.LiveCall(CallRecord(call), function: nil, secrets: secrets)
      live.committed = call.history.count
      shard.calls[call.id] = live
      shard.count(live, as: .received)
    }
  }

  private func forget(_ id: CallID) {
    table.withShard(of: id) { shard in
      guard let live = shard.calls.removeValue(forKey: id) else { return }
      shard.count(live, as: nil)
    }
  }

  /// Parallel calls of one turn are independent of each other.
  private func admitAll(_ calls: [CallID]) {
    for id in calls {
      let isReceived = table.withShard(of: id) { $0.calls[id]?.call.state == .received }
      guard isReceived else { continue }
      Task(executorPreference: executor) { [self] in
        let effect = admit(received: id)
        await drive(id, effect)
      }
    }
  }

  /// Ends a conversation whose time is used while its calls run, as a limit does between turns.
  func watchTime(_ id: ConversationID) {
    let now = clock.now
    guard let conversation = conversations.withLive(id, { $0.conversation }),
      case .calling(let open) = conversation.state
    else { return }
    let calls = open.compactMap { id in table.withShard(of: id) { $0.calls[id]?.call } }
    let waits = calls.flatMap { Self.waits(of: $0, until: now) }
    let left = conversation.limits.seconds - conversation.busy(at: now, without: waits)
    // Less than what the wall clock can tell apart.
    guard left > 0.001 else { return reachLimit(id, conversation.outOfTime) }
    // While somebody is asked its time stands still: then it is looked at now and again.
    let isAsking = waits.contains { $0.end == now }
    let wait = Duration.seconds(isAsking ? max(left, 1) : left)
    let timer = deadlines.schedule(at: clock.monotonic + wait) { [weak self] in
      self?.watchTime(id)
    }
    setTimer(timer, of: id)
  }

  private func setTimer(_ timer: DeadlineQueue.Token?, of id: ConversationID) {
    let old = conversations.withLive(id) { live in
      defer { live.timer = timer }
      return live.timer
    }
    if let old = old ?? nil { deadlines.cancel(old) }
  }

  /// An unknown outcome keeps the turn open for a while; then, or at once where nobody can find out, the model hears so.
  func unknownWaits(_ id: CallID) {
    // Nobody hears of what is not stored.
    let call = table.withShard(of: id) { shard in
      shard.calls[id].flatMap { $0.isStored ? $0.call : nil }
    }
    guard let call, case .unknown = call.state else { return }
    if call.step != nil { tellUnknown(step: id) }
    guard let conversation = call.conversation else { return }
    let limit =
      configuration.isUnattended
      ? 0 : conversations.withLive(conversation) { $0.conversation.limits.unknownWait } ?? 0
    let since = call.history.first { $0.state == .unknown }?.at ?? clock.now
    let wait = limit - clock.now.timeIntervalSince(since)
    guard wait > 0 else { return tellUnknown(id) }
    deadlines.schedule(at: clock.monotonic + .seconds(wait)) { [weak self] in self?.tellUnknown(id)
    }
  }

  private func tellUnknown(_ id: CallID) {
    let call = table.withShard(of: id) { $0.calls[id]?.call }
    guard let call, case .unknown = call.state, let conversation = call.conversation else { return }
    _ = try? move(
      conversation,
      .callEnded(
        id,
        answer: ModelAnswer.text(for: call),
        waited: Self.waits(of: call, until: clock.now),
        isOpen: true
      ),
      cause: "the model hears that an outcome is unknown",
      about: call
    )
  }

  /// A call of a conversation has ended: an answer for its turn, or news before the next one.
  func conversationCallEnded(_ call: Call) {
    guard let id = call.conversation else { return }
    let answer = ModelAnswer.text(for: call)
    if call.link == nil,
      (try? move(
        id,
        .callEnded(call.id, answer: answer, waited: Self.waits(of: call, until: clock.now)),
        cause: "\(call.function) \(call.state.word.rawValue)",
        about: call
      )) != nil
    {
      return
    }
    // Its turn is over: a person ran it again, or settled it, after the model had gone on.
    let isNews: Bool
    switch call.link {
    case .again: isNews = call.state.word == .succeeded
    case .settles, .fallback, .checks: isNews = false
    case nil: isNews = call.history.contains { $0.state == .unknown }
    }
    guard isNews else { return }
    let news = Message(.user, Self.news(of: call, answer), author: "callboard")
    _ = try? move(
      id,
      .news(news, of: call.id),
      cause: "news of \(call.function) for the model",
      about: call
    )
  }

  private static func news(of call: Call, _ answer: String) -> String {
    "News from callboard about the earlier call \(call.function) (\(call.modelCallID ?? call.id.short)): \(answer)"
  }

  /// What to add where somebody decides on a call whose conversation is over: the model will not hear of it.
  func unheard(_ conversation: ConversationID?) -> String {
    guard let state = state(of: conversation), !state.isLive else { return "" }
    return "; its conversation has ended, so the model hears nothing of it"
  }

  func state(of conversation: ConversationID?) -> Conversation.Word? {
    guard let conversation else { return nil }
    return conversations.withLive(conversation) { $0.conversation.state.word }
      ?? store.conversation(conversation)?.state.word
  }

  /// When a call waited for people.
  static func waits(of call: Call, until now: Date) -> [DateInterval] {
    let ends = call.history.dropFirst().map(\.at) + [now]
    return zip(call.history, ends).compactMap { step, end in
      guard step.state.needsPerson || step.state == .approved, step.at < end else { return nil }
      return DateInterval(start: step.at, end: end)
    }
  }

  // MARK: - What people ask for

  func stopConversation(_ id: ConversationID, by principal: Principal) async -> Reply {
    do {
      _ = try move(id, .stop(by: principal), cause: "stopped", by: principal.name)
      await stored(id)
      return .done("\(id.short) stopped")
    } catch {
      return .refused("\(error)")
    }
  }

  func pauseConversation(
    _ id: ConversationID,
    from: Bool,
    to: Bool,
    by principal: Principal
  ) async -> Reply {
    let isPaused = conversations.withLive(id) { $0.conversation.state.word == .paused }
    guard isPaused == from, from != to else {
      return .refused(to ? "it is paused already" : "it is not paused any more")
    }
    do {
      if to {
        _ = try move(id, .pause(by: principal), cause: "paused", by: principal.name)
      } else {
        _ = try move(id, .resume(by: principal), cause: "resumed", by: principal.name)
      }
      await stored(id)
      return .done("\(id.short) \(to ? "paused" : "resumed")")
    } catch {
      return .refused("\(error)")
    }
  }

  func addMessage(
    _ text: String,
    to id: ConversationID,
    by principal: Principal
  ) async -> Reply {
    guard !text.isEmpty else { return .refused("an empty message says nothing") }
    if let refusal = refusal(ofMessage: text) { return .refused(refusal) }
    do {
      _ = try move(
        id,
        .message(Message(.user, text, author: principal.name), by: principal),
        cause: "message",
        by: principal.name
      )
      await stored(id)
      return .done("\(id.short) has your message")
    } catch {
      return .refused("\(error); it takes no more messages")
    }
  }

  /// The engine has stopped: whoever waits for a conversation's end hears how far it got.
  func releaseConversationWaiters() {
    for id in conversations.liveIDs {
      let waiting = conversations.withLive(id) { live in
        defer { live.waiters = [] }
        return (live.waiters, live.conversation)
      }
      for waiter in waiting?.0 ?? [] {
        if let conversation = waiting?.1 { waiter.resolve(conversation) }
      }
    }
  }

  /// At the engine's stop: nothing new is asked of any model, and each conversation stays where it is.
  func stopConversations() {
    for id in conversations.liveIDs { cancelTurn(of: id) }
  }
}
