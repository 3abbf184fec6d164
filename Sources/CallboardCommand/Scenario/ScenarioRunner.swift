import Callboard
import Foundation
import JSONSchema
import Synchronization

/// Plays one scenario: takes its steps, stands in for people, and keeps what came of it.
final class ScenarioRunner: Sendable {
  let scenario: Scenario
  let world: ScenarioWorld
  let overlays: [MockProvider]
  /// For people, mocks and scripted models, which outlive an engine.
  private let deadlines: DeadlineQueue
  let log: ScenarioLog
  let clock: ScenarioClock
  /// Where everything of it runs.
  let executor: ScenarioExecutor
  private let tape: Taping
  /// For the scenario's own time limit, which no step sets forward.
  private let watch = ScenarioClock.machine
  private let watched: DeadlineQueue
  let state = Mutex(State())
  var session: EngineSession { world.session }
  var engine: Engine { session.engine }

  struct State {
    var calls: [String: CallID] = [:]
    var conversations: [String: ConversationID] = [:]
    /// Names of conversations whose answers the steps wait for.
    var awaited: Set<String> = []
    /// How often each decision rule was used.
    var used: [Int: Int] = [:]
    /// Decisions that were refused once: rule and call.
    var refused: Set<String> = []
    var mishaps: [Check] = []
    var unattended: [CallID] = []
    var gates: [CallID: OneShot<Bool>] = [:]
    var pauses: [OneShot<Bool>] = []
    /// Runs of workflows by the names that steps give them, and those that steps wait for.
    var runs: [String: RunID] = [:]
    var grants: [String: GrantID] = [:]
    /// The event that the engine dies with, counted from a place in the log.
    var death: (last: EventPattern, start: Int)?
    var awaitedRuns: Set<String> = []
    var loads: [LoadReport] = []
    /// Calls that were made to see whether they are rejected.
    var probed: Set<CallID> = []
    /// Calls that a rule or a step leaves to expire.
    var leftToExpire: Set<CallID> = []
    /// Calls that are being decided, and those of them that came to wait anew meanwhile.
    private var deciding: Set<CallID> = []
    private var again: Set<CallID> = []
    var isOver = false
    /// It was ended early: nothing is waited for any longer.
    var isStopped = false
    /// Nothing of it could go on any more.
    var isStuck = false
    /// What has come of it is known.
    var isDone = false

    /// Whether somebody has to look at a call that waits; nobody else is doing so.
    mutating func begins(deciding id: CallID) -> Bool {
      if deciding.insert(id).inserted { return true }
      again.insert(id)
      return false
    }

    /// Whether it came to wait anew while it was decided.
    mutating func goesOn(deciding id: CallID) -> Bool {
      if again.remove(id) != nil { return true }
      deciding.remove(id)
      return false
    }
  }

  /// One thing that was expected, and what came instead.
  struct Check: Sendable {
    var expected: String
    /// nil: it held.
    var came: String?
  }

  /// What is done with what models and functions answer.
  enum Taping {
    case none
    case record(Recorder)
    case replay(Replayer)

    var tape: (any Tape)? {
      switch self {
      case .none: nil
      case .record(let recorder): recorder
      case .replay(let replayer): replayer
      }
    }
  }

  /// `isRecorded`: what models and functions answer is taken down, for the result; `replaying`: it comes from there.
  init(
    _ scenario: Scenario,
    events: EventFile?,
    isRecorded: Bool = false,
    replaying play: RecordedPlay? = nil
  ) throws {
    self.scenario = scenario
    let log = ScenarioLog()
    self.log = log
    watched = DeadlineQueue(clock: watch)
    let clock = ScenarioClock(isReal: scenario.hasRealClock && play == nil)
    self.clock = clock
    executor = ScenarioExecutor(clock: clock)
    let deadlines = DeadlineQueue(clock: clock)
    self.deadlines = deadlines
    if let play {
      tape = .replay(Replayer(play, of: scenario, clock: clock, deadlines: deadlines))
    } else {
      tape = isRecorded ? .record(Recorder(clock: clock)) : .none
    }
    let scene = MockProvider.Scene(
      clock: clock,
      deadlines: deadlines,
      seed: scenario.seed,
      faults: Faults(scenario.faults, seed: scenario.seed)
    )
    let overlays = scenario.overlays(in: scene)
    self.overlays = overlays
    let tape = tape.tape
    let sealer = scenario.restarts ? Sealer(Sealer.MasterKey()) : nil
    world = try ScenarioWorld(on: executor, clock: clock, store: scenario.memory) {
      life,
      store,
      number in
      try EngineSession(
        scenario.configuration,
        isUnattended: !scenario.hasPeople,
        // No two engines on one store make the same ids.
        seed: scenario.seed &+ UInt64(number) << 32,
        store: OpenedStore(store: store, sealer: sealer),
        takesUp: number > 0,
        overlays: overlays,
        clock: clock,
        deadlines: life.deadlines,
        executor: life,
        modelOverlay: ModelOverlay(
          clock: clock,
          scripted: scenario.scriptedModels(clock: clock, deadlines: deadlines)
            + scenario.talks.map { RecordedModel($0, clock: clock, deadlines: deadlines) }
        ),
        tape: LifeTape(life: life, base: tape)
      ) { event in
        log.add(event)
        events?.add(event)
      }
    }
    executor.onNothingLeft { [weak self] in self?.nothingIsLeft() }
  }

  /// Plays it to its end or to its time limit.
  func run() async -> ScenarioResult {
    let result = await withTaskExecutorPreference(executor) { await play() }
    executor.end()
    return result
  }

  /// Nothing is on its way, and no moment is waited for: what a step waits for never comes, and what has not ended never
  /// will.
  private func nothingIsLeft() {
    if log.giveUp() { return }
    let isFirst = state.withLock { state in
      guard !state.isStuck, !state.isStopped, !state.isDone else { return false }
      state.isStuck = true
      return true
    }
    if isFirst { stop() }
  }

  private func play() async -> ScenarioResult {
    let start = watch.monotonic
    let isOutOfTime = Mutex(false)
    let deadline = watched.schedule(at: start + scenario.timeout) { [self] in
      isOutOfTime.withLock { $0 = true }
      stop()
    }
    let people = Task(executorPreference: executor) { [self] in await decide() }
    let begin = clock.monotonic
    for step in scenario.steps where !state.withLock({ $0.isOver }) {
      Output.error.progress("\(scenario.name): \(step.place)")
      await take(step)
    }
    await finish()
    let time = clock.monotonic - begin
    watched.cancel(deadline)
    log.end()
    await people.value
    let played = Played(
      events: log.events,
      calls: state.withLock { $0.calls },
      conversations: state.withLock { $0.conversations },
      engine: engine,
      runs: state.withLock { $0.runs },
      endedRuns: await endedRuns(),
      loads: state.withLock { $0.loads },
      time: time,
      usage: await usage(),
      prices: scenario.prices
    )
    let result = result(
      played,
      seconds: (watch.monotonic - start) / .seconds(1),
      isOutOfTime: isOutOfTime.withLock { $0 }
    )
    state.withLock { $0.isDone = true }
    if world.isDown { await session.abandon() } else { await session.close(patience: .zero) }
    return result
  }

  /// Ends it after a signal: what runs has its time to end, and is stopped then, as on any engine.
  func interrupt() async {
    endSteps()
    // Over also when the engine dies before it has stopped: nothing of it goes on then.
    let stop = world.life.begin(isCounted: false) { [session] in await session.stopInOrder() }
    await stop.end
  }

  /// Gives what runs no more time after that.
  func hurry() { engine.hurry() }

  func leave() -> ExitStatus { session.leave() }

  /// A line for each call of which nobody knows whether it happened.
  var unknownOutcomes: [String] { ConsoleRun.unknownOutcomes(engine) }

  private func endSteps() {
    let gates = state.withLock { state in
      state.isOver = true
      state.isStopped = true
      defer { state.pauses = [] }
      return Array(state.gates.values) + state.pauses
    }
    log.end()
    for gate in gates { gate.resolve(true) }
  }

  /// Waits so long, or until it is ended early.
  func pause(for duration: Duration) async {
    let gate = OneShot<Bool>()
    let isStopped = state.withLock { state in
      state.pauses.append(gate)
      return state.isStopped
    }
    guard !isStopped else { return }
    let token = deadlines.schedule(at: clock.monotonic + duration) { gate.resolve(true) }
    _ = await gate.value
    deadlines.cancel(token)
    state.withLock { $0.pauses.removeAll { $0 === gate } }
  }

  /// Ends it when it is out of time: whatever has not ended is cancelled.
  private func stop() {
    let conversations = state.withLock { Array($0.conversations.values) }
    endSteps()
    guard !world.isDown else { return world.life.end() }
    Task(executorPreference: executor) { [self, engine] in
      let clerk = Principal(name: "callboard", roles: [.operator])
      for id in conversations { _ = await engine.perform(.stopConversation(id), by: clerk) }
      for id in received() { await cancel(id, by: clerk) }
      await engine.stop(patience: .zero)
    }
  }

  /// Cancels a call, however often it moves on between the look and the word.
  private func cancel(_ id: CallID, by clerk: Principal) async {
    while let call = detail(id)?.call, !call.state.isEnded {
      let reply = await engine.perform(.cancel(id, revision: call.revision), by: clerk)
      guard !reply.isDone, detail(id)?.call.revision != call.revision else { return }
    }
  }

  // MARK: - Steps

  private func take(_ step: Scenario.Step) async {
    switch step.action {
    case .calls(let plans): await make(plans, step)
    case .conversation(let conversation): await begin(conversation, at: step.place)
    case .workflow(let start): await begin(start, step)
    case .cancelRun(let name, let person): await cancel(run: name, as: person, step)
    case .retryRun(let name, let person): await retry(run: name, as: person, step)
    case .load(let load): await world.life.begin { [self] in await bear(load) }.end
    case .boundary(let plan):
      await world.life.begin { [self] in await probe(plan, at: step.place) }.end
    case .pause(let duration): await pause(for: duration)
    case .advance(let duration): clock.advance(by: duration)
    case .until(let pattern):
      let names = state.withLock { $0.calls }
      let found = await log.event(count: pattern.count, givesUp: true) {
        pattern.matches($0, calls: names)
      }
      if found == nil { mishap("\(step.place): \(pattern.words)", "it never came") }
    case .toggle(let name, let on, let person):
      let request: Request =
        name.contains(".")
        ? .setFunction(name, from: !on, to: on) : .setProvider(name, from: !on, to: on)
      await ask(request, as: person, step)
    case .hold(let to, let person): await ask(.hold(from: !to, to: to), as: person, step)
    case .breaker(let name, let to, let person):
      let from = functionRow(name)?.breaker ?? .closed
      await ask(.setBreaker(name, from: from, to: to), as: person, step)
    case .clearCache(let name, let person): await ask(.clearCache(function: name), as: person, step)
    case .stop(let name, let person):
      guard let id = conversation(name, at: step) else { return }
      await ask(.stopConversation(id), as: person, step)
    case .message(let name, let text, let person):
      guard let id = conversation(name, at: step) else { return }
      let reply = await ask(.message(id, text), as: person, step)
      // A conversation whose first answer was waited for is waited for again.
      if reply.isDone, state.withLock({ $0.awaited.contains(name) }) { _ = await engine.ended(id) }
    case .decide(let decide): await take(decide, step)
    case .world(let world, let person): await take(world, as: person, step)
    }
  }

  func conversation(_ name: String, at step: Scenario.Step) -> ConversationID? {
    let known = state.withLock { $0.conversations }
    if let id = known[name] { return id }
    let names = known.keys.sorted().joined(separator: ", ")
    mishap(
      "\(step.place) finds the conversation \(name)",
      names.isEmpty ? "none has begun" : "there are only \(names)"
    )
    return nil
  }

  private func functionRow(_ name: String) -> FunctionRow? {
    guard case .function(let detail) = engine.snapshot(of: .function(name)).body else { return nil }
    return detail?.row
  }

  private func person(_ name: String) -> Principal {
    scenario.configuration.people.person(named: name) ?? Principal(name: name, roles: [])
  }

  func caller(_ name: String) -> Principal {
    scenario.configuration.people.caller(named: name) ?? Principal(name: name, roles: [])
  }

  func mishap(_ expected: String, _ came: String) {
    state.withLock { $0.mishaps.append(Check(expected: expected, came: came)) }
  }

  /// Sends a request; whether it is done or refused has to be as the step says.
  @discardableResult
  func ask(_ request: Request, as name: String, _ step: Scenario.Step) async -> Reply {
    let reply = await engine.perform(request, by: person(name))
    switch (reply.isDone, step.refused) {
    case (true, nil): break
    case (true, let words?):
      mishap("\(step.place) is refused: “\(words)”", "it was done: \(reply.message)")
    case (false, nil): mishap("\(step.place) is done", "it was refused: \(reply.message)")
    case (false, let words?) where reply.message.contains(words): break
    case (false, let words?):
      mishap("\(step.place) is refused: “\(words)”", "it was refused: \(reply.message)")
    }
    return reply
  }

  // MARK: - Calls and conversations

  private func make(_ plans: [Scenario.CallPlan], _ step: Scenario.Step) async {
    var waited: [Life.Going] = []
    for plan in plans {
      let start = log.count
      let caller = caller(plan.caller)
      @Sendable func isReceived(_ event: EngineEvent) -> Bool {
        event.type == .call(.received) && event.call?.caller == plan.caller
          && event.call?.conversation == nil && event.call?.link == nil && event.call?.step == nil
      }
      let received = OneShot<CallID?>()
      Task(executorPreference: executor) { [log] in
        received.resolve(await log.event(from: start, where: isReceived)?.call?.id)
      }
      let going = world.life.begin { [self, engine] in
        let submission =
          switch plan.arguments {
          case .value(let value): await engine.submit(plan.function, value, by: caller)
          case .text(let text): await engine.submit(plan.function, text: text, by: caller)
          }
        switch submission {
        case .pending(let id): await self.settled(id)
        case .finished(_, let outcome):
          let stored = log.events.dropFirst(start).first(where: isReceived)?.call?.id
          self.check(outcome, of: plan, isStored: stored != nil, step)
          received.resolve(stored)
        }
      }
      let id = await received.value
      if let name = plan.name, let id { state.withLock { $0.calls[name] = id } }
      if plan.waits { waited.append(going) }
    }
    for going in waited { await going.end }
  }

  /// What a caller hears where the step says that it is refused; and where the store did not take the call, which then
  /// never was.
  private func check(
    _ outcome: CallOutcome,
    of plan: Scenario.CallPlan,
    isStored: Bool,
    _ step: Scenario.Step
  ) {
    guard step.refused != nil || !isStored else { return }
    let words = outcome.failure?.message
    if let refused = step.refused, words?.contains(refused) == true { return }
    mishap(
      "\(step.place) of \(plan.function) "
        + (step.refused.map { "is refused: “\($0)”" } ?? "is stored"),
      words.map { "it was refused: \($0)" } ?? "it was done"
    )
  }

  /// Waits until a call has ended, or is unknown and everybody who could settle it has had a say.
  ///
  /// While steps decide it returns at once: the next of them may be what the call waits for.
  func settled(_ id: CallID) async {
    if scenario.decidesInSteps, !state.withLock({ $0.isOver }) { return }
    _ = await log.event { event in
      guard event.call?.id == id, case .call(let word) = event.type else { return false }
      return word.isEnded || word == .unknown
    }
    guard detail(id)?.row.state == .unknown, scenario.decisions.contains(where: \.decision.settles)
    else { return }
    _ = await gate(id).value
  }

  /// Opens when the rules have had their say about a call whose outcome is unknown.
  private func gate(_ id: CallID) -> OneShot<Bool> {
    state.withLock { state in
      let gate = state.gates[id] ?? OneShot<Bool>()
      if state.isStopped { gate.resolve(true) }
      state.gates[id] = gate
      return gate
    }
  }

  /// Every call so far, in the order in which they came.
  private func received() -> [CallID] {
    log.events.filter { $0.type == .call(.received) }.compactMap(\.call?.id)
  }

  private func begin(_ conversation: Scenario.ConversationStep, at place: String) async {
    let caller = caller(conversation.plan.caller)
    do {
      let id = try session.start(conversation.plan, caller: caller)
      let name = conversation.name ?? conversation.plan.model
      state.withLock { state in
        state.conversations[name] = id
        if conversation.waits { state.awaited.insert(name) }
      }
      let going = world.life.begin { [engine] in _ = await engine.ended(id) }
      if conversation.waits { await going.end }
    } catch {
      mishap("\(place) begins", "\(error)")
    }
  }

  /// Waits for everything that was begun, and denies what would wait for ever.
  private func finish() async {
    state.withLock { $0.isOver = true }
    // A stopped engine leaves everything as it is.
    guard !world.isDown else { return await world.stopped() }
    let leftToExpire = state.withLock { $0.leftToExpire }
    for id in waitingNow() where scenario.decidesInSteps && !leftToExpire.contains(id) {
      await deny(id, because: "the scenario's steps are over, and nobody is left to decide")
    }
    await world.life.ended()
    var seen = 0
    while let next = log.received(seen) {
      seen += 1
      if detail(next)?.row.state.isEnded != true { await settled(next) }
      // What was run again with success ends the unknown call a moment later.
      guard let call = detail(next)?.call, case .settles(let unknown)? = call.link,
        call.state.word == .succeeded
      else { continue }
      _ = await log.event { event in
        guard event.call?.id == unknown, case .call(let word) = event.type else { return false }
        return word.isEnded
      }
    }
  }

  private func waitingNow() -> [CallID] {
    guard case .waiting(let page) = engine.snapshot(of: .waiting(ListQuery(after: 10_000))).body
    else { return [] }
    return page.rows.filter { $0.state == .awaitingApproval }.map(\.id)
  }

  // MARK: - People

  /// Stands in for people until the scenario is over: what takes one of them long keeps no other call waiting.
  private func decide() async {
    await withDiscardingTaskGroup { group in
      for await id in log.waitingCalls where state.withLock({ $0.begins(deciding: id) }) {
        group.addTask { [self] in
          repeat {
            await decide(id)
            if detail(id)?.row.state != .awaitingApproval { gate(id).resolve(true) }
          } while state.withLock { $0.goesOn(deciding: id) }
        }
      }
    }
  }

  private func decide(_ id: CallID) async {
    guard let call = detail(id)?.call, call.state.word.needsPerson else { return }
    let names = state.withLock { $0.calls }
    for (index, rule) in scenario.decisions.enumerated() {
      guard fits(rule, call, names),
        rule.times.map({ limit in state.withLock { $0.used[index] ?? 0 } < limit }) ?? true,
        !state.withLock({ $0.refused.contains("\(index) \(id)") })
      else { continue }
      state.withLock { $0.used[index, default: 0] += 1 }
      if case .letExpire = rule.decision {
        state.withLock { _ = $0.leftToExpire.insert(id) }
        return
      }
      if rule.after > .zero { await pause(for: rule.after) }
      guard let now = detail(id)?.call, now.state.word.needsPerson else { return }
      guard let request = request(rule.decision, for: now) else { return }
      let reply = await engine.perform(request, by: person(rule.person))
      if !reply.isDone {
        state.withLock { _ = $0.refused.insert("\(index) \(id)") }
        return await decide(id)
      }
      // An edited call waits on, and two approvers may be needed: the other rules are asked, this one had its say.
      state.withLock { _ = $0.refused.insert("\(index) \(id)") }
      if detail(id)?.call.state.word == .awaitingApproval { return await decide(id) }
      if case .runAgain = rule.decision { await rerunEnded(of: id) }
      return
    }
    guard call.state.word == .awaitingApproval else { return }
    if scenario.decidesInSteps, !state.withLock({ $0.isOver }) { return }
    await deny(id, because: "no decision of the scenario fits, and nobody else is there")
  }

  /// A call that is run again asks for approval like any other, so that is decided meanwhile.
  private func rerunEnded(of unknown: CallID) async {
    let link = Call.Link.settles(unknown)
    guard
      let again = await log.event(where: { $0.type == .call(.received) && $0.call?.link == link }),
      let id = again.call?.id
    else { return }
    if detail(id)?.row.state == .awaitingApproval { await decide(id) }
    let end = await log.event { event in
      guard event.call?.id == id, case .call(let word) = event.type else { return false }
      return word.isEnded || word == .unknown
    }
    guard end?.type == .call(.succeeded) else { return }
    _ = await log.event { event in
      guard event.call?.id == unknown, case .call(let word) = event.type else { return false }
      return word.isEnded
    }
  }

  private func fits(_ rule: Scenario.DecisionRule, _ call: Call, _ names: [String: CallID]) -> Bool
  {
    guard rule.on?.matches(call.function) ?? true, rule.caller?.matches(call.caller.name) ?? true,
      rule.call.map({ names[$0] == call.id }) ?? true,
      rule.when?.isValid(call.decided?.shown ?? .null) ?? true
    else { return false }
    switch rule.decision {
    case .approve, .deny, .edit, .extend, .letExpire: return call.state.word == .awaitingApproval
    case .undo: return false
    case .settle, .runAgain: return call.state.word == .unknown
    case .cancel: return true
    }
  }

  private func deny(_ id: CallID, because reason: String) async {
    guard let call = detail(id)?.call, call.state.word == .awaitingApproval else { return }
    let nobody = Principal(name: "nobody", roles: [.operator])
    guard let request = request(.deny(reason), for: call) else { return }
    let reply = await engine.perform(request, by: nobody)
    if reply.isDone { state.withLock { $0.unattended.append(id) } }
  }

  func detail(_ id: CallID) -> CallDetail? {
    guard case .call(let detail) = engine.snapshot(of: .call(id)).body else { return nil }
    return detail
  }

  /// The call that a step decides on; one that is named by its function may be yet to come.
  private func subject(of decide: Scenario.DecideStep) async -> CallID? {
    if let name = decide.call { return state.withLock { $0.calls[name] } }
    guard let pattern = decide.on else { return nil }
    if case .cancel = decide.decision {
      return received().last { id in
        detail(id).map { pattern.matches($0.row.function) && !$0.row.state.isEnded } ?? false
      }
    }
    @Sendable func asks(_ event: EngineEvent) -> Bool {
      guard let call = event.call, call.state.needsPerson else { return false }
      return event.type == .call(call.state) && pattern.matches(call.function)
    }
    let start = log.count
    let known = log.events.filter(asks).compactMap(\.call?.id)
    if let last = known.last(where: { detail($0)?.row.state.needsPerson == true }) { return last }
    return await log.event(from: start, givesUp: true) { asks($0) }?.call?.id
  }

  /// What the person of a step has before their eyes.
  private func seen(of call: Call, in decide: Scenario.DecideStep) -> Seen {
    var seen = Seen(revision: call.revision, digest: call.approval?.digest ?? "")
    if decide.isStale,
      let first = log.events.first(where: {
        $0.call?.id == call.id && $0.type == .call(.awaitingApproval)
      })
    {
      seen = Seen(revision: first.call?.revision ?? 0, digest: first.digest ?? "")
    }
    if let digest = decide.digest { seen.digest = digest }
    return seen
  }

  /// What to ask of the engine; nil where nothing is decided.
  private func request(
    _ decision: Scenario.Decision,
    for call: Call,
    seen: Seen? = nil
  ) -> Request? {
    let seen = seen ?? Seen(revision: call.revision, digest: call.approval?.digest ?? "")
    switch decision {
    case .approve: return .approve(call.id, seen)
    case .deny(let reason): return .deny(call.id, seen, reason: reason, stopConversation: false)
    case .edit(let members):
      var arguments = call.decided?.shown ?? .object(JSONObject())
      for (key, value) in members { arguments[key] = value }
      return .edit(call.id, seen, arguments: arguments)
    case .extend: return .extend(call.id, seen)
    case .undo: return .undo(call.id, seen)
    case .settle(let settlement): return .settle(call.id, revision: call.revision, settlement)
    case .runAgain: return .runAgain(call.id, revision: call.revision, arguments: nil)
    case .cancel: return .cancel(call.id, revision: call.revision)
    case .letExpire: return nil
    }
  }

  private func take(_ decide: Scenario.DecideStep, _ step: Scenario.Step) async {
    guard let id = await subject(of: decide) else {
      let name = decide.call ?? decide.on?.text ?? ""
      return mishap(step.place, "there is no call \(name) yet")
    }
    if let wanted = decide.decision.wants, step.refused == nil {
      // Counted before the look: what comes after it is not missed.
      let start = log.count
      if let state = detail(id)?.row.state, !wanted.contains(state) {
        _ = await log.event(from: max(0, start - 1), givesUp: true) { event in
          guard event.call?.id == id, case .call(let word) = event.type else { return false }
          return wanted.contains(word)
        }
      }
    }
    guard let call = detail(id)?.call else {
      return mishap(step.place, "the call is kept no longer")
    }
    let start = log.count
    guard let request = request(decide.decision, for: call, seen: seen(of: call, in: decide)) else {
      state.withLock { _ = $0.leftToExpire.insert(id) }
      _ = await log.event(givesUp: true) { event in
        guard event.call?.id == id, case .call(let word) = event.type else { return false }
        return word.isEnded
      }
      return
    }
    await ask(request, as: decide.person, step)
    guard case .runAgain = decide.decision, let name = decide.name, step.refused == nil else {
      return
    }
    let again = await log.event(from: start) { event in
      event.type == .call(.received) && event.call?.link?.other == id
    }
    if let new = again?.call?.id { state.withLock { $0.calls[name] = new } }
  }

  // MARK: - What came of it

  /// What the model of each conversation used; those that have not ended are left out.
  private func usage() async -> [(model: String, usage: TokenUsage)] {
    var usage: [(model: String, usage: TokenUsage)] = []
    var seen: Set<ConversationID> = []
    for id in log.events.compactMap(\.conversation) where seen.insert(id).inserted {
      guard case .conversation(let detail?) = engine.snapshot(of: .conversation(id)).body,
        !detail.row.state.isLive, let ended = await engine.ended(id)
      else { continue }
      usage.append((ended.model, ended.usage))
    }
    return usage
  }

  private func result(_ played: Played, seconds: Double, isOutOfTime: Bool) -> ScenarioResult {
    let (mishaps, unattended) = state.withLock { ($0.mishaps, Set($0.unattended)) }
    let judged = scenario.expectations.judge(played)
    var result = ScenarioResult(
      name: scenario.name,
      file: scenario.file,
      seconds: seconds,
      calls: played.callCount,
      checks: mishaps + judged.checks,
      conversations: played.conversationLines()
    )
    if state.withLock({ $0.isStuck }) {
      result.notes.append(
        "nothing was on its way any more, and no moment was waited for: what had not ended was stopped"
      )
      result.statuses.append(.outOfTime)
    }
    if isOutOfTime {
      result.notes.append("out of time after \(Int(seconds)) s: what had not ended was stopped")
      result.statuses.append(.outOfTime)
    }
    switch tape {
    case .none: break
    case .record(let recorder): result.recorded = recorder.play(of: scenario, played.events)
    case .replay(let replayer): result.checks += replayer.checks(played.events)
    }
    if result.checks.contains(where: { $0.came != nil }) { result.statuses.append(.failed) }
    result.loads = played.loads
    let probed = state.withLock { $0.probed }
    for call in played.allCalls()
    where !judged.expected.contains(call.id) && !probed.contains(call.id) {
      guard call.link == nil else { continue }
      if unattended.contains(call.id) || call.outcome?.failure?.kind == .nobodyToAsk {
        result.statuses.append(.denied)
        result.notes.append(
          "\(call.function) \(call.id.short) needed approval, and nobody could give it"
        )
      } else if case .unknown = call.state {
        result.statuses.append(.outcomeUnknown)
        result.notes.append("\(call.function) \(call.id.short): whether it happened is unknown")
      }
    }
    for (name, id) in played.conversations where !judged.expectedConversations.contains(name) {
      guard let detail = played.conversation(id), let failure = detail.failure else { continue }
      result.statuses.append(played.lastModelFailure(in: id).map(ExitStatus.of) ?? .failed)
      result.notes.append("the conversation \(name) failed: \(failure)")
    }
    result.hide(scenario.discretion)
    return result
  }
}
