import Foundation
import JSONSchema
import Synchronization

/// What people ask for: decisions on calls, and switches. Both carry what was seen.
extension Engine: EngineDoor {
  public func send(_ request: Request, by principal: Principal) -> RequestTicket {
    let ticket = RequestTicket()
    Task(executorPreference: executor) { [self] in
      ticket.answer(await perform(request, by: principal))
    }
    return ticket
  }

  /// Performs a request and waits until it counts.
  public func perform(_ request: Request, by principal: Principal) async -> Reply {
    // Neither acts on anything: who may look may say so.
    if case .reading(let id, let isThere) = request { return note(principal, reads: id, isThere) }
    if case .left(let seq) = request { return await note(principal, leftAt: seq) }
    guard principal.mayDecide else {
      let why = "that takes the role operator, and \(principal.name) has not got it"
      refuse(request, by: principal, why)
      return .refused(why)
    }
    if let why = tooLong(request) ?? unfounded(request) {
      refuse(request, by: principal, why)
      return .refused(why)
    }
    switch request {
    case .approve(let id, let seen): return await approve(id, seen, by: principal)
    case .deny(let id, let seen, let reason, let stops):
      let reply = await decide(
        id,
        .deny(seen, reason: shown(reason, about: id), by: principal),
        needing: .deny,
        by: principal,
        "denied"
      )
      if stops, reply.isDone, let conversation = store.call(id)?.conversation {
        return await stopConversation(conversation, by: principal)
      }
      return reply
    case .edit(let id, let seen, let arguments):
      return await edit(id, seen, arguments, by: principal)
    case .extend(let id, let seen):
      return await decide(
        id,
        .extend(seen, by: principal),
        needing: .extend,
        by: principal,
        "more time given"
      )
    case .undo(let id, let seen):
      return await decide(
        id,
        .undo(seen, by: principal),
        needing: nil,
        by: principal,
        "approval taken back"
      )
    case .settle(let id, let revision, let settlement):
      return await settle(id, revision, settlement, by: principal)
    case .check(let id, let revision): return await check(id, revision, by: principal)
    case .grant(let draft, let waiting):
      return await grant(draft, waiting: waiting, by: principal)
    case .revokeGrant(let id): return await revoke(id, by: principal)
    case .cancel(let id, let revision): return await cancel(id, revision, by: principal)
    case .runAgain(let id, let revision, let arguments):
      return await runAgain(id, revision, arguments, by: principal)
    case .setFunction(let name, let from, let to):
      return await setFunctions([name], called: name, from: from, to: to, by: principal)
    case .setProvider(let namespace, let from, let to):
      let names = table.catalogue.functions.filter { $0.provider.namespace == namespace }.map(
        \.name
      )
      guard !names.isEmpty else { return .refused("there is no provider \(namespace)") }
      return await setFunctions(Set(names), called: namespace, from: from, to: to, by: principal)
    case .setBreaker(let name, let from, let to):
      return setBreaker(name, from: from, to: to, by: principal)
    case .clearCache(let function):
      let count = cache.clear(function: function)
      commit(events: [event(.function(.cacheCleared), function: function, by: principal.name)])
      return .done("\(count) cached answers forgotten")
    case .hold(let from, let to): return await hold(from: from, to: to, by: principal)
    case .acceptDefinition(let name, let from, let to):
      return await acceptDefinition(name, from: from, to: to, by: principal)
    case .declineDefinition(let name, let from, let to):
      return await declineDefinition(name, from: from, to: to, by: principal)
    case .stopConversation(let id): return await stopConversation(id, by: principal)
    case .pauseConversation(let id, let from, let to):
      return await pauseConversation(id, from: from, to: to, by: principal)
    case .message(let id, let text): return await addMessage(text, to: id, by: principal)
    case .startRun(let name, let input, let id):
      return await startRun(name, input, id: id, by: principal)
    case .cancelRun(let id): return await cancelRun(id, by: principal)
    case .retryRun(let id, let revision): return await retryRun(id, revision, by: principal)
    case .reading(let id, let isThere): return note(principal, reads: id, isThere)
    case .left(let seq): return await note(principal, leftAt: seq)
    }
  }

  /// Why what a person settles by says nothing; nil where it says something.
  private func unfounded(_ request: Request) -> String? {
    func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
    return switch request {
    case .settle(_, _, .didNotHappen(let evidence)) where isBlank(evidence):
      "say by what you know that it did not happen"
    case .settle(_, _, .happened(let payload))
    where payload.original.stringValue.map(isBlank) ?? payload.original.isNull:
      "say what came of it: its result, or a reference to it"
    default: nil
    }
  }

  /// Why what a person brings along is more than is taken; nil where it is not.
  private func tooLong(_ request: Request) -> String? {
    func longer(_ value: JSONValue, _ limit: Int, _ what: String) -> String? {
      guard value.isLonger(than: limit) || value.isDeeper(than: Limit.depth.value) else {
        return nil
      }
      return
        "\(what) are longer than \(limit) bytes, or nested deeper than \(Limit.depth.value) levels"
    }
    func longer(_ text: String, _ what: String) -> String? {
      guard text.utf8.count > Limit.remark.value else { return nil }
      return
        "\(what) of \(text.utf8.count) bytes is longer than the \(Limit.remark.value) it may have; shorten it"
    }
    switch request {
    case .deny(_, _, let reason, _): return longer(reason, "a reason")
    case .settle(_, _, .didNotHappen(let evidence)): return longer(evidence, "evidence")
    case .settle(_, _, .happened(let payload)):
      return longer(payload.original, Limit.result.value, "results")
    case .edit(_, _, let arguments):
      return longer(arguments, configuration.maxArgumentBytes, "arguments")
    case .runAgain(_, _, let arguments?):
      return longer(arguments, configuration.maxArgumentBytes, "arguments")
    case .startRun(_, let input, _):
      return longer(input, configuration.maxArgumentBytes, "inputs")
    case .approve, .extend, .undo, .check, .grant, .revokeGrant, .cancel, .runAgain, .setFunction,
      .setProvider, .setBreaker, .clearCache, .hold, .acceptDefinition, .declineDefinition,
      .stopConversation, .pauseConversation, .message, .cancelRun, .retryRun, .reading, .left:
      return nil
    }
  }

  // MARK: - Decisions

  /// Moves a call by a person's event, waits until that is on disk, and then acts on it.
  ///
  /// `revision` is what that person saw, where the event itself does not say it.
  /// `act` is what that person needs the right to.
  func decide(
    _ id: CallID,
    _ event: CallEvent,
    seen revision: Int? = nil,
    needing act: DecidingAct?,
    twin: TwinKey? = nil,
    by principal: Principal,
    _ done: String
  ) async -> Reply {
    do {
      let moved = try table.withShard(of: id) { shard throws -> Move in
        guard let live = shard.calls[id] else {
          throw IllegalMove(state: store.call(id)?.state.word ?? .cancelled, event: event.name)
        }
        if let revision { try Self.check(revision, of: live.call) }
        if let act { try checkRight(act, principal, on: live.call, in: shard.catalogue) }
        let before = live.twinKey
        if let twin { live.twinKey = twin }
        do {
          return try move(live, event, in: &shard)
        } catch {
          live.twinKey = before
          throw error
        }
      }
      try await moved.ticket.durable()
      perform(id, moved)
      return .done("\(named(id)) \(done)")
    } catch {
      return refused(id, error, by: principal)
    }
  }

  private func cancel(_ id: CallID, _ revision: Int, by principal: Principal) async -> Reply {
    do {
      let (moved, effect) = try table.withShard(of: id) { shard throws -> (Move, FunctionEffect) in
        guard let live = shard.calls[id] else {
          throw IllegalMove(
            state: store.call(id)?.state.word ?? .cancelled,
            event: CallEvent.cancel(by: principal).name
          )
        }
        try Self.check(revision, of: live.call)
        return (try move(live, .cancel(by: principal), in: &shard), live.traits.effect)
      }
      try await moved.ticket.durable()
      perform(id, moved)
      return .done("\(named(id)) " + Self.cancelled(moved.state, effect))
    } catch {
      return refused(id, error, by: principal)
    }
  }

  /// What has come of a cancel so far: what runs is only told, and may have done what it was to do.
  private static func cancelled(_ state: CallState, _ effect: FunctionEffect) -> String {
    switch state {
    case .stopping where effect == .write: "told to stop; it may have been done already"
    case .stopping: "told to stop"
    case .received, .awaitingApproval, .approved, .queued, .running, .backingOff, .unknown,
      .succeeded, .failed, .rejected, .denied, .expired, .cancelled:
      "cancelled"
    }
  }

  /// Whether a call is as it was seen.
  static func check(_ revision: Int, of call: Call) throws {
    guard call.revision == revision else {
      throw DecisionRefused.stale(revision: call.revision, editedBy: call.editedBy?.name)
    }
  }

  private func approve(_ id: CallID, _ seen: Seen, by principal: Principal) async -> Reply {
    let requesters = requesters(of: id)
    do {
      let moved = try table.withShard(of: id) { shard throws -> Move in
        guard let live = shard.calls[id] else {
          throw IllegalMove(state: store.call(id)?.state.word ?? .cancelled, event: "approving it")
        }
        if shard.catalogue[live.call.function]?.unaccepted != nil {
          throw DecisionRefused.definitionNotAccepted
        }
        try checkRight(.approve, principal, on: live.call, in: shard.catalogue)
        let isOn = shard.catalogue[live.call.function]?.isOn ?? false
        let event = CallEvent.approve(
          seen,
          by: principal,
          isHeld: !isOn || shard.catalogue.held != nil,
          requesters: requesters,
          lapsed: lapsed(of: live.call, in: shard.catalogue)
        )
        return try move(live, event, in: &shard)
      }
      try await moved.ticket.durable()
      perform(id, moved)
      return .done(named(id) + said(of: moved.state))
    } catch {
      return refused(id, error, by: principal)
    }
  }

  /// What an approval has come to, after the name of its call.
  private func said(of state: CallState) -> String {
    switch state {
    case .awaitingApproval: return ": your approval counts; more are needed"
    case .approved(let until):
      let seconds = Int(max(0, until.timeIntervalSince(clock.now)).rounded(.up))
      return " approved; it starts in \(seconds) s, and until then you can take that back"
    case .received, .queued, .running, .stopping, .backingOff, .unknown, .succeeded, .failed,
      .rejected, .denied, .expired, .cancelled:
      return " approved"
    }
  }

  private func requesters(of id: CallID) -> [Principal] {
    guard let call = table.withShard(of: id, { $0.calls[id]?.call }) else { return [] }
    return requesters(of: call, approvers: call.approval?.requirement.approvers ?? 1)
  }

  private func edit(
    _ id: CallID,
    _ seen: Seen,
    _ arguments: JSONValue,
    by principal: Principal
  ) async -> Reply {
    let (found, catalogue) = table.withShard(of: id) { ($0.calls[id]?.call, $0.catalogue) }
    guard let call = found, let decided = call.decided else {
      return refused(
        id,
        IllegalMove(state: store.call(id)?.state.word ?? .cancelled, event: "editing it"),
        by: principal
      )
    }
    guard let function = catalogue[call.function] else {
      return refused(id, because: "\(call.function) no longer exists", by: principal)
    }
    guard let restored = Redactor.restoring(arguments, from: decided.original, shown: decided.shown)
    else {
      return refused(
        id,
        because:
          "\(Redactor.mark) may stand only where it stood; write the value, or leave the mark as it is",
        by: principal
      )
    }
    let errors = shown(
      function.problems(in: restored),
      about: restored,
      of: call,
      function.redactor
    )
    guard errors.isEmpty else {
      _ = refused(id, because: Self.invalid(errors).message, by: principal)
      return .invalid(errors)
    }
    let filled = function.schema.fillingDefaults(in: restored)
    if let refusal = catalogue.access.refusal(
      of: call.caller,
      calling: function.definition,
      with: filled
    ) {
      return refused(id, because: refusal.message, by: principal)
    }
    do {
      try checkRight(.edit, principal, on: call, with: filled, in: catalogue)
    } catch {
      return refused(id, error, by: principal)
    }
    let key = twinKey(function, filled)
    let before = table.withShard(of: id) { $0.calls[id]?.twinKey }
    let twin = key.flatMap { enterTwin(id, $0) }
    let requirement = requirement(of: call, function, filled, twin: twin, in: catalogue)
    let digest = approvalDigest(call, function, filled, rule: requirement.rule)
    let reply = await decide(
      id,
      .edit(seen, arguments: filled, requirement: requirement, digest: digest, by: principal),
      needing: .edit,
      twin: key,
      by: principal,
      "edited; it waits for approval of what it is now"
    )
    // What it is not any more, or has not become, is no twin of others.
    let now = table.withShard(of: id) { $0.calls[id]?.twinKey }
    for other in [before, key].compactMap(\.self) where other != now { twins.leave(other, id) }
    return reply
  }

  /// What the rules, and an equal call before it, ask for a call that was edited: never nothing.
  private func requirement(
    of call: Call,
    _ function: RegisteredFunction,
    _ arguments: JSONValue,
    twin: CallID?,
    in catalogue: Catalogue
  ) -> ApprovalRequirement {
    let byRule = catalogue.rules.requirement(
      for: arguments,
      function: function.definition,
      caller: call.caller
    )
    var requirement = byRule ?? call.approval?.requirement ?? ApprovalRequirement(rule: "")
    if byRule == nil, requirement.rule == Self.twinRule, twin == nil {
      requirement.rule = "it was held before it was edited"
    }
    requirement.twin = twin
    return requirement
  }

  private func settle(
    _ id: CallID,
    _ revision: Int,
    _ settlement: Settlement,
    by principal: Principal
  ) async -> Reply {
    let current = table.withShard(of: id) { $0.calls[id]?.call }
    if let current, current.revision != revision {
      return refused(
        id,
        DecisionRefused.stale(revision: current.revision, editedBy: nil),
        by: principal
      )
    }
    if let current {
      do {
        try checkRight(.settle, principal, on: current, in: table.catalogue)
      } catch {
        return refused(id, error, by: principal)
      }
    }
    // Settling is refused while it runs again, and cancels a run again that has not started.
    if let rerun = current?.rerun { cancelIfNotStarted(rerun) }
    let safe: Settlement
    switch settlement {
    // What came over a wire says of itself that it is redacted.
    case .happened(let payload): safe = .happened(Payload(payload.original))
    case .didNotHappen(let evidence): safe = .didNotHappen(evidence: shown(evidence, about: id))
    }
    let done = "settled" + unheard(current?.conversation)
    return await decide(
      id,
      .settle(safe, by: principal),
      needing: .settle,
      by: principal,
      done
    )
  }

  private func runAgain(
    _ id: CallID,
    _ revision: Int,
    _ arguments: JSONValue?,
    by principal: Principal
  ) async -> Reply {
    // One that has just ended may not have left the table yet.
    if let live = table.withShard(of: id, { $0.calls[id]?.call }), !live.state.isEnded {
      guard case .unknown = live.state else {
        return refused(id, DecisionRefused.wrongState(live.state.word), by: principal)
      }
      return await runUnknownAgain(live, revision, arguments, by: principal)
    }
    guard let ended = store.call(id) else { return .refused("no such call is kept") }
    do {
      try Self.check(revision, of: ended)
      try checkRight(.runAgain, principal, on: ended, in: table.catalogue)
    } catch {
      return refused(id, error, by: principal)
    }
    guard let before = ended.decided ?? ended.proposed else {
      return refused(
        id,
        because: "its arguments were never JSON: there is nothing to run again",
        by: principal
      )
    }
    let again = arguments ?? before.shown
    // Originals of secrets go with the live call: what is kept has only marks in their place.
    guard !Redactor.hasMarks(again) else {
      return refused(
        id,
        because: "its secret fields are not kept; write them anew with e",
        by: principal
      )
    }
    let call = makeCall(
      ended.function,
      parsed: again,
      unparsed: nil,
      caller: ended.caller,
      conversation: ended.conversation,
      turn: ended.turn,
      link: .again(id),
      requestedBy: principal
    )
    if let conversation = ended.conversation {
      // Before the call is there: what is killed between the two waits for a call that never was.
      _ = try? move(conversation, .awaitsNews(call.id), cause: "run again of \(id.short)")
    }
    do throws(StoreFault) {
      switch try start(call) {
      case .runs:
        return .done("run again as \(named(call.id))" + unheard(ended.conversation))
      case .waits:
        return .done(
          "\(named(call.id)) waits for approval to run again" + unheard(ended.conversation)
        )
      case .ended(let failure): return .refused(Self.notRunAgain(named(call.id), failure))
      }
    } catch {
      return .refused("\(error)")
    }
  }

  private func runUnknownAgain(
    _ unknown: Call,
    _ revision: Int,
    _ arguments: JSONValue?,
    by principal: Principal
  ) async -> Reply {
    guard arguments == nil else {
      return refused(
        unknown.id,
        because: "a call whose outcome is unknown is run again with the same arguments only",
        by: principal
      )
    }
    guard !Redactor.hasMarks(unknown.effectiveArguments ?? [:]) else {
      return refused(
        unknown.id,
        because:
          "its secrets can't be opened with this key, so it can't be run again; settle it instead",
        by: principal
      )
    }
    let catalogue = table.catalogue
    guard catalogue[unknown.function]?.isOn == true, catalogue.held == nil else {
      return refused(unknown.id, DecisionRefused.held, by: principal)
    }
    guard catalogue[unknown.function]?.unaccepted == nil else {
      return refused(unknown.id, DecisionRefused.definitionNotAccepted, by: principal)
    }
    let call = makeCall(
      unknown.function,
      parsed: unknown.effectiveArguments,
      unparsed: nil,
      caller: unknown.caller,
      conversation: unknown.conversation,
      turn: unknown.turn,
      link: .settles(unknown.id),
      requestedBy: principal,
      key: unknown.idempotencyKey
    )
    let reply = await decide(
      unknown.id,
      .rerunStarted(call.id, by: principal),
      seen: revision,
      needing: .runAgain,
      by: principal,
      "run again with the same key as \(named(call.id))" + unheard(unknown.conversation)
    )
    guard reply.isDone else { return reply }
    do throws(StoreFault) {
      switch try start(call) {
      case .runs: return reply
      case .waits:
        return .done(
          "\(named(call.id)) waits for approval to run again with the same key"
            + unheard(unknown.conversation)
        )
      case .ended(let failure): return .refused(Self.notRunAgain(named(call.id), failure))
      }
    } catch {
      _ = try? move(unknown.id, .rerunEnded(call.id, nil))
      return .refused("\(error)")
    }
  }

  private static func notRunAgain(_ name: String, _ failure: CallFailure?) -> String {
    "\(name), which would run it again, was not admitted: \(failure?.message ?? "it has ended")"
  }

  /// What became of a call that a person began.
  enum Beginning {
    case runs
    /// For a person.
    case waits
    /// At admission.
    case ended(CallFailure?)
  }

  func start(_ call: Call) throws(StoreFault) -> Beginning {
    let (id, link) = (call.id, call.link)
    let effect = try admit(call)
    let beginning: Beginning =
      switch effect {
      case .ask: .waits
      case .answer:
        .ended((table.withShard(of: id) { $0.calls[id]?.call } ?? store.call(id))?.outcome?.failure)
      default: .runs
      }
    driveLinked(id, link, effect)
    return beginning
  }

  // MARK: - Switches

  private func setFunctions(
    _ names: Set<String>,
    called: String,
    from: Bool,
    to: Bool,
    by principal: Principal
  ) async -> Reply {
    let now = clock.now
    let switched = Switched(by: principal.name, at: now)
    // What stops things counts also while it can't be stored; what starts them does not.
    if to, let fault = storeFault { return .refused(fault) }
    let before = table.catalogue
    guard names.allSatisfy({ before[$0] != nil }) else {
      let near = before.nearestName(to: called).map { "; did you mean \($0)?" } ?? ""
      return .refused("there is no function \(called)" + near)
    }
    var changed: [String] = []
    var ticket = CommitTicket.done
    let done = table.withEveryShard { catalogue in
      let differing = names.filter { catalogue[$0]?.isOn == from }
      guard !differing.isEmpty, from != to else { return nil }
      changed = differing.sorted()
      return catalogue.switching(Set(differing), on: to, switched)
    } commit: {
      ticket = commit(
        events: changed.map {
          event(
            .function(to ? .on : .off),
            function: $0,
            cause: to ? "switched on" : "switched off",
            by: principal.name
          )
        },
        settings: Dictionary(
          uniqueKeysWithValues: changed.map {
            (Setting.function($0).key, to ? .null : Setting.value(of: switched))
          }
        )
      )
      // Under the same locks: two people who switch at once must leave line and catalogue alike.
      slots.change(functions: Set(changed), isOn: to)
    }
    guard done else {
      let who = names.compactMap { before[$0]?.switched }.max { $0.at < $1.at }
      return .refused("already \(to ? "on" : "off")" + ago(who, now))
    }
    let held = changed.reduce(0) { $0 + slots.counts(of: $1).waiting }
    return await self.done(
      to
        ? "\(called) is on"
        : "\(called) is off" + (held > 0 ? "; \(held) queued calls are held" : ""),
      on: ticket
    )
  }

  private func hold(from: Bool, to: Bool, by principal: Principal) async -> Reply {
    let now = clock.now
    if !to, let fault = storeFault { return .refused(fault) }
    let before = table.catalogue.held
    let switched = Switched(by: principal.name, at: now)
    var ticket = CommitTicket.done
    let done = table.withEveryShard { catalogue in
      guard (catalogue.held != nil) == from, from != to else { return nil }
      return catalogue.withHold(to ? switched : nil)
    } commit: {
      ticket = commit(
        events: [
          event(
            .engine(to ? .held : .released),
            cause: to ? "held" : "released",
            by: principal.name
          )
        ],
        settings: [Setting.hold.key: to ? Setting.value(of: switched) : .null]
      )
      slots.change(isHeld: to)
    }
    guard done else {
      return .refused(to ? "already held" + ago(before, now) : "not held any more")
    }
    return await self.done(
      to ? "everything is held: nothing new starts" : "released",
      on: ticket
    )
  }

  /// The reply to something that counts already, which says so where it is not on disk.
  func done(_ what: String, on ticket: CommitTicket) async -> Reply {
    guard let fault = await ticket.fault()?.description ?? storeFault else { return .done(what) }
    return .notStored(
      "\(what); NOT STORED (\(fault)): it counts now, and is forgotten if callboard ends before its store works again"
    )
  }

  private func setBreaker(
    _ name: String,
    from: CircuitBreaker.State,
    to: CircuitBreaker.State,
    by principal: Principal
  ) -> Reply {
    guard let function = table.catalogue[name] else {
      return .refused("there is no function \(name)")
    }
    let now = clock.monotonic
    let state = function.runtime.withBreaker { breaker -> CircuitBreaker.State in
      let state = breaker.state
      guard state == from else { return state }
      if to == .closed { breaker.reset() } else { breaker.trip(at: now) }
      return state
    }
    guard state == from else {
      return .refused("the breaker of \(name) is \(state.rawValue.replacing("_", with: " ")) now")
    }
    commit(events: [breakerEvent(function, by: principal.name)])
    return .done(
      to == .closed ? "the breaker of \(name) is reset" : "the breaker of \(name) is tripped"
    )
  }

  /// Whether somebody else's word is why a decision does not count.
  private static func isLate(_ error: any Error) -> Bool {
    if error is IllegalMove { return true }
    return switch error as? DecisionRefused {
    case .stale, .otherDigest, .wrongState: true
    case .requester, .twice, .noRight, .notADecider, .notApprovedByYou, .sharedAccount, .noGrant,
      .held, .definitionNotAccepted, .tooLate, .extendedBefore, .longestWait, .rerunIsLive, nil:
      false
    }
  }

  /// How much faster somebody else was.
  private func sooner(_ at: Date) -> String {
    let tenths = Int((max(0, clock.now.timeIntervalSince(at)) * 10).rounded())
    return ", \(tenths / 10).\(tenths % 10) s before you"
  }

  /// Who has held the engine or switched a function off, and when; nil where neither is so any more.
  private func whoHolds(_ function: String) -> String? {
    let catalogue = table.catalogue
    if let held = catalogue.held {
      return "the engine is held\(ago(held, clock.now)); release it first"
    }
    guard catalogue[function]?.isOn == false else { return nil }
    return "the function is off\(ago(catalogue[function]?.switched, clock.now)); switch it on first"
  }

  func ago(_ switched: Switched?, _ now: Date) -> String {
    guard let switched else { return "" }
    return ": \(switched.by), \(Int(max(0, now.timeIntervalSince(switched.at)))) s ago"
  }

  /// What a person says of a call, without the secrets in it.
  private func shown(_ text: String, about id: CallID) -> String {
    let function = table.withShard(of: id) { shard in shard.calls[id]?.function }
    return (function?.redactor ?? redactor).redact(
      said: knownSecrets(of: id).hiding(in: text) ?? text
    )
  }

  // MARK: - Refusals

  /// A decision that does not count is told to whoever made it, and audited.
  func refused(_ id: CallID, _ error: any Error, by principal: Principal) -> Reply {
    let call = table.withShard(of: id) { $0.calls[id]?.call } ?? store.call(id)
    var text = "\(error)"
    if case .held = error as? DecisionRefused, let call { text = whoHolds(call.function) ?? text }
    if Self.isLate(error), let last = call?.lastWord {
      let who = last.by.map { $0 == principal.name ? ", by you, elsewhere" : ", by \($0)" } ?? ""
      text += ": \(last.cause)\(who)\(sooner(last.at))"
      if last.by != nil, let illegal = error as? IllegalMove {
        presence.note(
          LateWord(by: principal, wanted: illegal.event, at: clock.now),
          on: id,
          monotonic: clock.monotonic
        )
        changed()
      }
    }
    return refused(call, because: text, by: principal)
  }

  func refused(_ id: CallID, because why: String, by principal: Principal) -> Reply {
    refused(
      table.withShard(of: id) { $0.calls[id]?.call } ?? store.call(id),
      because: why,
      by: principal
    )
  }

  func refused(_ call: Call?, because why: String, by principal: Principal) -> Reply {
    commit(events: [event(.engine(.decisionRefused), call: call, cause: why, by: principal.name)])
    return .refused(why)
  }

  private func refuse(_ request: Request, by principal: Principal, _ why: String) {
    var id: CallID?
    switch request {
    case .approve(let call, _), .deny(let call, _, _, _), .edit(let call, _, _),
      .extend(let call, _), .check(let call, _),
      .undo(let call, _), .settle(let call, _, _), .cancel(let call, _),
      .runAgain(let call, _, _):
      id = call
    case .setFunction, .setProvider, .setBreaker, .clearCache, .hold, .grant, .revokeGrant,
      .acceptDefinition, .declineDefinition, .stopConversation, .pauseConversation, .message,
      .startRun, .cancelRun, .retryRun, .reading, .left:
      break
    }
    let call = id.flatMap { id in table.withShard(of: id) { $0.calls[id]?.call } ?? store.call(id) }
    _ = refused(call, because: why, by: principal)
  }

  func named(_ id: CallID) -> String {
    let function =
      table.withShard(of: id) { $0.calls[id]?.call.function } ?? store.call(id)?.function
    return "\(function ?? "call") \(id.short)"
  }
}
