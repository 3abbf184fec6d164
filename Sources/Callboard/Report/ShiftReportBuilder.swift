import Foundation
import JSONSchema

/// Makes a report of the event stream, event by event and in bounded memory.
public struct ShiftReportBuilder: Sendable {
  private var report: ShiftReport
  private let sums: [ReportSum]
  private var people: [String: ShiftReport.Person] = [:]
  private var byRule = Tally()
  /// Calls that grants let start, or have approved and that have not started yet.
  private var ahead = GrantedAhead()
  private var expired = Tally()
  private var nobodyToAsk = Tally()
  private var errors: [ErrorName: ShiftReport.Failures] = [:]
  /// Failures of the time before.
  private var known: Set<ErrorName> = []
  private var outages: [OutageName: ShiftReport.Outage] = [:]
  /// Since when something that does not work did not.
  private var down: [OutageName: (since: Date, why: String?)] = [:]
  private var waiting: [CallID: ShiftReport.Open] = [:]
  /// What the fields to be summed hold, of calls that run.
  private var running: [CallID: [Reading?]] = [:]
  /// Calls that were summed up as unknown.
  private var unknown: Set<CallID> = []
  private var totals: [[String: Total]]
  private var unread: [Int]
  private var last: Date?

  private struct ErrorName: Hashable {
    var function: String
    var kind: CallFailure.Kind
  }

  private struct OutageName: Hashable {
    var kind: ShiftReport.Outage.Kind
    var name: String?
  }

  private struct Reading {
    var value: Decimal
    var group: String
  }

  private struct Total {
    var sum = Decimal.zero
    var calls = 0
    var unknown = Decimal.zero
    var unknownCalls = 0
  }

  /// Most lines of a list.
  public static let lines = 200
  /// Most calls that are followed at one time.
  public static let followedCalls = 100_000

  /// Events from the earliest moment on are to be taken: see `readsSince`.
  public init(since: Date, until: Date, sums: [ReportSum]) {
    report = ShiftReport(
      since: since,
      until: until,
      comparedSince: Self.readsSince(since, until: until)
    )
    self.sums = sums
    totals = sums.map { _ in [:] }
    unread = sums.map { _ in 0 }
  }

  /// From when on events are needed: what is new is new against a day, or against as long a time before.
  public static func readsSince(_ since: Date, until: Date) -> Date {
    since.addingTimeInterval(-max(86_400, until.timeIntervalSince(since)))
  }

  // MARK: - Events

  /// Takes the next event, in order.
  public mutating func take(_ event: EngineEvent) {
    guard event.time < report.until else { return }
    let isIn = event.time >= report.since
    if isIn { report.events += 1 }
    switch event.type {
    case .call(let word): takeCall(word, event, isIn)
    case .breaker(let state): takeBreaker(state, event, isIn)
    case .function(let change): if isIn { takeFunction(change, event) }
    case .engine(let change): takeEngine(change, event, isIn)
    case .model(let change): takeModel(change, event, isIn)
    case .conversation, .workflow: break
    }
    last = max(last ?? event.time, event.time)
  }

  private mutating func takeCall(_ word: CallState.Word, _ event: EngineEvent, _ isIn: Bool) {
    guard let call = event.call else { return }
    // What is known of an unknown outcome later is told as one more event of that state.
    let before = waiting[call.id]
    let begins = word != .unknown || before?.state != .unknown
    follow(word, call, event)
    if begins { sum(word, call, event, isIn) }
    if begins, let failure = event.failure,
      word == .failed || word == .unknown || word == .rejected
    {
      takeFailure(failure, of: call.function, at: event.time, isIn)
    }
    guard isIn else { return }
    // What has been found out since is no unknown outcome any more: it counts as what it turned out to be.
    if let before, before.state == .unknown, before.since >= report.since, word.isEnded {
      report.calls.unknown -= 1
    }
    switch word {
    case .received:
      report.calls.received += 1
    case .succeeded: report.calls.succeeded += 1
    case .failed: report.calls.failed += 1
    case .rejected: report.calls.rejected += 1
    case .denied: report.calls.denied += 1
    case .expired: report.calls.expired += 1
    case .cancelled: report.calls.cancelled += 1
    case .unknown: if begins { report.calls.unknown += 1 }
    case .awaitingApproval, .approved, .queued, .running, .stopping, .backingOff: break
    }
    ahead.take(word, call.id, event)
    takeDecision(word, call, event)
  }

  /// By whom, by which rule; or by nobody.
  ///
  /// What a grant approved is counted beside it.
  private mutating func takeDecision(
    _ word: CallState.Word,
    _ call: EngineEvent.CallPart,
    _ event: EngineEvent
  ) {
    guard event.grant == nil else { return }
    guard let by = event.by else {
      switch word {
      case .expired: expired.add(call.function)
      case .denied: if let rule = event.rule { nobodyToAsk.add(rule) }
      case .queued, .approved: if let rule = event.rule { byRule.add(rule) }
      case .received, .awaitingApproval, .running, .stopping, .backingOff, .unknown, .succeeded,
        .failed, .rejected, .cancelled:
        break
      }
      return
    }
    let cause = event.cause ?? ""
    person(by) { person in
      switch word {
      case .received:
        // Of one that runs an unknown outcome again, that one tells.
        if case .again = call.link { person.ranAgain += 1 }
      case .queued, .approved: person.approved += 1
      case .denied: person.denied += 1
      case .awaitingApproval:
        if cause.hasPrefix("approved") {
          person.approved += 1
        } else if cause.hasPrefix("edited") {
          person.edited += 1
        } else if cause.hasPrefix("given more time") {
          person.extended += 1
        } else if cause.contains("taken back") {
          person.undone += 1
        }
      case .succeeded, .failed: person.settled += 1
      // What was being stopped has been counted then.
      case .cancelled: if !cause.hasPrefix("stopped") { person.cancelled += 1 }
      case .stopping: person.cancelled += 1
      case .unknown:
        if cause.hasPrefix("looked up") { person.lookedUp += 1 } else { person.ranAgain += 1 }
      case .running, .backingOff, .rejected, .expired: break
      }
    }
  }

  private mutating func takeFailure(
    _ failure: CallFailure,
    of function: String,
    at time: Date,
    _ isIn: Bool
  ) {
    let name = ErrorName(function: function, kind: failure.kind)
    guard isIn else {
      if known.count < 10_000 { known.insert(name) }
      return
    }
    guard errors[name] != nil || errors.count < Self.lines else {
      report.left += 1
      return
    }
    var entry =
      errors[name]
      ?? ShiftReport.Failures(
        function: function,
        kind: failure.kind,
        count: 0,
        isNew: !known.contains(name),
        first: time,
        last: time,
        message: failure.message
      )
    entry.count += 1
    entry.last = time
    errors[name] = entry
  }

  private mutating func takeFunction(
    _ change: EngineEvent.Kind.FunctionChange,
    _ event: EngineEvent
  ) {
    let function = event.function ?? event.call?.function ?? "?"
    if change == .on || change == .off || change == .cacheCleared {
      note(change.rawValue, of: function, event)
      return
    }
    guard report.definitions.count < Self.lines else {
      report.left += 1
      return
    }
    report.definitions.append(
      ShiftReport.Definition(
        function: function,
        change: change.rawValue,
        by: event.by,
        at: event.time
      )
    )
  }

  private mutating func takeEngine(
    _ change: EngineEvent.Kind.EngineChange,
    _ event: EngineEvent,
    _ isIn: Bool
  ) {
    let engine = OutageName(kind: .engine, name: nil)
    let store = OutageName(kind: .store, name: nil)
    if change == .started {
      // Without a word of its end, it was killed when it was last heard of.
      if down[engine] == nil, let last { down[engine] = (last, "it ended without a word") }
      up(engine, at: event.time)
    } else if change == .stopped {
      down[engine] = (event.time, "it was stopped")
    } else if change == .storeFailed {
      if down[store] == nil { down[store] = (event.time, event.cause) }
    } else if change == .storeRecovered {
      up(store, at: event.time)
    }
    guard isIn else { return }
    if change == .held || change == .released {
      note(change.rawValue, of: nil, event)
    } else if change == .granted {
      note(grant: event, .given)
    } else if change == .grantRevoked {
      note(grant: event, .takenBack)
    } else if change == .grantVoid {
      note(grant: event, .void)
    } else if change == .decisionRefused {
      if let by = event.by { person(by) { $0.refused += 1 } }
    } else if change == .notified {
      report.notified += 1
    } else if change == .notifyFailed {
      report.notifyFailed += 1
    }
  }

  private mutating func takeBreaker(
    _ state: CircuitBreaker.State,
    _ event: EngineEvent,
    _ isIn: Bool
  ) {
    let function = event.function ?? event.call?.function ?? "?"
    let name = OutageName(kind: .breaker, name: function)
    switch state {
    case .open: if down[name] == nil { down[name] = (event.time, event.cause) }
    case .closed: up(name, at: event.time)
    case .halfOpen: break
    }
    if isIn, event.by != nil { note("breaker \(state.rawValue)", of: function, event) }
  }

  private mutating func takeModel(
    _ change: EngineEvent.Kind.ModelChange,
    _ event: EngineEvent,
    _ isIn: Bool
  ) {
    guard isIn, change == .failed, let model = event.model else { return }
    // A model has no breaker: each turn that it did not give is a moment.
    let name = OutageName(kind: .model, name: model.name)
    down[name] = (event.time, model.failure.rawValue)
    up(name, at: event.time)
  }

  // MARK: - Parts

  private mutating func note(_ to: String, of function: String?, _ event: EngineEvent) {
    guard report.switched.count < Self.lines else {
      report.left += 1
      return
    }
    report.switched.append(
      ShiftReport.Switch(
        function: function,
        to: to,
        by: event.by ?? "callboard",
        at: event.time
      )
    )
  }

  private mutating func note(grant event: EngineEvent, _ kind: ShiftReport.GrantStep.Kind) {
    guard report.grants.count < Self.lines else {
      report.left += 1
      return
    }
    report.grants.append(ShiftReport.GrantStep(event, kind))
  }

  private mutating func person(_ name: String, _ change: (inout ShiftReport.Person) -> Void) {
    guard people[name] != nil || people.count < Self.lines else {
      report.left += 1
      return
    }
    var changed = people[name] ?? ShiftReport.Person(name: name)
    change(&changed)
    // What is no act of theirs makes nobody somebody who acted.
    if changed.total > 0 { people[name] = changed }
  }

  /// Something works again: the part of the time that lies within the shift counts.
  private mutating func up(_ name: OutageName, at time: Date) {
    guard let (since, why) = down.removeValue(forKey: name), time >= report.since else { return }
    add(name, from: since, to: time, isOver: true, why)
  }

  private mutating func add(
    _ name: OutageName,
    from: Date,
    to: Date,
    isOver: Bool,
    _ why: String?
  ) {
    guard outages[name] != nil || outages.count < Self.lines else {
      report.left += 1
      return
    }
    let provider = name.kind == .breaker ? name.name.map { String($0.prefix { $0 != "." }) } : nil
    var outage =
      outages[name]
      ?? ShiftReport.Outage(kind: name.kind, name: name.name, provider: provider, first: from)
    outage.times += 1
    outage.seconds += to.timeIntervalSince(max(from, report.since))
    outage.last = isOver ? to : nil
    if let why {
      let known = outage.why ?? ""
      // Of many times each reason is told once, as long as the line stays one.
      if known.isEmpty {
        outage.why = why
      } else if !known.contains(why), known.count + why.count < 200 {
        outage.why = known + "; " + why
      }
    }
    outages[name] = outage
  }

  /// Keeps in mind what waits for a person.
  private mutating func follow(
    _ word: CallState.Word,
    _ call: EngineEvent.CallPart,
    _ event: EngineEvent
  ) {
    guard word.needsPerson else {
      waiting[call.id] = nil
      return
    }
    if let known = waiting[call.id], known.state == word { return }
    guard waiting.count < Self.followedCalls else { return }
    waiting[call.id] = ShiftReport.Open(
      call: call.id,
      function: call.function,
      caller: call.caller,
      state: word,
      since: event.time
    )
  }

  // MARK: - Sums

  private mutating func sum(
    _ word: CallState.Word,
    _ call: EngineEvent.CallPart,
    _ event: EngineEvent,
    _ isIn: Bool
  ) {
    guard !sums.isEmpty else { return }
    if word == .running {
      guard sums.contains(where: { $0.function == call.function }),
        running.count < Self.followedCalls
      else { return }
      running[call.id] = sums.map { plan in
        guard plan.function == call.function else { return nil }
        return Self.reading(plan, in: event.value)
      }
      return
    }
    guard word.isEnded || word == .unknown else { return }
    let readings = running[call.id]
    if word.isEnded { running[call.id] = nil }
    let wasUnknown = unknown.remove(call.id) != nil
    // A shared or cached answer did nothing once more.
    let isDone = word == .succeeded && (event.source == .attempt || event.source == .settled)
    for (index, plan) in sums.enumerated() where plan.function == call.function {
      guard let reading = readings?[index] ?? nil else {
        if isIn, isDone || word == .unknown { unread[index] += 1 }
        continue
      }
      // What was unknown is known now: it counts as done, or not at all.
      if wasUnknown { add(reading, at: index, isUnknown: true, sign: -1) }
      if isIn, isDone { add(reading, at: index, isUnknown: false, sign: 1) }
      if isIn, word == .unknown {
        add(reading, at: index, isUnknown: true, sign: 1)
        unknown.insert(call.id)
      }
    }
  }

  private mutating func add(_ reading: Reading, at index: Int, isUnknown: Bool, sign: Int) {
    var group = reading.group
    if totals[index][group] == nil, totals[index].count >= Self.lines { group = "(others)" }
    var total = totals[index][group] ?? Total()
    if isUnknown {
      total.unknown += sign > 0 ? reading.value : -reading.value
      total.unknownCalls += sign
    } else {
      total.sum += reading.value
      total.calls += sign
    }
    totals[index][group] = total
  }

  private static func reading(_ plan: ReportSum, in arguments: JSONValue?) -> Reading? {
    guard let arguments, let value = member(plan.field, of: arguments), value.doubleValue != nil,
      let number = Decimal(string: value.serialized(), locale: Locale(identifier: "en_US_POSIX"))
    else { return nil }
    guard let by = plan.by else { return Reading(value: number, group: "") }
    guard let group = member(by, of: arguments) else { return Reading(value: number, group: "─") }
    return Reading(value: number, group: group.stringValue ?? group.serialized())
  }

  private static func member(_ field: String, of arguments: JSONValue) -> JSONValue? {
    guard field.hasPrefix("/") else { return arguments[field] }
    guard let pointer = try? JSONPointer(parsing: field) else { return nil }
    return arguments.value(at: pointer)
  }

  // MARK: - The whole

  /// The report; `open` is what waits now, where somebody knows that better than the events tell.
  public func finished(open: [ShiftReport.Open]? = nil) -> ShiftReport {
    var copy = self
    for (name, (since, why)) in down {
      copy.add(name, from: since, to: report.until, isOver: false, why)
    }
    var report = copy.report
    let all = (open ?? Array(waiting.values)).sorted { ($0.since, $0.call) < ($1.since, $1.call) }
    report.open = Array(all.prefix(Self.lines))
    report.openLeft = all.count - report.open.count
    report.people = people.values.sorted { ($1.total, $0.name) < ($0.total, $1.name) }
    report.byRule = byRule.lines
    report.byGrant = ahead.lines
    report.expired = expired.lines
    report.nobodyToAsk = nobodyToAsk.lines
    report.outages = copy.outages.values.sorted {
      ($1.seconds, $0.name ?? "") < ($0.seconds, $1.name ?? "")
    }
    report.errors = errors.values.sorted {
      if $0.isNew != $1.isNew { return $0.isNew }
      return ($1.count, $0.function, $0.kind.rawValue) < ($0.count, $1.function, $1.kind.rawValue)
    }
    report.sums = zip(sums.indices, sums).map { index, plan in
      var sum = ShiftReport.Sum(function: plan.function, field: plan.field, by: plan.by)
      sum.unread = unread[index]
      sum.groups = totals[index].sorted { $0.key < $1.key }.map { value, total in
        ShiftReport.Sum.Group(
          value: plan.by == nil ? nil : value,
          total: "\(total.sum)",
          calls: total.calls,
          unknown: "\(total.unknown)",
          unknownCalls: total.unknownCalls
        )
      }
      return sum
    }
    return report
  }
}
