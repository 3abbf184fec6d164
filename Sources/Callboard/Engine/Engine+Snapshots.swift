import Foundation
import JSONSchema

/// Reading the engine: immutable values, made when asked for.
extension Engine {
  public func snapshot(of query: Query) -> Snapshot {
    snapshotTaken()
    let context = SnapshotContext(engine: self)
    let body: Snapshot.Body
    switch query {
    case .overview(let rows): body = .overview(overview(rows, context))
    case .waiting(let list): body = .waiting(waitingPage(list, context))
    case .calls(let list): body = .calls(callPage(list, context))
    case .call(let id): body = .call(callDetail(id, context))
    case .conversations(let list): body = .conversations(conversationPage(list, context))
    case .conversation(let id): body = .conversation(conversationDetail(id, context))
    case .runs(let list):
      body = .runs(runPage(list, context), workflows: workflowRows())
    case .run(let id): body = .run(runDetail(id, context))
    case .functions(let list):
      body = .functions(functionPage(list, context), providers: providerRows(context))
    case .function(let name): body = .function(functionDetail(name, context))
    case .errors(let list): body = .errors(errorPage(list))
    case .grants: body = .grants(grantRows())
    case .grantPreview(let draft, let person):
      body = .grantPreview(preview(of: draft, by: person))
    case .report(let since, let until): body = .report(report(since: since, until: until))
    case .audit(let list): body = .audit(auditPage(list, now: context.now))
    case .header: body = .header
    }
    var snapshot = Snapshot(header: header(context), body: body)
    switch query {
    case .overview:
      snapshot.definitions = definitionRows(Filter(), in: context.catalogue, at: context.now)
    case .waiting(let list):
      snapshot.definitions = definitionRows(list.filter, in: context.catalogue, at: context.now)
    case .calls, .call, .conversations, .conversation, .runs, .run, .functions, .function, .errors,
      .grants, .grantPreview, .report, .audit, .header:
      break
    }
    return snapshot
  }

  /// What every row needs to know, read once a snapshot.
  struct SnapshotContext {
    let catalogue: Catalogue
    let now: Date
    let monotonic: Duration
    let engine: Engine

    init(engine: Engine) {
      self.engine = engine
      catalogue = engine.table.catalogue
      now = engine.clock.now
      monotonic = engine.clock.monotonic
    }

    func title(of id: ConversationID?) -> String? {
      guard let id else { return nil }
      return engine.conversations.withLive(id) { $0.conversation.title }
        ?? engine.store.conversation(id)?.title
    }

    func history(_ list: ListQuery) -> HistoryQuery {
      HistoryQuery(list, now: now) { [catalogue] in catalogue[$0]?.definition.effect }
    }
  }

  // MARK: - The title row

  private func header(_ context: SnapshotContext) -> Header {
    var header = Header(name: configuration.name, store: store.name, now: context.now)
    header.changedDefinitions = context.catalogue.functions.count {
      $0.unaccepted.map { $0.declined == nil } ?? false
    }
    var series = RecentSeries()
    table.forEachShard { shard in
      header.waiting += shard.counts[CallState.Word.awaitingApproval.index]
      header.unknown += shard.counts[CallState.Word.unknown.index]
      header.running +=
        shard.counts[CallState.Word.running.index] + shard.counts[CallState.Word.stopping.index]
      header.runningWrites += shard.runningWrites
      header.queued += shard.counts[CallState.Word.queued.index]
      header.backingOff += shard.counts[CallState.Word.backingOff.index]
      header.live += shard.calls.count
      header.calls += shard.total
      series.merge(shard.series, at: context.monotonic)
    }
    let steps = series.steps(at: context.monotonic)
    header.recentErrors = errors.rows(monotonic: context.monotonic).reduce(0) { $0 + $1.recent }
    var latency = LatencyHistogram()
    for step in steps { if let histogram = step.latency { latency.merge(histogram) } }
    header.p95 = latency.quantile(0.95)
    for function in context.catalogue.functions where function.definition.cache != nil {
      let counters = function.runtime.counters
      header.cacheHits += counters.cacheHits
      header.cacheLookups += counters.cacheLookups
    }
    header.held = context.catalogue.held
    header.storeFault = storeFault
    header.notifyFault = attention.fault
    header.undoable = undoable.latest(at: context.now)
    header.seq = store.lastSequence
    return header
  }

  private func overview(_ rows: Int, _ context: SnapshotContext) -> OverviewSnapshot {
    var series = RecentSeries()
    var active: [CallRecord] = []
    table.forEachShard { shard in
      series.merge(shard.series, at: context.monotonic)
      guard active.count < 4096 else { return }
      for live in shard.calls.values {
        switch live.record.call.state.word {
        case .running, .stopping, .queued, .backingOff: active.append(live.record)
        case .received, .awaitingApproval, .approved, .unknown, .succeeded, .failed, .rejected,
          .denied, .expired, .cancelled:
          break
        }
      }
    }
    func rank(_ call: Call) -> Int {
      switch call.state.word {
      case .running, .stopping: 0
      case .queued: 1
      default: 2
      }
    }
    active.sort { (rank($0.call), $0.call.id) < (rank($1.call), $1.call.id) }
    let steps = series.steps(at: context.monotonic)
    let seconds = RecentSeries.step
    // Conversations whose call waits for a person come first here: the screen is about who is needed.
    return OverviewSnapshot(
      waiting: waitingPage(ListQuery(after: rows - 1), context).rows,
      conversations: liveConversations(ListQuery(after: rows - 1), context),
      active: active.prefix(rows).map { row($0.call, context) },
      functions: context.catalogue.functions.map { functionRow($0, context) },
      providers: providerRows(context),
      callsPerSecond: steps.map { Double($0.calls) / seconds },
      errorsPerMinute: steps.map { Double($0.errors) * 60 / seconds },
      p95: steps.map { $0.latency?.quantile(0.95) }
    )
  }

  // MARK: - Calls

  private func waitingPage(_ query: ListQuery, _ context: SnapshotContext) -> Page<CallRow> {
    let anchor = query.anchor.flatMap(CallID.init)
    if query.filter.isEmpty, query.sort == .natural, !query.reversed {
      let window = waiting.window(
        anchor: anchor,
        fallback: query.anchorIndex,
        before: query.before,
        after: query.after
      )
      let rows = window.ids.compactMap { liveCall($0).map { row($0, context) } }
      return Page(
        rows: rows,
        firstIndex: window.first,
        total: window.total,
        hidden: 0,
        anchorIndex: window.anchor
      )
    }
    let page = context.history(query).page(of: waiting.ids.compactMap(liveCall)) {
      context.title(of: $0)
    }
    return Page(page, rows: page.items.map { row($0, context) })
  }

  private func callPage(_ query: ListQuery, _ context: SnapshotContext) -> Page<CallRow> {
    let page = store.calls(context.history(query))
    var rows = Page(page, rows: page.items.map { row(liveCall($0.id) ?? $0, context) })
    rows.notice = page.notice
    return rows
  }

  /// The rows around the anchor, of what is kept in order.
  private static func page<Item: Sendable, Row>(
    of kept: [Item],
    hidden: Int,
    _ query: ListQuery,
    name: (Item) -> String,
    row: (Item) -> Row
  ) -> Page<Row> {
    let page = HistoryPage.window(of: kept, hidden: hidden, query, name: name)
    return Page(page, rows: page.items.map(row))
  }

  func liveCall(_ id: CallID) -> Call? {
    table.withShard(of: id) { $0.calls[id]?.call } ?? store.call(id)
  }

  func row(_ call: Call, _ context: SnapshotContext) -> CallRow {
    let function = context.catalogue[call.function]
    var row = CallRow(
      id: call.id,
      function: call.function,
      caller: call.caller.name,
      state: call.state.word,
      receivedAt: call.receivedAt,
      since: call.inStateSince,
      summary: call.summary,
      revision: call.revision
    )
    row.conversation = call.conversation
    row.conversationTitle = context.title(of: call.conversation)
    row.attempt = call.state.attempt ?? call.attempts.last?.number
    row.maxAttempts = function?.definition.retry.maxAttempts ?? 1
    row.duration = call.duration
    row.source = call.outcome?.source
    row.result = (call.outcome?.value?.shown).map(\.words)
    row.failure = call.outcome?.failure?.kind
    row.effect = function?.definition.effect
    row.digest = call.approval?.digest
    row.rule = call.approval?.requirement.rule
    row.twin = call.state == .awaitingApproval ? call.approval?.requirement.twin : nil
    row.expiresAt = call.state.word == .awaitingApproval ? call.approval?.expiresAt : nil
    if case .backingOff(_, let until, _) = call.state { row.until = until }
    row.approvalsGiven =
      (call.approval?.approvals.count ?? 0) - lapsed(of: call, in: context.catalogue).count
    row.approvalsNeeded = call.approval?.requirement.approvers ?? 0
    row.functionIsOn = function?.isOn ?? false
    switch call.state {
    case .queued, .approved, .awaitingApproval, .backingOff:
      row.isHeld = context.catalogue.held != nil || !row.functionIsOn
    case .received, .running, .stopping, .unknown, .succeeded, .failed, .rejected, .denied,
      .expired,
      .cancelled:
      break
    }
    return row
  }

  private func callDetail(_ id: CallID, _ context: SnapshotContext) -> CallDetail? {
    guard let call = liveCall(id) else { return nil }
    var detail = CallDetail(row: row(call, context), call: call.withoutOriginals)
    if let function = context.catalogue[call.function] {
      detail.functionDescription = function.definition.description
      detail.parameters = function.shownParameters
      detail.argumentOrder =
        function.definition.parameters["properties"]?.objectValue.map { Array($0.keys) } ?? []
      detail.timeout = function.definition.timeout / .seconds(1)
    }
    if call.state.isEnded || call.state.word == .unknown {
      detail.heard = ModelAnswer.text(for: call.withoutOriginals)
    }
    detail.conversationState = state(of: call.conversation)
    detail.readers = presence.readers(of: id, at: context.monotonic)
    detail.late = presence.late(for: id, at: context.monotonic)
    detail.origins = origins(of: call, context.catalogue[call.function])
    if call.approval != nil { detail.lastTime = lastDecided(before: call, context) }
    addAuthority(to: &detail, call, context.catalogue)
    detail.twin = call.approval?.requirement.twin.flatMap(liveCall).map { row($0, context) }
    detail.check = call.check.flatMap(liveCall).map { check in
      CallDetail.Check(
        row: row(check, context),
        outcome: check.outcome?.withoutOriginal
      )
    }
    return detail
  }

  /// The last call of the same function that people decided, among the newest.
  private func lastDecided(before call: Call, _ context: SnapshotContext) -> CallRow? {
    store.lastDecided(call.function, before: call.id).map { row($0, context) }
  }

  // MARK: - Conversations

  private func conversationPage(
    _ query: ListQuery,
    _ context: SnapshotContext
  ) -> Page<ConversationRow> {
    let page = store.conversations(context.history(query))
    var rows = Page(page, rows: page.items.map { row($0, context) })
    rows.notice = page.notice
    return rows
  }

  private func liveConversations(
    _ query: ListQuery,
    _ context: SnapshotContext
  ) -> Page<ConversationRow> {
    let page = context.history(query).page(of: conversations.live)
    return Page(page, rows: page.items.map { row($0, context) })
  }

  private func row(_ conversation: Conversation, _ context: SnapshotContext) -> ConversationRow {
    ConversationRow(
      id: conversation.id,
      title: conversation.title,
      caller: conversation.caller.name,
      model: conversation.model,
      state: conversation.state.word,
      doing: doing(conversation),
      turns: conversation.turns,
      calls: conversation.callCount,
      tokens: conversation.usage.total,
      startedAt: conversation.startedAt,
      lastActivity: conversation.lastActivity
    )
  }

  private func doing(_ conversation: Conversation) -> String {
    switch conversation.state {
    case .thinking:
      let writes = conversations.withLive(conversation.id) { !$0.writing.isEmpty } ?? false
      return writes ? "model writing" : "model thinking"
    case .calling(let open):
      let states = open.compactMap { liveCall($0)?.state.word }
      let waits = states.filter(\.needsPerson).count
      if waits > 0 { return waits == 1 ? "waiting for you" : "\(waits) calls wait for you" }
      let backing = states.filter { $0 == .backingOff }.count
      if backing == states.count, backing > 0 { return "trying again soon" }
      return states.count == 1 ? "1 call running" : "\(states.count) calls running"
    case .paused: return "paused"
    case .stopped: return "stopped"
    case .finished: return "finished"
    case .failed(let why): return why
    }
  }

  private func conversationDetail(
    _ id: ConversationID,
    _ context: SnapshotContext
  ) -> ConversationDetail? {
    let live = conversations.withLive(id) { live in
      (live.conversation, live.writing, live.secrets.known)
    }
    guard let conversation = store.conversation(id) ?? live?.0 else { return nil }
    var failure: String?
    if case .failed(let why) = conversation.state { failure = why }
    let transcript = conversation.messages.map { entry in
      TranscriptEntry(
        at: entry.at,
        turn: entry.turn,
        message: entry.message,
        calls: entry.message.role == .assistant
          ? entry.calls.compactMap { liveCall($0).map { row($0, context) } } : []
      )
    }
    let writing = live.map { redactor.redact(unfinished: $0.1, secrets: $0.2) } ?? ""
    return ConversationDetail(
      row: row(conversation, context),
      transcript: transcript,
      writing: writing.isEmpty ? nil : writing,
      failure: failure
    )
  }

  // MARK: - Functions

  private func functionPage(_ query: ListQuery, _ context: SnapshotContext) -> Page<FunctionRow> {
    let all = context.catalogue.functions
    var kept = all.filter { function in
      query.filter.admits(
        Filter.Subject(
          function: function.name,
          state: function.isOn ? "on" : "off",
          effect: function.definition.effect.rawValue,
          since: context.now,
          text: [function.definition.description]
        ),
        at: context.now
      )
    }.map { functionRow($0, context) }
    switch query.sort {
    case .natural, .name, .age: break
    case .state: kept.sort { (!$0.isOn ? 0 : 1, $0.name) < (!$1.isOn ? 0 : 1, $1.name) }
    case .duration: kept.sort { ($0.p95 ?? -1) > ($1.p95 ?? -1) }
    case .count: kept.sort { $0.calls > $1.calls }
    }
    return Self.page(of: kept, hidden: all.count - kept.count, query) {
      $0.name
    } row: {
      $0
    }
  }

  private func functionRow(
    _ function: RegisteredFunction,
    _ context: SnapshotContext
  ) -> FunctionRow {
    let definition = function.definition
    var row = FunctionRow(
      name: function.name,
      provider: function.provider.namespace,
      wireName: function.wireName,
      description: definition.description,
      effect: definition.effect,
      isOn: function.isOn
    )
    row.switched = function.switched
    row.awaitsAcceptance = function.unaccepted != nil
    row.rule = context.catalogue.rules.summary(for: definition)
    let counters = function.runtime.counters
    row.calls = counters.calls
    row.errors = counters.errors
    row.p50 = counters.latency.quantile(0.5)
    row.p95 = counters.latency.quantile(0.95)
    row.isCached = definition.cache != nil
    row.cacheHits = counters.cacheHits
    row.cacheLookups = counters.cacheLookups
    let breaker = function.runtime.breaker
    row.breaker = breaker.state
    if breaker.state == .open, !breaker.isForced {
      row.breakerUntil = context.now.addingTimeInterval(
        (breaker.opensUntil - context.monotonic) / .seconds(1)
      )
    }
    let counts = slots.counts(of: function.name)
    row.running = counts.running
    row.queued = counts.waiting
    row.held = context.catalogue.held != nil || !function.isOn ? counts.waiting : 0
    return row
  }

  private func providerRows(_ context: SnapshotContext) -> [ProviderRow] {
    context.catalogue.sources.providers.map { provider in
      let functions = context.catalogue.functions.filter {
        $0.provider.namespace == provider.namespace
      }
      let open = functions.filter { $0.runtime.breaker.state != .closed }
      let counters = functions.map(\.runtime.counters)
      let lastFailure = counters.compactMap(\.lastFailure).max { $0.at < $1.at }
      let lastSuccess = counters.compactMap(\.lastSuccess).max() ?? .distantPast
      let isFailing = lastFailure.map { $0.at > lastSuccess } ?? false
      var row = ProviderRow(
        namespace: provider.namespace,
        summary: redactor.redact(text: provider.summary),
        state: !functions.isEmpty && open.count == functions.count
          ? "down" : isFailing || !open.isEmpty ? "failing" : "up",
        functions: functions.count,
        isOn: functions.contains(where: \.isOn)
      )
      row.since = isFailing ? lastFailure?.at : nil
      row.lastError = lastFailure?.message
      return row
    }
  }

  private func functionDetail(_ name: String, _ context: SnapshotContext) -> FunctionDetail? {
    guard let function = context.catalogue[name] else { return nil }
    var detail = FunctionDetail(
      row: functionRow(function, context),
      parameters: function.shownParameters,
      definitionHash: function.hash,
      policies: Self.policies(of: function.definition, function.redactor)
    )
    detail.change = definitionChange(function)
    return detail
  }

  private static func policies(
    of definition: FunctionDefinition,
    _ redactor: Redactor
  ) -> [FunctionDetail.Policy] {
    var lines = [
      FunctionDetail.Policy(name: "effect", value: definition.effect.rawValue),
      FunctionDetail.Policy(name: "timeout", value: definition.timeout.words),
      FunctionDetail.Policy(
        name: "retry",
        value:
          "\(definition.retry.maxAttempts) attempts, from \(definition.retry.base.words) to \(definition.retry.cap.words)"
      ),
      FunctionDetail.Policy(
        name: "breaker",
        value:
          "\(definition.breaker.consecutiveFailures) in a row, or \((definition.breaker.failureRate * 100).formatted()) % of at least "
          + "\(definition.breaker.minimumCalls) in \(definition.breaker.window.words); open for \(definition.breaker.openFor.words)"
      ),
      FunctionDetail.Policy(
        name: "cache",
        value: definition.cache.map {
          "\($0.ttl.words), for \($0.scope == .caller ? "each caller" : "all callers")"
        } ?? "never"
      ),
      FunctionDetail.Policy(
        name: "slots",
        value: definition.slots.map(String.init) ?? "as many as the engine has"
      ),
      FunctionDetail.Policy(name: "longest queue", value: definition.maxQueue.words),
      FunctionDetail.Policy(name: "longest result", value: "\(definition.maxResultBytes) bytes"),
    ]
    if !definition.secrets.isEmpty {
      lines.append(
        FunctionDetail.Policy(
          name: "secret fields",
          value: definition.secrets.joined(separator: ", ")
        )
      )
    }
    for check in definition.checks {
      lines.append(FunctionDetail.Policy(name: "check", value: check.text))
    }
    switch definition.fallback {
    case .value(let value):
      lines.append(
        FunctionDetail.Policy(
          name: "fallback",
          value: "the value \((redactor.redact(value) ?? value).brief)"
        )
      )
    case .staleCache:
      lines.append(FunctionDetail.Policy(name: "fallback", value: "the last cached answer"))
    case .function(let name):
      lines.append(FunctionDetail.Policy(name: "fallback", value: name.description))
    case nil: break
    }
    return lines
  }

  // MARK: - Errors

  private func errorPage(_ query: ListQuery) -> Page<ErrorRow> {
    let now = clock.now
    let all = errors.rows(monotonic: clock.monotonic)
    var kept = all.filter { row in
      query.filter.admits(
        Filter.Subject(
          function: row.function,
          state: "failed",
          since: row.last,
          text: [row.kind.rawValue, row.heard]
        ),
        at: now
      )
    }
    switch query.sort {
    case .natural, .count, .state, .duration: break
    case .name: kept.sort { $0.id < $1.id }
    case .age: kept.sort { $0.last > $1.last }
    }
    return Self.page(of: kept, hidden: all.count - kept.count, query) {
      $0.id
    } row: {
      $0
    }
  }
}
