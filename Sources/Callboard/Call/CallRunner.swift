import Foundation
import JSONSchema

/// Performs the effects of a call and feeds back what happened: the loop that waits, where `Call.handle` decides.
extension Engine {
  /// Goes on with a call until it ends or waits for a person.
  ///
  /// Runs on the caller's task, or on one of the engine's. Returns the outcome where it ended here.
  @discardableResult
  func drive(_ id: CallID, _ first: CallEffect) async -> CallOutcome? {
    var effect = first
    while true {
      // What a `write` is about to do, and what it has done, is on disk before it counts.
      if !store.commitsAtOnce, !(await isOnDisk(id, before: effect)) { return withdrawn(id) }
      switch effect {
      case .enqueue, .startRunner: effect = await takeTurn(id)
      case .invoke(let attempt):
        guard let next = await runAttempt(id, attempt) else { return nil }
        effect = next
      case .sleep(let until): effect = await sleep(id, until: until)
      case .join: effect = await waitForFlight(id)
      case .none, .ask, .answer, .waitGrace, .stopAttempt, .startChild, .cancelChild, .admit:
        return performAtOnce(id, effect)
      }
    }
  }

  /// Drives a call that another one waits for, which hears of its end also where it never was.
  func driveLinked(_ id: CallID, _ link: Call.Link?, _ effect: CallEffect) {
    Task(executorPreference: executor) { [self] in
      await drive(id, effect)
      guard let outcome = withdrawn(id) else { return }
      switch link {
      case .fallback(let parent): childEnded(id, outcome, parent: parent)
      case .settles(let unknown): rerunEnded(id, outcome, of: unknown)
      case .again, .checks, nil: break
      }
    }
  }

  /// What the caller hears of a call whose first commit was withdrawn: nothing has happened.
  func withdrawn(_ id: CallID) -> CallOutcome? {
    guard table.withShard(of: id, { $0.calls[id] == nil }), store.call(id) == nil else {
      return nil
    }
    return .failure(
      CallFailure(.storeFailed, storeFault ?? "It could not be stored.", isRetryable: true)
    )
  }

  /// Performs what another event than the runner's asked for: a person's, a timer's, a linked call's.
  func perform(_ id: CallID, _ move: Move) {
    let effect = move.transition.effect
    guard move.transition.isDurable, move.ticket.isPending, effect != .none else {
      return perform(id, effect)
    }
    Task(executorPreference: executor) { [self] in await drive(id, effect) }
  }

  func perform(_ id: CallID, _ effect: CallEffect) {
    switch effect {
    case .enqueue, .startRunner, .invoke, .sleep, .join:
      Task(executorPreference: executor) { [self] in await drive(id, effect) }
    case .none, .ask, .answer, .waitGrace, .stopAttempt, .startChild, .cancelChild, .admit:
      performAtOnce(id, effect)
    }
  }

  @discardableResult
  private func performAtOnce(_ id: CallID, _ effect: CallEffect) -> CallOutcome? {
    switch effect {
    case .enqueue, .startRunner, .invoke, .sleep, .join: break
    case .none: unknownWaits(id)
    case .answer: return finish(id)
    case .ask(let expires): schedule(id, at: expires) { $0.expire(id) }
    case .waitGrace(let until): schedule(id, at: until) { $0.graceOver(id) }
    case .stopAttempt(let attempt): stopAttempt(id, attempt)
    case .startChild(let child, let function): startChild(child, function, of: id)
    case .cancelChild(let child): cancel(child)
    case .admit:
      let effect = admit(received: id)
      Task(executorPreference: executor) { [self] in await drive(id, effect) }
    }
    return nil
  }

  // MARK: - Waiting for a turn

  private enum Look: Sendable {
    case moved(CallEffect)
    /// Nothing stands in the way but a slot.
    case proceed
    /// Its function is off, or the engine is held.
    case held
    /// Somebody else has moved it on.
    case gone
  }

  /// Cache or flight, then a slot, then every check again in the commit that starts.
  private func takeTurn(_ id: CallID) async -> CallEffect {
    guard let function = table.withShard(of: id, { $0.calls[id]?.function?.name }) else {
      return .none
    }
    while true {
      switch look(id) {
      case .moved(let effect): return effect
      case .gone: return .none
      case .proceed, .held: break
      }
      if !slots.takeAtOnce(function) {
        guard await waitForSlot(id, function) else { return .none }
      }
      let started = start(id)
      if case .moved(.invoke(let attempt)) = started { return .invoke(attempt: attempt) }
      slots.giveBack(function)
      landFlight(id, .otherwise)
      switch started {
      case .moved(let effect): return effect
      case .gone: return .none
      case .held, .proceed: break
      }
    }
  }

  private func waitForSlot(_ id: CallID, _ function: String) async -> Bool {
    let queued = table.withShard(of: id) { shard -> (since: Date, limit: Duration)? in
      guard let live = shard.calls[id], case .queued = live.call.state else { return nil }
      live.isInLine = true
      return (live.call.queuedAt ?? clock.now, live.function?.definition.maxQueue ?? .seconds(900))
    }
    guard let queued else { return false }
    let left = queued.limit - .seconds(clock.now.timeIntervalSince(queued.since))
    let token = deadlines.schedule(at: clock.monotonic + max(left, .zero)) { [weak self] in
      self?.queueTimedOut(id)
    }
    let gate = slots.wait(id, for: function)
    // It may have been cancelled between the look and the line.
    let isQueued = table.withShard(of: id) { shard in
      if case .queued = shard.calls[id]?.call.state { true } else { false }
    }
    if !isQueued { slots.leave(id, function: function) }
    let turn = await gate.value
    deadlines.cancel(token)
    table.withShard(of: id) { $0.calls[id]?.isInLine = false }
    switch turn {
    case .slot: return true
    case .left: return false
    }
  }

  private func queueTimedOut(_ id: CallID) {
    guard let moved = try? move(id, .queueTimeout) else { return }
    perform(id, moved)
  }

  /// Answers from the cache or joins a running call, before a place in the line is taken.
  private func look(_ id: CallID) -> Look {
    table.withShard(of: id) { shard in
      guard let live = shard.calls[id], case .queued = live.call.state else { return .gone }
      guard let function = live.function, function.definition.cache != nil else { return .proceed }
      guard shard.catalogue.held == nil, let current = shard.catalogue[live.call.function],
        current.isOn, current.unaccepted == nil, current.hash == live.call.definitionHash,
        endedGrants(of: live.call, in: shard.catalogue).isEmpty
      else { return .held }
      return lookInCache(live, function, leads: false, in: &shard)
    }
  }

  private func lookInCache(
    _ live: LiveTable.LiveCall,
    _ function: RegisteredFunction,
    leads: Bool,
    in shard: inout LiveTable.Shard
  ) -> Look {
    guard let policy = function.definition.cache, function.definition.effect == .read,
      live.call.mayBeCached, let arguments = live.call.effectiveArguments
    else { return .proceed }
    let key =
      live.cacheKey
      ?? ResultCache.Key(
        function: function.definition,
        definitionHash: function.hash,
        caller: live.call.caller.name,
        arguments: arguments
      )
    live.cacheKey = key
    switch cache.look(
      key,
      ttl: policy.ttl,
      now: clock.monotonic,
      leading: leads ? live.call.id : nil
    )
    {
    case .hit(let value):
      let moved = try? move(
        live,
        .cacheHit(value, digest: currentDigest(live, function)),
        in: &shard
      )
      return .moved(moved?.transition.effect ?? .none)
    case .running(let leader) where leader != live.call.id:
      let event = CallEvent.join(leader: leader, digest: currentDigest(live, function))
      let moved = try? move(live, event, in: &shard)
      return .moved(moved?.transition.effect ?? .none)
    case .running, .miss:
      live.isLeading = leads
      return .proceed
    }
  }

  /// Waits for the identical call that is running.
  private func waitForFlight(_ id: CallID) async -> CallEffect {
    let key = table.withShard(of: id) { shard -> ResultCache.Key? in
      guard let live = shard.calls[id], case .queued(_, _?) = live.call.state else { return nil }
      return live.cacheKey
    }
    guard let key else { return .none }
    let landing = await cache.join(key, as: id)?.value ?? .otherwise
    let event: CallEvent
    switch landing {
    case .succeeded(let value): event = .flightSucceeded(value)
    case .failed(let failure): event = .flightFailed(failure, stale: cache.stale(key))
    case .otherwise: event = .flightEnded
    }
    return (try? move(id, event))?.transition.effect ?? .none
  }

  /// The checks of the start row and the start itself, in one commit under the shard's lock.
  private func start(_ id: CallID) -> Look {
    table.withShard(of: id) { shard in
      guard let live = shard.calls[id], case .queued(_, nil) = live.call.state else { return .gone }
      guard let current = shard.catalogue[live.call.function] else {
        return .moved((try? move(live, .functionRemoved, in: &shard))?.transition.effect ?? .none)
      }
      guard !isStopping, shard.catalogue.held == nil, current.isOn else { return .held }
      live.function = current
      guard current.hash == live.call.definitionHash, current.unaccepted == nil else {
        return .moved(definitionChanged(live, current, in: &shard))
      }
      let ended = endedGrants(of: live.call, in: shard.catalogue)
      if !ended.isEmpty {
        let moved = try? move(live, .grantsEnded(ended), in: &shard)
        return .moved(moved?.transition.effect ?? .none)
      }
      switch lookInCache(live, current, leads: true, in: &shard) {
      case .moved(let effect): return .moved(effect)
      case .proceed, .held, .gone: break
      }
      let event = startEvent(live, current)
      let effect = (try? move(live, event, in: &shard))?.transition.effect ?? .none
      if case .invoke = effect { return .moved(effect) }
      if case .start = event { current.runtime.withBreaker { $0.abandoned() } }
      return .moved(effect)
    }
  }

  /// Asks the breaker: the start, or the wait until it may close.
  private func startEvent(
    _ live: LiveTable.LiveCall,
    _ function: RegisteredFunction
  ) -> CallEvent {
    let now = clock.monotonic
    let (admission, changed) = function.runtime.withBreaker { breaker in
      let before = breaker.state
      let admission = breaker.admit(at: now)
      return (admission, before != breaker.state)
    }
    if changed { commit(events: [breakerEvent(function)]) }
    switch admission {
    case .refused(let until):
      let wall = clock.now.addingTimeInterval((until - now) / .seconds(1))
      return .breakerOpen(
        until: wall,
        stale: live.cacheKey.flatMap(cache.stale),
        digest: currentDigest(live, function)
      )
    case .admitted: return .start(digest: currentDigest(live, function))
    }
  }

  /// Takes a slot for a call that is being admitted, when nothing stands in its way; else it needs a place in the line.
  ///
  /// Calls that may be answered from the cache, and all that a breaker watches more closely, go the long way.
  func takeSlotAtOnce(
    _ function: RegisteredFunction,
    of catalogue: Catalogue,
    in shard: inout LiveTable.Shard
  ) -> Bool {
    // The catalogue it was admitted by is mostly still the one that counts.
    let current = shard.catalogue === catalogue ? function : shard.catalogue[function.name]
    guard let current, current.isOn, current.unaccepted == nil, current.hash == function.hash,
      function.definition.cache == nil, shard.catalogue.held == nil, function.runtime.isClosed,
      slots.takeAtOnce(function)
    else { return false }
    return true
  }

  /// The digest of what would run now; nil where nothing was approved.
  private func currentDigest(
    _ live: LiveTable.LiveCall,
    _ function: RegisteredFunction
  ) -> String? {
    guard let approval = live.call.approval, !approval.isUsed,
      let arguments = live.call.effectiveArguments
    else { return nil }
    return approvalDigest(live.call, function, arguments, rule: approval.requirement.rule)
  }

  private func definitionChanged(
    _ live: LiveTable.LiveCall,
    _ current: RegisteredFunction,
    in shard: inout LiveTable.Shard
  ) -> CallEffect {
    let arguments = live.call.effectiveArguments ?? [:]
    var requirement = shard.catalogue.rules.requirement(
      for: arguments,
      function: current.definition,
      caller: live.call.caller
    )
    requirement?.twin = live.call.approval?.requirement.twin
    let digest = approvalDigest(live.call, current, arguments, rule: requirement?.rule ?? "")
    let event = CallEvent.definitionChangedAtSlot(
      requirement,
      definitionHash: current.hash,
      digest: digest
    )
    return (try? move(live, event, in: &shard))?.transition.effect ?? .none
  }

  // MARK: - Running an attempt

  /// Returns nil when somebody else has gone on with the call meanwhile.
  private func runAttempt(_ id: CallID, _ attempt: Int) async -> CallEffect? {
    guard let (running, invocation) = launch(id, attempt) else { return CallEffect.none }
    let function = running.function
    let gate = running.gate
    let limit = clock.monotonic + function.definition.timeout
    let token = deadlines.schedule(at: limit) { [weak self] in
      self?.interrupt(id, running, .timedOut)
    }
    let task = Task.immediate(executorPreference: executor) { [self] in
      withUnsafeCurrentTask { gate.begin($0) }
      let result: Result<JSONValue, CallFailure>
      do throws(CallFailure) {
        result = .success(try await function.provider.invoke(invocation))
      } catch {
        result = .failure(error)
      }
      // The slot goes back only when the attempt has really ended: by its runner, or here when that has gone on without.
      guard !gate.resolve(result) else { return }
      slots.giveBack(function)
      late(id, running, result)
    }
    let end: AttemptEnd
    switch gate.started(task) {
    case .ended(let result): end = result
    case .underWay: end = await gate.value
    case .overtaken: return nil
    }
    deadlines.cancel(token)
    return settle(id, running, end)
  }

  /// Ends the wait for an attempt; where its runner is busy with it, goes on in its place.
  private func interrupt(_ id: CallID, _ running: LiveTable.RunningAttempt, _ end: AttemptEnd) {
    guard running.gate.interrupt(end) else { return }
    Task(executorPreference: executor) { [self] in await drive(id, settle(id, running, end)) }
  }

  /// Marks the attempt as this runner's, if the call is still in it.
  private func launch(
    _ id: CallID,
    _ attempt: Int
  ) -> (LiveTable.RunningAttempt, Invocation)? {
    let launched = table.withShard(of: id) { shard -> (LiveTable.RunningAttempt, Invocation)? in
      guard let live = shard.calls[id], let function = live.function,
        case .running(attempt, nil) = live.call.state, live.attempt?.number != attempt
      else { return nil }
      let discretion = Discretion(
        function.redactor,
        arguments: live.call.decided,
        live.secrets
      )
      let invocation = Invocation(
        live.call,
        of: function.definition,
        arguments: live.call.effectiveArguments ?? [:],
        attempt: attempt,
        discretion
      )
      let running = LiveTable.RunningAttempt(
        number: attempt,
        gate: AttemptGate(),
        function: function,
        epoch: function.runtime.epoch,
        discretion: discretion
      )
      live.attempt = running
      return (running, invocation)
    }
    guard let launched else {
      // It was cancelled between its start and here: nothing was sent.
      if let function = table.withShard(of: id, { $0.calls[id]?.function }) {
        function.runtime.withBreaker { $0.abandoned() }
        slots.giveBack(function)
      }
      if let moved = try? move(
        id,
        .stopped(attempt: attempt, CallFailure(.cancelled, "stopped before it was sent"))
      ) {
        perform(id, moved)
      } else if case .queued(_, nil) = table.withShard(of: id, { $0.calls[id]?.call.state }) {
        // Its start was withdrawn before it was waited for.
        unstored.note(.anew(id))
        comeBack()
      }
      return nil
    }
    return launched
  }

  /// Turns the end of an attempt into an event, keeps its answer for others, and tells the breaker.
  private func settle(
    _ id: CallID,
    _ running: LiveTable.RunningAttempt,
    _ end: AttemptEnd
  ) -> CallEffect {
    let function = running.function
    let attempt = running.number
    let epoch = running.epoch
    var event: CallEvent
    var landing = ResultCache.Landing.otherwise
    var breaker: EngineEvent?
    let isCached = function.definition.cache != nil
    let key = isCached ? table.withShard(of: id) { $0.calls[id]?.cacheKey } : nil
    let stale = key.flatMap(cache.stale)
    keepErrorOutput(of: id, running)
    // After the breaker has heard of it: what waits for the slot must not slip past.
    defer { if case .result = end { slots.giveBack(function) } }
    switch end {
    case .result(.success(let value)):
      if let refused = refusal(of: value, function).map({ shown($0, running) }) {
        event = .resultRefused(attempt: attempt, refused)
        landing = .failed(refused)
        breaker = tellBreaker(function, since: epoch, failed: true)
      } else {
        event = .attemptSucceeded(attempt: attempt, value)
        landing = .succeeded(value)
        breaker = tellBreaker(function, since: epoch, failed: false)
      }
    case .result(.failure(let failure)):
      let failure = shown(reached(failure, function.definition), running)
      if failure.kind == .cancelled, isCancelled(id) {
        event = .stopped(attempt: attempt, failure)
        function.runtime.withBreaker { $0.abandoned(since: epoch) }
      } else if failure.kind == .cancelled, isStopping, function.definition.effect != .write {
        // Nobody cancelled the call: the engine stops, and the call goes on after its restart.
        event = .restart(ownerIsLive: true)
        function.runtime.withBreaker { $0.abandoned(since: epoch) }
      } else if failure.refusesResult {
        event = .resultRefused(attempt: attempt, failure)
        landing = .failed(failure)
        breaker = tellBreaker(function, since: epoch, failed: true)
      } else {
        event = .attemptFailed(attempt: attempt, failure, stale: stale)
        landing = .failed(failure)
        breaker = tellBreaker(function, since: epoch, failed: failure.kind != .clientError)
      }
    case .timedOut:
      running.gate.cancel()
      let seconds = function.definition.timeout / .seconds(1)
      let failure = CallFailure(
        .timeout,
        "\(function.name) gave no answer within \(seconds.formatted()) s.",
        reach: .maybe,
        isRetryable: true
      )
      event = .attemptFailed(attempt: attempt, failure, stale: stale)
      landing = .failed(failure)
      breaker = tellBreaker(function, since: epoch, failed: true)
    case .wouldNotStop:
      event = isCancelled(id) ? .stopTimedOut(attempt: attempt) : .restart(ownerIsLive: true)
      function.runtime.withBreaker { $0.abandoned(since: epoch) }
    }
    let effect = (try? move(id, event))?.transition.effect ?? .none
    // In the stream the cause comes before what it caused.
    if isCached { landFlight(id, landing) }
    if let breaker { commit(events: [breaker]) }
    return effect
  }

  private func isCancelled(_ id: CallID) -> Bool {
    table.withShard(of: id) { shard in
      if case .stopping = shard.calls[id]?.call.state { true } else { false }
    }
  }

  /// Ends the flight this call leads, if it leads one.
  func landFlight(_ id: CallID, _ landing: ResultCache.Landing) {
    let key = table.withShard(of: id) { shard -> ResultCache.Key? in
      guard let live = shard.calls[id], live.isLeading else { return nil }
      live.isLeading = false
      return live.cacheKey
    }
    if let key { cache.land(key, leader: id, landing, now: clock.monotonic) }
  }

  /// What a function says of its failure, without the secrets that it was given.
  private func shown(_ failure: CallFailure, _ running: LiveTable.RunningAttempt) -> CallFailure {
    let hiding = running.discretion.hiding
    var failure = failure
    failure.message = hiding(failure.message).cut(toBytes: Limit.failure.value)
    failure.pointer = failure.pointer.map(hiding)
    failure.details = failure.details.prefix(Limit.details.value).map { $0.mapping(hiding) }
    return failure
  }

  /// Keeps what an attempt has written beside its result, for the step that ends it; returns it where there is some.
  @discardableResult
  private func keepErrorOutput(of id: CallID, _ running: LiveTable.RunningAttempt) -> String? {
    let attempt = running.number
    guard let output = running.function.provider.errorOutput(of: id, attempt: attempt) else {
      return nil
    }
    let safe = running.discretion.hiding(output).cut(toLastBytes: Limit.errorOutput.value)
    table.withShard(of: id) { shard in
      guard let live = shard.calls[id], !live.call.state.isEnded else { return }
      var call = live.call
      call.keep(errorOutput: safe, of: attempt)
      live.record = CallRecord(call)
    }
    return safe
  }

  /// A thrown error or an exit status of a `write` proves nothing, unless the function declares that it does.
  private func reached(_ failure: CallFailure, _ definition: FunctionDefinition) -> CallFailure {
    guard definition.effect == .write, !definition.failsCleanly, failure.reach == .answered,
      failure.kind == .functionThrew || failure.kind == .programFailed
    else { return failure }
    var failure = failure
    failure.reach = .maybe
    return failure
  }

  private func refusal(of value: JSONValue, _ function: RegisteredFunction) -> CallFailure? {
    let limit = function.definition.maxResultBytes
    if value.isDeeper(than: Limit.depth.value) {
      return CallFailure(
        .invalidResult,
        "\(function.name) answered with a value that is nested deeper than \(Limit.depth.value) levels.",
        reach: .answered
      )
    }
    if value.isLonger(than: limit) {
      return CallFailure(
        .resultTooBig,
        "\(function.name) answered with more than \(limit) bytes.",
        reach: .answered
      )
    }
    guard let schema = function.resultSchema,
      let error = function.redactor.redact(
        schema.validate(value, stopAtFirst: true),
        about: value
      ).first
    else { return nil }
    return CallFailure(
      .invalidResult,
      "\(function.name) answered with something else than it promises: \(error.message)",
      pointer: error.path,
      reach: .answered
    )
  }

  /// Counts an attempt.
  ///
  /// Returns the event when that opened or closed the breaker.
  private func tellBreaker(
    _ function: RegisteredFunction,
    since epoch: Int,
    failed: Bool
  ) -> EngineEvent? {
    let now = clock.monotonic
    let changed = function.runtime.withBreaker {
      failed ? $0.failed(at: now, since: epoch) : $0.succeeded(at: now, since: epoch)
    }
    return changed ? breakerEvent(function) : nil
  }

  func breakerEvent(_ function: RegisteredFunction, by person: String? = nil) -> EngineEvent {
    let state = function.runtime.breaker.state
    let cause: String
    switch state {
    case .closed: cause = "it answers again"
    case .open: cause = "it keeps failing"
    case .halfOpen: cause = "one probe is let through"
    }
    return event(
      .breaker(state),
      function: function.name,
      cause: person == nil ? cause : "by hand",
      by: person
    )
  }

  // MARK: - Stopping, sleeping, and what comes late

  /// Returns false when the attempt has not been sent off yet.
  @discardableResult
  func stopAttempt(_ id: CallID, _ attempt: Int) -> Bool {
    let running = table.withShard(of: id) { shard -> LiveTable.RunningAttempt? in
      guard let running = shard.calls[id]?.attempt, running.number == attempt else { return nil }
      return running
    }
    guard let running else { return false }
    running.gate.cancel()
    deadlines.schedule(at: clock.monotonic + .seconds(5)) { [weak self] in
      self?.interrupt(id, running, .wouldNotStop)
    }
    return true
  }

  private func late(
    _ id: CallID,
    _ running: LiveTable.RunningAttempt,
    _ result: Result<JSONValue, CallFailure>
  ) {
    let attempt = running.number
    let output = keepErrorOutput(of: id, running)
    switch result {
    case .success(let value): late(id, attempt, value, output)
    case .failure(let failure):
      // That it has stopped when told to is no news; what it said meanwhile is.
      guard failure.kind != .cancelled || output != nil else { return }
      tellLate(id, "attempt \(attempt) ended after it was over", shown(failure, running), output)
    }
  }

  private func late(_ id: CallID, _ attempt: Int, _ value: JSONValue, _ output: String?) {
    if let moved = try? move(id, .lateResult(attempt: attempt, value)) {
      perform(id, moved)
      // The evidence is there now: running it again has to wait for whoever reads it.
      if let rerun = table.withShard(of: id, { $0.calls[id]?.call.rerun }) {
        cancelIfNotStarted(rerun)
      }
      return
    }
    tellLate(id, "attempt \(attempt) answered after it was over", nil, output)
  }

  private func tellLate(
    _ id: CallID,
    _ cause: String,
    _ failure: CallFailure?,
    _ output: String?
  ) {
    guard let call = table.withShard(of: id, { $0.calls[id]?.call }) ?? store.call(id) else {
      return
    }
    var event = event(.engine(.lateResult), call: call, cause: cause)
    event.failure = failure
    event.errorOutput = output.map(EngineEvent.end(of:))
    commit(events: [event])
  }

  private func sleep(_ id: CallID, until: Date) async -> CallEffect {
    // A call that backs off when the engine stops is left so, for its restart.
    guard !isStopping else { return .none }
    let gate = OneShot<Bool>()
    let isAsleep = table.withShard(of: id) { shard -> Bool in
      guard let live = shard.calls[id], case .backingOff = live.call.state else { return false }
      live.sleeper = gate
      return true
    }
    guard isAsleep else { return .none }
    // A wall clock that is set back makes nothing wait longer.
    let wait = Duration.seconds(max(0, until.timeIntervalSince(clock.now)))
    let tokens = [
      deadlines.schedule(at: until) { gate.resolve(true) },
      deadlines.schedule(at: clock.monotonic + wait) { gate.resolve(true) },
    ]
    let isTime = await gate.value
    for token in tokens { deadlines.cancel(token) }
    guard isTime, !isStopping else { return .none }
    return (try? move(id, .wake))?.transition.effect ?? .none
  }

  private func schedule(
    _ id: CallID,
    at time: Date,
    _ action: @escaping @Sendable (Engine) -> Void
  ) {
    let token = deadlines.schedule(at: time) { [weak self] in
      if let self { action(self) }
    }
    table.withShard(of: id) { shard in
      guard let live = shard.calls[id] else { return }
      if let old = live.deadline { deadlines.cancel(old) }
      live.deadline = token
    }
  }

  private func expire(_ id: CallID) {
    let expiry = table.withShard(of: id) { shard -> Date? in
      guard let live = shard.calls[id], case .awaitingApproval = live.call.state else { return nil }
      return live.call.approval?.expiresAt
    }
    guard let expiry else { return }
    // The wall clock may have been set back, or the time extended: look again then.
    guard expiry <= clock.now else { return schedule(id, at: expiry) { $0.expire(id) } }
    guard let moved = try? move(id, .expire) else { return }
    perform(id, moved)
  }

  private func graceOver(_ id: CallID) {
    guard let moved = try? move(id, .graceOver) else { return }
    perform(id, moved)
  }

  /// A fallback's call goes down the whole road, as the same caller.
  private func startChild(_ child: CallID, _ function: FunctionName, of parent: CallID) {
    guard let call = table.withShard(of: parent, { $0.calls[parent]?.call }) else { return }
    let made = makeCall(
      function.description,
      parsed: call.effectiveArguments,
      unparsed: nil,
      caller: call.caller,
      conversation: nil,
      link: .fallback(for: parent),
      id: child
    )
    do throws(StoreFault) {
      driveLinked(child, .fallback(for: parent), try admit(made))
    } catch {
      childEnded(
        child,
        .failure(CallFailure(.storeFailed, "\(error)", isRetryable: true)),
        parent: parent
      )
      return
    }
    // The parent may have been cancelled before there was a child to cancel.
    let isStopping = table.withShard(of: parent) { shard in
      if case .stopping = shard.calls[parent]?.call.state { true } else { false }
    }
    if isStopping { cancel(child) }
  }
}
