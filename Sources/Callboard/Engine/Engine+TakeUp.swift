import Foundation
import JSONSchema
import Logging
import Synchronization

/// What an engine found unfinished on its store, and what it made of it.
public struct TakenUp: Sendable, Hashable, Codable {
  /// Calls that were live.
  public var calls = 0
  /// Of these: by the state they are in now.
  public var states: [String: Int] = [:]
  public var conversations = 0
  /// Runs of workflows that were live.
  public var runs = 0
  /// Conversations whose model is no longer there.
  public var orphaned = 0
  /// Calls and conversations whose originals could not be opened: another key, or changed by somebody.
  public var unreadable = 0
  /// Records that can't be read at all; they stay in the store.
  public var damaged: [String] = []

  public init() {}

  public var isEmpty: Bool { calls == 0 && conversations == 0 && runs == 0 && damaged.isEmpty }

  /// One sentence for the screen and the event stream.
  public var sentence: String {
    guard !isEmpty else { return "nothing was unfinished" }
    var words = calls == 1 ? "1 call" : "\(calls) calls"
    let parts = states.sorted { $0.key < $1.key }.map { state, count in
      "\(count) \(state.replacing("_", with: " "))"
    }
    if !parts.isEmpty { words += " (" + parts.joined(separator: ", ") + ")" }
    words += conversations == 1 ? " and 1 conversation" : " and \(conversations) conversations"
    if runs > 0 { words += runs == 1 ? " and 1 run" : " and \(runs) runs" }
    var text = "recovered " + words
    if orphaned > 0 { text += "; \(orphaned) without their model have failed" }
    if unreadable > 0 {
      text += "; \(unreadable) had secrets that can't be opened with this key, and do not run"
    }
    if let first = damaged.first {
      let rest = damaged.count > 1 ? " and \(damaged.count - 1) more" : ""
      text += "; the record of \(first)\(rest) can't be read: run callboard store check"
    }
    return text
  }
}

/// The restart row of the table: an engine goes on with what its store holds.
extension Engine {
  /// Takes up what was unfinished when the last engine on this store ended, however it did.
  ///
  /// Asked once, before anything is submitted. `model` gives the model of a conversation; nil where there is none
  /// any more.
  @discardableResult
  public func takeUp(
    model: (Conversation) -> (any Model)? = { _ in nil }
  ) throws(StoreFault) -> TakenUp {
    let unfinished = try store.unfinished()
    takeUp(settings: unfinished.settings)
    let since = clock.now.addingTimeInterval(-TwinIndex.memory)
    let stored = try store.twins(since: since, limit: TwinIndex.takenUp)
    twins.takeUp(stored)
    var live: [CallID: TwinKey] = [:]
    for entry in stored.entries where entry.succeeded == nil { live[entry.call] = entry.key }
    var result = TakenUp()
    result.calls = unfinished.calls.count
    result.conversations = unfinished.conversations.count
    result.damaged = unfinished.damaged
    var unreadable: Set<CallID> = []
    for (call, sealed) in unfinished.calls {
      insert(stored: call, sealed, twin: live[call.id], &unreadable)
    }
    let ends = unfinished.conversations.compactMap { insert(stored: $0, model, &result) }
    insert(stored: unfinished.runs, &result)
    result.unreadable += unreadable.count
    shareSecrets(unfinished.calls.map(\.call.id))
    // Before their calls go on: nobody would hear of them.
    for (id, why) in ends {
      _ = try? move(id, .modelFailed(ModelFailure(.badRequest, why)), cause: why)
    }
    // What was being stopped comes first: it may stop another one, which must not start again before.
    let stopping = unfinished.calls.filter { $0.call.state.word == .stopping }
    for (call, _) in stopping + unfinished.calls.filter({ $0.call.state.word != .stopping }) {
      if unreadable.contains(call.id) { endUnreadable(call.id) } else { restart(call.id) }
      takeUpLinks(of: call.id)
    }
    for change in unfinished.conversations { restart(change.conversation) }
    restart(runs: unfinished.runs)
    for (call, _) in unfinished.calls {
      let state = table.withShard(of: call.id) { $0.calls[call.id]?.call.state.word }
      let word = state ?? store.call(call.id)?.state.word
      if let word { result.states[word.rawValue, default: 0] += 1 }
    }
    if !result.isEmpty {
      commit(events: [event(.engine(.recovered), cause: result.sentence)])
    }
    taken.withLock { $0 = result }
    return result
  }

  // MARK: - Putting things back

  func takeUp(settings: [String: JSONValue]) {
    var remembered: [String: Catalogue.Absent] = [:]
    var held: Switched?
    var granted: [GrantBook.Entry] = []
    var called: [AttentionTable.Key: Int] = [:]
    for (key, value) in settings {
      switch Setting(key: key) {
      case .function(let name):
        remembered[name, default: .init()].switched = Setting.switched(value)
      case .hold: held = Setting.switched(value)
      case .definition(let name):
        remembered[name, default: .init()].accepted = AcceptedDefinition(setting: value)
      case .declined(let name):
        guard let hash = value["hash"]?.stringValue else { break }
        remembered[name, default: .init()].declined = (hash, Setting.switched(value))
      case .grant:
        if let entry = try? value.decode(as: GrantBook.Entry.self) { granted.append(entry) }
      case .called(let key): called[key] = value.intValue.map { Int($0) }
      case .left(let person): takeUp(departure: value, of: person)
      case .begun(let name): takeUp(begun: value, name)
      case nil: break
      }
    }
    takeUp(called: called)
    takeUp(remembered, held: held)
    takeUp(grants: granted)
  }

  /// `twin`: its key as it was stored and is in the index, which a call whose arguments or function are gone has to leave.
  func insert(
    stored call: Call,
    _ sealed: [UInt8]?,
    twin: TwinKey?,
    _ unreadable: inout Set<CallID>
  ) {
    var call = call
    if let sealed {
      if let restored = sealer?.restoring(call, from: sealed) {
        call = restored
      } else {
        unreadable.insert(call.id)
      }
    } else if call.hasMarks {
      // There was no key when it was stored.
      unreadable.insert(call.id)
    }
    let isReadable = !unreadable.contains(call.id)
    let record = CallRecord(call)
    table.withShard(of: call.id) { shard in
      let function = shard.catalogue[call.function]
      let live = LiveTable.LiveCall(record, function: function, secrets: nil)
      live.committed = record.call.history.count
      live.twinKey = twin
      if let function, isReadable, record.call.definitionHash != nil,
        let arguments = record.call.effectiveArguments, let key = twinKey(function, arguments)
      {
        if let twin, twin != key { twins.leave(twin, record.call.id) }
        live.twinKey = key
        _ = twins.enter(key, record.call.id, at: clock.now)
      }
      shard.calls[record.call.id] = live
      show(record, of: live, in: &shard)
    }
  }

  /// What calls hide is known to their conversations again, and to those that stand in for them.
  private func shareSecrets(_ ids: [CallID]) {
    for id in ids {
      guard let call = table.withShard(of: id, { $0.calls[id]?.call }),
        let shared = sharedSecrets(around: call)
      else { continue }
      shared.note(call.payloads.flatMap(Redactor.secrets(of:)))
      table.withShard(of: id) { $0.calls[id]?.secrets = shared }
    }
  }

  /// Returns why it can't go on, where its model or its secrets are gone.
  private func insert(
    stored change: ConversationChange,
    _ model: (Conversation) -> (any Model)?,
    _ result: inout TakenUp
  ) -> (ConversationID, why: String)? {
    var conversation = change.conversation
    let id = conversation.id
    let shownAnswers = conversation.answers
    let shownPending = conversation.pending
    var heard = conversation.messages.map(\.message)
    var isReadable = true
    for (index, sealed) in change.sealedMessages where heard.indices.contains(index) {
      if let message = sealer?.openMessage(sealed, index, of: id) {
        heard[index] = message
      } else {
        isReadable = false
      }
    }
    if let sealed = change.sealedRest {
      if let rest = sealer?.openRest(sealed, of: id) {
        conversation.pending = rest.pending
        conversation.answers = rest.answers
      } else {
        isReadable = false
      }
    }
    if sealer == nil, conversation.hasMarks { isReadable = false }
    conversation.goOn(at: clock.now)
    let found = isReadable ? model(conversation) : nil
    if !isReadable { result.unreadable += 1 } else if found == nil { result.orphaned += 1 }
    conversations.insert(conversation, model: found ?? MissingModel(name: conversation.model))
    conversations.withLive(id) { live in
      live.heard = heard
      for (message, entry) in zip(heard, live.conversation.messages) {
        live.secrets.note(Redactor.secrets(of: message, shown: entry.message))
      }
      for (message, shown) in zip(conversation.pending, shownPending) {
        live.secrets.note(Redactor.secrets(of: message, shown: shown))
      }
      live.shownAnswers = shownAnswers
      live.shownPending = shownPending
    }
    guard found == nil else { return nil }
    return isReadable
      ? (id, "the engine started anew, and the model \(conversation.model) is not there any more")
      : (id, "the engine started anew, and its secrets can't be opened with this key")
  }

  /// Stands where a conversation's model was.
  private struct MissingModel: Model {
    let name: String

    func respond(
      to request: ModelRequest,
      onDelta: @escaping @Sendable (ModelDelta) -> Void
    ) async throws(ModelFailure) -> ModelTurn {
      throw ModelFailure(.badRequest, "there is no model \(name) any more")
    }
  }

  // MARK: - Going on

  func restart(_ id: CallID) {
    // The end of another one, or of its conversation, may have ended it.
    guard let call = table.withShard(of: id, { $0.calls[id]?.call }), !call.state.isEnded else {
      return
    }
    // It is admitted when its conversation is resumed.
    if call.state == .received, state(of: call.conversation) == .paused { return }
    do {
      guard let function = table.catalogue[call.function] else {
        return perform(id, try move(id, removedOrStays(call)))
      }
      if function.unaccepted != nil, call.isUndecided, call.approval?.approvals.isEmpty == false {
        // It is admitted anew when somebody accepts the definition.
        _ = try move(id, .definitionDrifted)
      } else if function.unaccepted == nil, call.isUndecided,
        call.definitionHash.map({ $0 != function.hash }) ?? false
      {
        if case .approved = call.state { _ = try move(id, .definitionDrifted) }
        return perform(id, try move(id, redefinition(of: call, function)))
      }
      let event = CallEvent.restart(ownerIsLive: ownerIsLive(call))
      let call = table.withShard(of: id) { $0.calls[id]?.call } ?? call
      if let effect = effectOfNoStep(call, function, event) {
        perform(id, effect)
      } else {
        perform(id, try move(id, event))
      }
    } catch is StoreFault {
      // Noted, and taken again when the store works.
      return
    } catch {
      log.error("a call was not taken up", metadata: ["call": "\(id)", "why": "\(error)"])
    }
  }

  /// What follows from an event that changes nothing of a call, so that nothing is to be stored; nil where it does.
  private func effectOfNoStep(
    _ call: Call,
    _ function: RegisteredFunction,
    _ event: CallEvent
  ) -> CallEffect? {
    var copy = call
    var generator = SeededGenerator(seed: 0)
    let transition = try? decide(&copy, event, function.traits, using: &generator)
    return copy.history.count == call.history.count ? transition?.effect : nil
  }

  /// A function that is not there any more ends what has not started; the rest is as after any restart.
  private func removedOrStays(_ call: Call) -> CallEvent {
    switch call.state {
    case .received, .awaitingApproval, .approved, .queued, .backingOff: .functionRemoved
    case .running, .stopping, .unknown, .succeeded, .failed, .rejected, .denied, .expired,
      .cancelled:
      .restart(ownerIsLive: true)
    }
  }

  /// A changed definition was accepted, by a person or by loading it: what waits for approval is asked anew, if it still
  /// fits.
  func redefinition(of call: Call, _ function: RegisteredFunction) -> CallEvent {
    let arguments = call.effectiveArguments ?? [:]
    if let expires = call.approval?.expiresAt, expires <= clock.now { return .expire }
    let errors = shown(
      function.problems(in: arguments),
      about: arguments,
      of: call,
      function.redactor
    )
    guard errors.isEmpty else { return .argumentsNoLongerFit(Self.invalid(errors)) }
    let filled = function.schema.fillingDefaults(in: arguments)
    let catalogue = table.catalogue
    if let refusal = catalogue.access.refusal(
      of: call.caller,
      calling: function.definition,
      with: filled
    ) {
      return .argumentsNoLongerFit(refusal)
    }
    var requirement =
      catalogue.rules.requirement(
        for: filled,
        function: function.definition,
        caller: call.caller
      ) ?? call.approval?.requirement ?? ApprovalRequirement(rule: "its definition has changed")
    requirement.twin = call.approval?.requirement.twin
    return .definitionAccepted(
      arguments: filled,
      requirement: requirement,
      definitionHash: function.hash,
      digest: approvalDigest(call, function, filled, rule: requirement.rule)
    )
  }

  /// Whether somebody still waits for a call: its conversation or run, the approval that a person gave, or the call it stands in
  /// for.
  private func ownerIsLive(_ call: Call) -> Bool {
    if call.approval?.decidedAt != nil { return true }
    if call.link == nil, let run = call.step?.run {
      return runs[run]?.run.state.word.isLive ?? false
    }
    switch call.link {
    case .fallback(let other), .settles(let other):
      return table.withShard(of: other) { $0.calls[other] != nil }
    case .again, .checks, nil: break
    }
    guard let id = call.conversation else { return false }
    return conversations.withLive(id) { $0.conversation.state.word.isLive } ?? false
  }

  /// What a call waits for may have ended in the last moment before the stop.
  private func takeUpLinks(of id: CallID) {
    let call = table.withShard(of: id) { $0.calls[id]?.call }
    guard let call else { return }
    switch call.state {
    case .running(_, let child?):
      if let outcome = endedBefore(child, or: .engineStopped) {
        childEnded(child, outcome, parent: id)
      }
    case .stopping(_, let child?):
      if let outcome = endedBefore(child, or: .cancelled) { childEnded(child, outcome, parent: id) }
    case .unknown:
      if let rerun = call.rerun, let outcome = endedBefore(rerun, or: .engineStopped) {
        rerunEnded(rerun, outcome, of: id)
      }
    case .received, .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff,
      .succeeded, .failed, .rejected, .denied, .expired, .cancelled:
      break
    }
  }

  /// How a linked call ended, and with what one did that was never stored; nil while it lives.
  private func endedBefore(_ id: CallID, or kind: CallFailure.Kind) -> CallOutcome? {
    guard table.withShard(of: id, { $0.calls[id] == nil }) else { return nil }
    do throws(StoreFault) {
      guard let call = try store.lookUp(id) else { return .failure(Self.neverRun(kind)) }
      return withOriginals(call).outcome
    } catch {
      return .failure(Self.unreadable(error))
    }
  }

  /// It was stored, and nobody can say what.
  private static func unreadable(_ fault: StoreFault) -> CallFailure {
    CallFailure(
      .outcomeUnknown,
      "What became of it can't be read (\(fault)): it may have been done. Do not repeat it.",
      reach: .maybe
    )
  }

  private static func neverRun(_ kind: CallFailure.Kind) -> CallFailure {
    CallFailure(kind, "The engine stopped before it was run.", isRetryable: true)
  }

  /// A call of the store's with its originals.
  func stored(_ id: CallID) -> Call? {
    store.call(id).map(withOriginals)
  }

  func withOriginals(_ call: Call) -> Call {
    guard let sealed = store.sealed(call.id) else { return call }
    return sealer?.restoring(call, from: sealed) ?? call
  }

  /// Its arguments are gone: what may have happened is unknown, everything else ends.
  private func endUnreadable(_ id: CallID) {
    switch table.withShard(of: id, { $0.calls[id]?.call.state }) {
    case .unknown: unknownWaits(id)
    case .running, .stopping:
      guard let moved = try? move(id, .restart(ownerIsLive: false)) else { return }
      switch moved.state {
      case .backingOff, .running: cancel(id)
      case .received, .awaitingApproval, .approved, .queued, .stopping, .unknown, .succeeded,
        .failed, .rejected, .denied, .expired, .cancelled:
        perform(id, moved)
      }
    case .received, .awaitingApproval, .approved, .queued, .backingOff: cancel(id)
    case .succeeded, .failed, .rejected, .denied, .expired, .cancelled, nil: break
    }
  }

  private func restart(_ stored: Conversation) {
    let (state, awaited) =
      conversations.withLive(stored.id) { live in
        (live.conversation.state, live.conversation.awaited ?? [])
      } ?? (nil, [])
    for id in awaited { tellNews(of: id) }
    switch state {
    case .thinking: askModel(stored.id)
    case .calling(let open), .paused(.calling(let open)):
      for id in open { tellEnd(of: id, in: stored.id) }
      watchTime(stored.id)
    case .paused, .stopped, .finished, .failed, nil: break
    }
  }

  /// A call of an earlier turn may have ended without its conversation hearing of it.
  private func tellNews(of id: CallID) {
    guard table.withShard(of: id, { $0.calls[id] == nil }), let call = stored(id),
      call.state.isEnded
    else { return }
    conversationCallEnded(call)
  }

  /// A call may have ended, or become unknown, without its conversation hearing of it.
  private func tellEnd(of id: CallID, in conversation: ConversationID) {
    if let live = table.withShard(of: id, { $0.calls[id]?.call }) {
      if case .unknown = live.state { unknownWaits(id) }
      return
    }
    let answer: String
    let cause: String
    do throws(StoreFault) {
      if let call = try store.lookUp(id) { return conversationCallEnded(withOriginals(call)) }
      // The store failed when its turn was taken, and the engine died before the call was stored after it.
      answer = ModelAnswer.text(for: Self.neverRun(.engineStopped))
      cause = "a call of its turn was never stored, and never run"
    } catch {
      answer = ModelAnswer.text(for: Self.unreadable(error))
      cause = "what became of a call of its turn can't be read"
    }
    _ = try? move(conversation, .callEnded(id, answer: answer), cause: cause)
  }
}

extension Call {
  /// Whether a mark stands where what would run has a secret.
  var hasMarks: Bool {
    guard let arguments = decided ?? proposed else { return false }
    return Redactor.hasMarks(arguments.original)
  }
}

extension Conversation {
  /// Whether a mark stands where its model would hear a secret.
  fileprivate var hasMarks: Bool {
    let words = messages.map(\.message) + pending
    return words.contains { message in
      (message.text ?? "").contains(Redactor.mark)
        || message.calls.contains { $0.arguments.contains(Redactor.mark) }
    } || answers.values.contains { $0.contains(Redactor.mark) }
  }

  /// Time that no engine ran is nobody's: neither used, nor given where somebody was asked meanwhile.
  mutating func goOn(at now: Date) {
    guard busySince != nil else { return }
    busySeconds = busy(at: lastActivity)
    busySince = now
    if lastActivity < now { offClock.append(DateInterval(start: lastActivity, end: now)) }
  }
}
