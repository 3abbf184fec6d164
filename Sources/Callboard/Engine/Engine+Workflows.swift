import Foundation
import JSONSchema
import Synchronization

/// Runs workflows: makes calls of their steps, and has them go on when these end.
///
/// A step and its call, as `received`, are stored in one commit before the call is admitted, and the run knows its id:
/// whatever happens in between, no step is lost, and none is done twice.
extension Engine {
  /// Starts a run of a workflow of the configuration; its calls are made for `caller`.
  ///
  /// Throws where there is no such workflow, its input does not fit, or something that it refers to is not there.
  public func start(
    workflow name: String,
    input: JSONValue,
    by caller: Principal,
    id: RunID? = nil
  ) throws(ConfigurationMistake) -> RunID {
    let workflows = configuration.workflows
    guard let workflow = workflows.first(where: { $0.name == name }) else {
      let near = didYouMean(name, workflows.map(\.name)) ?? ""
      throw ConfigurationMistake(path: "", message: "there is no workflow \(name)" + near)
    }
    return try start(workflow, input: input, by: caller, id: id)
  }

  /// Starts a run of any workflow.
  public func start(
    _ workflow: Workflow,
    input: JSONValue,
    by caller: Principal,
    id: RunID? = nil
  ) throws(ConfigurationMistake) -> RunID {
    if let mistake = mistakes(in: workflow).first {
      throw ConfigurationMistake(path: mistake.pointer.description, message: mistake.message)
    }
    if isTooMuch(input) {
      throw ConfigurationMistake(
        path: "input",
        message: "the input is longer than arguments may be"
      )
    }
    let errors = redactor.redact(workflow.inputSchema.validate(input), about: input)
    if !errors.isEmpty {
      let told = errors.prefix(Self.toldErrors).map(\.message).joined(separator: "; ")
      let more = errors.count - Self.toldErrors
      throw ConfigurationMistake(
        path: "input",
        message: "the input of \(workflow.name) does not fit: \(told)"
          + (more > 0 ? "; and \(more) more" : "")
      )
    }
    guard !isStopping else {
      throw ConfigurationMistake(path: "", message: "callboard is stopping and starts nothing")
    }
    guard runs.count < Limit.runs.value else {
      throw ConfigurationMistake(
        path: "",
        message: "\(Limit.runs.value) runs live already; cancel some, or wait"
      )
    }
    let now = clock.now
    let run = WorkflowRun(
      id: id ?? RunID(newUUIDs(now).0),
      workflow: workflow,
      input: workflow.inputSchema.fillingDefaults(in: input),
      caller: caller,
      startedAt: now
    )
    let live = RunTable.Live(run, seed: run.id.uuid.low, isKnown: false)
    // One that was just made is nobody's.
    guard id == nil || store.run(run.id) == nil, runs.insert(live) else {
      throw ConfigurationMistake(path: "", message: "there is a run \(run.id) already")
    }
    do {
      try move(live, .start, cause: "started", by: caller.name)
    } catch {
      preconditionFailure("a run that was just made starts: \(error)")
    }
    return run.id
  }

  /// So many errors of an input are told.
  private static let toldErrors = 4

  /// What of a workflow is not there now, or does not fit.
  public func mistakes(in workflow: Workflow) -> [WorkflowMistake] {
    let catalogue = table.catalogue
    return runs.mistakes(in: workflow, with: catalogue) {
      WorkflowCheck(functions: catalogue.functions.map(\.definition), models: models.keys)
        .mistakes(in: workflow)
    }
  }

  /// Waits for the end of a run; nil when there is none.
  public func ended(_ id: RunID) async -> WorkflowRun? {
    guard let live = runs[id] else { return store.run(id)?.run }
    let waiter = OneShot<WorkflowRun>()
    live.state.withLock { state in
      // Asked under the lock: whoever stops the engine takes it afterwards, and finds this waiter.
      if state.run.state.word.isLive, !hasStopped {
        state.waiters.append(waiter)
      } else {
        waiter.resolve(state.run.withoutOriginals)
      }
    }
    return await waiter.value
  }

  // MARK: - Moving runs

  /// Moves a run, makes the calls of what begins, and stores both in one commit.
  @discardableResult
  private func move(
    _ live: RunTable.Live,
    _ event: WorkflowEvent,
    cause: String,
    by person: String? = nil
  ) throws -> CommitTicket {
    let now = clock.now
    let (stored, ticket) = try live.state.withLock { state -> (Stored, CommitTicket) in
      var next = state.run
      let effect = try next.handle(event, now: now, using: &state.generator)
      next = redacted(next, live.secrets)
      var calls: [Call] = []
      if case .begin(let beginnings) = effect {
        calls = beginnings.compactMap { makeCall(of: $0, caller: next.caller, live.secrets) }
      }
      state.run = next
      var told = self.event(.workflow(next.state.word), cause: said(cause, live), by: person)
      told.time = now
      told.run = next.id
      told.workflow = next.workflow.name
      return (store(&state, calls, told, effect), state.ticket)
    }
    perform(live, stored)
    return ticket
  }

  /// What is said of a run, without what it knows to be secret.
  private func said(_ text: String, _ live: RunTable.Live) -> String {
    redactor.redact(said: live.secrets.known.hiding(inCut: text))
  }

  private func redacted(_ run: WorkflowRun, _ secrets: SharedSecrets) -> WorkflowRun {
    guard run.hasPayload(where: { !$0.isRedacted }) || !secrets.known.isEmpty else {
      return run
    }
    var clean = run
    clean.redact(redactor)
    secrets.note(clean.payloads.flatMap(Redactor.secrets(of:)))
    let known = secrets.known
    guard !known.isEmpty else { return clean }
    return clean.mapping { payload, _ in
      var payload = payload
      payload.hide(known)
      return payload
    }
  }

  /// The call of a step, in the live table as it will stand in the run's commit; nil for the turn of a model.
  private func makeCall(
    of beginning: WorkflowRun.Beginning,
    caller: Principal,
    _ secrets: SharedSecrets
  ) -> Call? {
    guard case .call(let function, let arguments) = beginning.task,
      case .call(let id) = beginning.work
    else { return nil }
    let isTooMuch = isTooMuch(arguments)
    var call = makeCall(
      function,
      parsed: isTooMuch ? nil : arguments,
      unparsed: isTooMuch ? arguments.serialized() : nil,
      caller: caller,
      id: id,
      step: beginning.place
    )
    if isTooMuch {
      call.unreadable =
        "The arguments have more than the \(configuration.maxArgumentBytes) bytes, or levels, that they may have."
    }
    call.redact(table.catalogue[call.function]?.redactor ?? redactor, secrets)
    insert(received: call, secrets)
    return call
  }

  /// What is to be done once a run is stored; nothing where that waits for the store.
  private struct Stored {
    var effects: [WorkflowEffect] = []
    /// A call that has started in the same commit, and what comes next of it.
    var started: (id: CallID, effect: CallEffect)?
  }

  /// Stores a run with the calls of what begins; one that is alone starts with it where it may.
  private func store(
    _ state: inout RunTable.Live.State,
    _ calls: [Call],
    _ event: EngineEvent,
    _ effect: WorkflowEffect
  ) -> Stored {
    // What waits for the store is admitted when the store works again.
    let mayStart = state.owed.isEmpty && calls.count == 1
    state.owed.calls += calls
    state.owed.events.append(event)
    state.owed.effects.append(effect)
    return storeOwed(&state, starting: mayStart ? calls[0].id : nil)
  }

  private func storeOwed(
    _ state: inout RunTable.Live.State,
    starting id: CallID? = nil
  ) -> Stored {
    defer { changed() }
    let owed = state.owed
    let run = RunChange(
      state.run.withoutOriginals,
      sealed: sealer?.seal(state.run),
      isNew: !state.isKnown
    )
    var stored = Stored(effects: owed.effects)
    do throws(StoreFault) {
      var ticket: CommitTicket?
      if let id {
        let effect = try startAtOnce(id) { call throws(StoreFault) in
          let own = try store.commit(StoreChange(calls: [call], run: run, events: owed.events))
          ticket = own
          return own
        }
        stored.started = effect.map { (id, $0) }
      }
      state.ticket =
        if let ticket { ticket } else {
          try store.commit(
            StoreChange(
              calls: owed.calls.map {
                CallChange(CallRecord($0).withoutOriginals, stored: 0, sealed: sealer?.seal($0))
              },
              run: run,
              events: owed.events
            )
          )
        }
    } catch {
      storeFailed(error)
      comeBack()
      return Stored()
    }
    state.isKnown = true
    state.owed = RunTable.Live.Owed()
    storeWorks()
    return stored
  }

  /// Stores what runs have become while the store could not write, and goes on with it.
  func recoverRuns() {
    for live in runs.all {
      let stored = live.state.withLock { state in
        state.owed.isEmpty ? Stored() : storeOwed(&state)
      }
      perform(live, stored)
    }
  }

  private func perform(_ live: RunTable.Live, _ stored: Stored) {
    if let (id, effect) = stored.started {
      Task(executorPreference: executor) { [self] in await drive(id, effect) }
    }
    for effect in stored.effects { perform(live, effect) }
  }

  private func perform(_ live: RunTable.Live, _ effect: WorkflowEffect) {
    switch effect {
    case .none: break
    case .begin(let beginnings):
      for beginning in beginnings {
        switch beginning.work {
        case .call(let id): admitStep(id)
        case .conversation: converse(live, beginning)
        }
        watchTime(of: beginning.work, in: live.id)
      }
    case .stop(let works, let person):
      for work in works {
        switch work {
        case .call(let id):
          cancel(id, by: person)
          tellUnknown(step: id)
        case .conversation(let id):
          let by = person ?? live.run.caller
          _ = try? move(id, .stop(by: by), cause: "its run stops", by: person?.name)
        }
      }
    case .ended: runEnded(live)
    }
  }

  private func admitStep(_ id: CallID) {
    let isReceived = table.withShard(of: id) { $0.calls[id]?.call.state == .received }
    guard isReceived, !isStopping else { return }
    Task(executorPreference: executor) { [self] in
      let effect = admit(received: id)
      await drive(id, effect)
    }
  }

  private func runEnded(_ live: RunTable.Live) {
    let (waiters, timers, run) = live.state.withLock { state in
      defer {
        state.waiters = []
        state.timers = [:]
      }
      return (state.waiters, Array(state.timers.values), state.run)
    }
    for timer in timers { deadlines.cancel(timer) }
    // A retry may have come meanwhile.
    guard !run.state.word.isLive else { return }
    runs.remove(live.id)
    for waiter in waiters { waiter.resolve(run.withoutOriginals) }
  }

  // MARK: - Ends of work

  /// A call of a step has ended: its run goes on.
  func stepEnded(_ call: Call, of place: StepPlace) {
    // While the engine stops nothing begins: its end is found when the run is taken up again.
    guard !isStopping, call.link == nil, let live = runs[place.run] else { return }
    end(.call(call.id), Self.end(of: call), in: live, "\(place.name) \(call.state.word.rawValue)")
  }

  /// How an ended call counts for its step.
  static func end(of call: Call) -> WorkflowRun.WorkEnd {
    switch call.heard {
    case .result(let payload, _): .result(payload)
    case .failure(let failure): .failure(failure)
    case nil: .failure(CallFailure(.internalFault, "It ended without an outcome.", reach: .maybe))
    }
  }

  private func end(
    _ work: WorkflowRun.Work,
    _ end: WorkflowRun.WorkEnd,
    in live: RunTable.Live,
    _ cause: String
  ) {
    let timer = live.state.withLock { $0.timers.removeValue(forKey: work) }
    if let timer { deadlines.cancel(timer) }
    // Where the run waits for it no more, its end is in the audit log, and found by a retry.
    _ = try? move(live, .workEnded(work, end), cause: cause)
  }

  /// A call of a step is unknown: its run waits for a person, unless nobody can find out or the run is being stopped.
  func tellUnknown(step id: CallID) {
    // Nobody hears of what is not stored.
    let call = table.withShard(of: id) { shard in
      shard.calls[id].flatMap { $0.isStored ? $0.call : nil }
    }
    guard let call, case .unknown = call.state, let place = call.step, call.link == nil,
      let live = runs[place.run]
    else { return }
    guard configuration.isUnattended || live.run.state.word == .stopping else { return }
    let failure = CallFailure(
      .outcomeUnknown,
      call.firstFailure?.message ?? "Its outcome is unknown.",
      reach: .maybe
    )
    end(.call(id), .failure(failure), in: live, "the outcome of \(place.name) is unknown")
  }

  // MARK: - Turns of models

  /// Starts the conversation of a step, unless it is there already.
  private func converse(_ live: RunTable.Live, _ beginning: WorkflowRun.Beginning) {
    guard case .ask(let name, let system, let prompt) = beginning.task,
      case .conversation(let id) = beginning.work
    else { return }
    do throws(ConfigurationMistake) {
      guard let model = models[name] else {
        throw ConfigurationMistake(path: "model", message: "there is no model \(name)")
      }
      let run = live.run
      try start(
        ConversationRequest(
          title: "\(run.workflow.name) \(run.id.short), \(beginning.place.name)",
          caller: run.caller,
          model: name,
          system: system,
          messages: [prompt]
        ),
        model: model,
        id: id,
        secrets: live.secrets.known
      )
      conversationRuns.withLock { $0[id] = beginning.place }
      // It may have ended before it was known whose it is.
      tellConversationEnd(id)
    } catch {
      let failure = CallFailure(.invalidArguments, error.message)
      end(beginning.work, .failure(failure), in: live, "\(beginning.place.name) can't be asked")
    }
  }

  /// A conversation has ended: where it is the turn of a step, its run goes on.
  func tellConversationEnd(_ id: ConversationID) {
    guard let place = conversationRuns.withLock({ $0[id] }), let live = runs[place.run] else {
      return
    }
    let found = conversations.withLive(id) { ($0.conversation, $0.heard) }
    guard let (conversation, heard) = found ?? store.conversation(id).map({ ($0, []) }),
      let end = Self.end(of: conversation, heard)
    else { return }
    conversationRuns.withLock { _ = $0.removeValue(forKey: id) }
    self.end(
      .conversation(id),
      end,
      in: live,
      "\(place.name) \(conversation.state.word.rawValue)"
    )
  }

  /// nil while it lives.
  private static func end(of conversation: Conversation, _ heard: [Message]) -> WorkflowRun.WorkEnd?
  {
    switch conversation.state {
    case .thinking, .calling, .paused: nil
    case .finished:
      .result(
        answer(
          shown: conversation.messages.last?.message.text ?? "",
          heard: heard.last?.text
        )
      )
    case .stopped: .failure(CallFailure(.cancelled, "The conversation was stopped."))
    case .failed(let why): .failure(CallFailure(.functionThrew, why, reach: .answered))
    }
  }

  private static func answer(shown: String, heard: String?) -> Payload {
    var payload = Payload(["text": .string(heard ?? shown)])
    payload.redact { _ in heard == shown || heard == nil ? nil : ["text": .string(shown)] }
    return payload
  }

  // MARK: - Time

  /// Stops work whose time is over; the time that people take is not counted.
  private func watchTime(of work: WorkflowRun.Work, in id: RunID) {
    guard let live = runs[id] else { return }
    let look = live.state.withLock { state -> (began: Date, limit: Double)? in
      guard let place = state.run.place(of: work),
        state.run.steps[place.step].items[place.item].isOpen,
        let limit = state.run.workflow.steps[place.step].timeout
      else { return nil }
      let item = state.run.steps[place.step].items[place.item]
      return item.isTimedOut ? nil : (item.startedAt ?? state.run.startedAt, limit)
    }
    guard let look else { return }
    let now = clock.now
    var used = now.timeIntervalSince(look.began)
    var isAsking = false
    switch work {
    case .call(let call):
      guard let call = table.withShard(of: call, { $0.calls[call]?.call }) else { return }
      let waits = Self.waits(of: call, until: now)
      used -= waits.reduce(0) { $0 + $1.duration }
      isAsking = waits.contains { $0.end == now }
    case .conversation(let id):
      used = conversations.withLive(id) { $0.conversation.busy(at: now) } ?? used
    }
    let left = look.limit - used
    // Less than what the wall clock can tell apart.
    guard isAsking || left > 0.001 else {
      let name = live.run.place(of: work).map { live.run.steps[$0.step].id } ?? ""
      _ = try? move(live, .timedOut(work), cause: "the time of \(name) is over")
      return
    }
    let wait = Duration.seconds(isAsking ? max(left, 1) : left)
    let timer = deadlines.schedule(at: clock.monotonic + wait) { [weak self] in
      self?.watchTime(of: work, in: id)
    }
    let before = live.state.withLock { state in
      let isOpen = state.run.openWork.contains(work)
      return isOpen ? state.timers.updateValue(timer, forKey: work) : timer
    }
    if let before { deadlines.cancel(before) }
  }

  // MARK: - What people ask for

  func startRun(
    _ name: String,
    _ input: JSONValue,
    id: RunID,
    by principal: Principal
  ) async -> Reply {
    do throws(ConfigurationMistake) {
      _ = try start(workflow: name, input: input, by: principal, id: id)
      await stored(id)
      return .done("\(name) \(id.short) started")
    } catch {
      return .refused(error.message)
    }
  }

  func cancelRun(_ id: RunID, by principal: Principal) async -> Reply {
    guard let live = runs[id] else { return .refused(notLive(id)) }
    do {
      try move(live, .cancel(by: principal), cause: "cancelled", by: principal.name)
      await stored(id)
      let isOver = !live.run.state.word.isLive
      return .done(
        "\(live.run.workflow.name) \(id.short) "
          + (isOver ? "cancelled" : "is being cancelled: what runs is told to stop")
      )
    } catch {
      return .refused("\(error)")
    }
  }

  func retryRun(_ id: RunID, _ revision: Int, by principal: Principal) async -> Reply {
    guard runs[id] == nil else {
      return .refused(
        "the run is \(runs[id]?.run.state.word.rawValue ?? "running") now; it goes on by itself"
      )
    }
    guard let change = store.run(id) else { return .refused(notLive(id)) }
    guard change.run.revision == revision else {
      return .refused("the run has changed since you saw it; look again")
    }
    guard let run = opened(change) else {
      return .refused("its secrets are kept no longer, or can't be opened with this key")
    }
    if let mistake = mistakes(in: run.workflow).first {
      return .refused("\(run.workflow.name) can't go on as it is: \(mistake)")
    }
    let live = RunTable.Live(
      run,
      seed: run.id.uuid.low &+ UInt64(run.revision),
      isKnown: true
    )
    guard runs.insert(live) else { return .refused("somebody else had it go on before you") }
    do {
      try move(
        live,
        .retry(by: principal, known: known(of: run)),
        cause: "retried",
        by: principal.name
      )
    } catch {
      runs.remove(id)
      return .refused("\(error)")
    }
    for case .call(let call) in live.run.openWork { tellUnknown(step: call) }
    await stored(id)
    return .done("\(run.workflow.name) \(id.short) goes on")
  }

  private func notLive(_ id: RunID) -> String {
    guard let run = store.run(id)?.run else { return "there is no run \(id)" }
    return
      "the run has \(run.state.word == .cancelled ? "been cancelled" : run.state.word.rawValue) already"
  }

  /// What has become of the last work of items that failed.
  private func known(of run: WorkflowRun) -> [WorkflowRun.Work: WorkflowRun.Known] {
    var known: [WorkflowRun.Work: WorkflowRun.Known] = [:]
    for item in run.steps.flatMap(\.items) {
      guard case .failed = item.state, let work = item.work, case .call(let id) = work else {
        continue
      }
      if table.withShard(of: id, { $0.calls[id] != nil }) {
        known[work] = .open
      } else if let call = stored(id), case .result(let payload) = Self.end(of: call) {
        known[work] = .result(payload)
      }
    }
    return known
  }

  /// Waits until what a run has become is on disk.
  private func stored(_ id: RunID) async {
    let ticket = runs[id]?.state.withLock { $0.ticket }
    // It stays in line until it is stored.
    try? await ticket?.durable()
  }

  /// The engine has stopped: whoever waits for a run's end hears how far it got.
  func releaseRunWaiters() {
    for live in runs.all {
      let (waiters, run) = live.state.withLock { state in
        defer { state.waiters = [] }
        return (state.waiters, state.run)
      }
      for waiter in waiters { waiter.resolve(run.withoutOriginals) }
    }
  }

  // MARK: - Restart

  /// Puts runs back that lived when the last engine ended; before their calls, which ask whether they live.
  func insert(stored changes: [RunChange], _ result: inout TakenUp) {
    result.runs = changes.count
    for change in changes {
      for item in change.run.steps.flatMap({ step in step.items.map { (step.id, $0) } }) {
        guard case .conversation(let id)? = item.1.work, item.1.isOpen else { continue }
        conversationRuns.withLock { $0[id] = StepPlace(run: change.run.id, step: item.0) }
      }
      let run = opened(change)
      if run == nil { result.unreadable += 1 }
      let live = RunTable.Live(
        run ?? change.run,
        seed: change.run.id.uuid.low &+ UInt64(change.run.revision),
        isKnown: true
      )
      _ = runs.insert(live)
      guard run == nil else { continue }
      let why = "its secrets can't be opened with this key"
      _ = try? move(live, .lost(why), cause: why)
    }
  }

  /// A run with its originals; nil where these can't be opened, or are not there any more.
  private func opened(_ change: RunChange) -> WorkflowRun? {
    if let sealed = change.sealed { return sealer?.restoring(change.run, from: sealed) }
    return change.run.hasPayload { Redactor.hasMarks($0.shown) } ? nil : change.run
  }

  /// Goes on with runs whose calls have been taken up.
  func restart(runs changes: [RunChange]) {
    for change in changes {
      guard let live = runs[change.run.id] else { continue }
      let run = live.run
      for work in run.openWork { takeUp(work, of: live) }
      // What was told to stop may not have heard it.
      if run.state.word == .stopping { perform(live, .stop(live.run.openWork, by: nil)) }
    }
  }

  private func takeUp(_ work: WorkflowRun.Work, of live: RunTable.Live) {
    switch work {
    case .call(let id):
      if table.withShard(of: id, { $0.calls[id] != nil }) {
        tellUnknown(step: id)
        return watchTime(of: work, in: live.id)
      }
      do throws(StoreFault) {
        if let call = try store.lookUp(id), let place = call.step {
          // Its end was stored, and the run's step after it was not.
          return stepEnded(withOriginals(call), of: place)
        }
        end(work, .failure(Self.lost("it is kept no longer")), in: live, "a call of it is gone")
      } catch {
        end(work, .failure(Self.lost("\(error)")), in: live, "a call of it can't be read")
      }
    case .conversation(let id):
      guard let beginning = live.run.beginning(of: work) else { return }
      if conversations.withLive(id, { _ in true }) == nil, store.conversation(id) == nil {
        // It was to begin, and nothing of it was stored.
        converse(live, beginning)
      } else {
        conversationRuns.withLock { $0[id] = beginning.place }
        tellConversationEnd(id)
      }
      watchTime(of: work, in: live.id)
    }
  }

  private static func lost(_ why: String) -> CallFailure {
    CallFailure(
      .outcomeUnknown,
      "What became of its call can't be said (\(why)): it may have been done. Do not repeat it.",
      reach: .maybe
    )
  }
}
