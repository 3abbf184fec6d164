import Callboard
import Foundation
import JSONSchema

/// What has to come of a scenario, and the judge of it.
struct Expectations: Sendable {
  private var calls: [CallExpectation] = []
  private var order: [String] = []
  private var answers: [AnswerExpectation] = []
  private var conversations: [ConversationExpectation] = []
  private var workflows: [RunExpectation] = []
  private var loads: [LoadExpectation] = []
  private var cost = CostExpectation(nil)
  private var events: [EventPattern] = []
  private var neverEvents: [EventPattern] = []
  private var never: [NamePattern] = []
  private var countersEqualEvents = false

  init() {}

  /// Reads the section `expect`; `compile` makes a schema of a value at a place below it, and reports what is wrong.
  init(_ value: JSONValue?, compile: (JSONValue, [String]) -> Schema?) {
    func list(_ key: String) -> [JSONValue] { value?[key]?.arrayValue ?? [] }
    calls = list("calls").enumerated().map { index, value in
      CallExpectation(value, index: index) { compile($0, ["calls", String(index), $1]) }
    }
    order = list("order").compactMap(\.stringValue)
    answers = list("answers").enumerated().map { index, value in
      AnswerExpectation(value) { compile($0, ["answers", String(index), $1]) }
    }
    conversations = list("conversations").map(ConversationExpectation.init)
    workflows = list("workflows").enumerated().map { index, value in
      RunExpectation(value) { compile($0, ["workflows", String(index)] + $1) }
    }
    loads = list("loads").map(LoadExpectation.init)
    cost = CostExpectation(value)
    events = list("events").map { EventPattern($0) }
    neverEvents = list("never_events").map { EventPattern($0) }
    never = list("never").compactMap { $0.stringValue.map { NamePattern($0) } }
    countersEqualEvents = value?["counters_equal_events"]?.boolValue ?? false
  }

  /// What is expected, as it is written.
  var documents: [JSONValue] {
    calls.map(\.value) + answers.map(\.value) + conversations.map(\.value)
  }

  struct Judgement: Sendable {
    var checks: [ScenarioRunner.Check] = []
    /// Calls whose state or failure was expected: a denial among them is no surprise.
    var expected: Set<CallID> = []
    var expectedConversations: Set<String> = []
  }

  func judge(_ played: Played) -> Judgement {
    var judgement = Judgement()
    for expectation in calls { expectation.judge(played, into: &judgement) }
    judgement.checks += answers.map { $0.check(played) }
    for expectation in conversations { expectation.judge(played, into: &judgement) }
    judgement.checks += workflows.flatMap { $0.checks(played) }
    judgement.checks += loads.flatMap { $0.checks(played) }
    judgement.checks += cost.checks(played)
    if !order.isEmpty { judgement.checks.append(checkOrder(played)) }
    if !events.isEmpty { judgement.checks.append(checkEvents(played)) }
    judgement.checks += neverEvents.map { checkNever($0, played) }
    judgement.checks += never.map { checkNever($0, played) }
    if countersEqualEvents { judgement.checks += checkCounters(played) }
    return judgement
  }

  private func checkOrder(_ played: Played) -> ScenarioRunner.Check {
    var seen: [String] = []
    for event in played.events where event.type == .call(.received) {
      guard let function = event.call?.function, order.contains(function), !seen.contains(function)
      else { continue }
      seen.append(function)
    }
    return .init(
      expected: "functions in the order \(order.joined(separator: ", "))",
      came: seen == order
        ? nil : seen.isEmpty ? "none of them was asked for" : seen.joined(separator: ", ")
    )
  }

  private func checkEvents(_ played: Played) -> ScenarioRunner.Check {
    let expected = "events: " + events.map(\.words).joined(separator: ", then ")
    var position = 0
    for (index, pattern) in events.enumerated() {
      var missing = pattern.count
      while missing > 0 {
        guard
          let found = played.events[position...].firstIndex(where: {
            pattern.matches($0, calls: played.calls)
          })
        else {
          let after = index == 0 ? "" : " after event \(position) (\(events[index - 1].words))"
          return .init(expected: expected, came: "no \(pattern.words)\(after)")
        }
        position = found + 1
        missing -= 1
      }
    }
    return .init(expected: expected, came: nil)
  }

  private func checkNever(_ pattern: EventPattern, _ played: Played) -> ScenarioRunner.Check {
    let expected = "never \(pattern.words)"
    var range = played.events.startIndex..<played.events.endIndex
    if case .event(let bound) = pattern.after {
      guard let found = played.events.firstIndex(where: { bound.matches($0, calls: played.calls) })
      else {
        return .init(expected: expected, came: "there was no \(bound.words) at all")
      }
      range = found + 1..<range.upperBound
    }
    if case .event(let bound) = pattern.before {
      guard
        let found = played.events[range].firstIndex(where: {
          bound.matches($0, calls: played.calls)
        })
      else {
        return .init(expected: expected, came: "there was no \(bound.words) at all")
      }
      range = range.lowerBound..<found
    }
    let found = played.events[range].first { pattern.matches($0, calls: played.calls) }
    return .init(expected: expected, came: found.map { "event \($0.seq), \($0.type.text)" })
  }

  private func checkNever(_ pattern: NamePattern, _ played: Played) -> ScenarioRunner.Check {
    let found = played.events.first {
      $0.type == .call(.running) && pattern.matches($0.call?.function ?? "")
    }
    return .init(
      expected: "\(pattern.text) never runs",
      came: found.map {
        "\($0.call?.function ?? "") \($0.call?.id.short ?? "") ran at event \($0.seq)"
      }
    )
  }

  /// The counters of the Functions screen against the events.
  private func checkCounters(_ played: Played) -> [ScenarioRunner.Check] {
    played.functionRows().flatMap { row -> [ScenarioRunner.Check] in
      let own = played.events.filter { $0.call?.function == row.name }
      func count(_ matches: (EngineEvent) -> Bool) -> Int { own.filter(matches).count }
      let ended = Set(own.filter(\.countsCall).compactMap(\.call?.id)).count
      let failed = count(\.countsError)
      let hits = count { $0.source == .hit || $0.source == .shared }
      let pairs = [
        ("calls", row.calls, ended), ("errors", row.errors, failed),
        ("cache hits", row.cacheHits, hits),
      ]
      return pairs.map { name, shown, counted in
        .init(
          expected: "\(row.name): \(counted) \(name) on the screen, as the events count",
          came: shown == counted ? nil : "\(shown)"
        )
      }
    }
  }
}

extension EngineEvent {
  /// Whether a call counts from here on: it has ended, or nobody knows what it did.
  fileprivate var countsCall: Bool {
    guard case .call(let word) = type else { return false }
    return word.isEnded || word == .unknown
  }

  /// Whether it is an error as the screens count them (see Decisions/0002).
  fileprivate var countsError: Bool {
    guard case .call(let word) = type else { return false }
    return word == .unknown || word.countsAsError(failure?.kind)
  }
}

/// Exactly so many, or within bounds.
struct NumberOf: Sendable {
  var least = 0
  var most = Int.max

  init?(_ value: JSONValue?) {
    guard let value else { return nil }
    if let exact = value.intValue {
      least = exact
      most = exact
      return
    }
    least = value["at_least"]?.intValue ?? 0
    most = value["at_most"]?.intValue ?? .max
  }

  func holds(_ number: Int) -> Bool { (least...max(least, most)).contains(number) }

  var words: String {
    if least == most { return String(least) }
    if most == .max { return "at least \(least)" }
    return least == 0 ? "at most \(most)" : "\(least) to \(most)"
  }
}

private struct CallExpectation: Sendable {
  var value: JSONValue
  var index: Int
  var function: NamePattern?
  var caller: NamePattern?
  var count: NumberOf?
  var attempts: NumberOf?
  var arguments: Schema?
  var proposed: Schema?
  var result: Schema?

  init(_ value: JSONValue, index: Int, compile: (JSONValue, String) -> Schema?) {
    self.value = value
    self.index = index
    function = text("function").map { NamePattern($0) }
    caller = text("caller").map { NamePattern($0) }
    count = NumberOf(value["count"])
    attempts = NumberOf(value["attempts"])
    arguments = value["arguments"].flatMap { compile($0, "arguments") }
    proposed = value["proposed"].flatMap { compile($0, "proposed") }
    result = value["result"].flatMap { compile($0, "result") }
  }

  private func text(_ key: String) -> String? { value[key]?.stringValue }

  private var who: String {
    var parts: [String] = []
    if let call = text("call") { parts.append("call \(call)") }
    if let function { parts.append(function.text) }
    if let caller { parts.append("by \(caller.text)") }
    if let conversation = text("conversation") { parts.append("in \(conversation)") }
    return "calls[\(index)] " + (parts.isEmpty ? "every call" : parts.joined(separator: " "))
  }

  private var what: String {
    let keys = [
      "state", "source", "failure", "reach", "says", "rule", "attempts", "arguments", "proposed",
      "result", "time",
      "runs_again", "same_key_as", "other_key_than",
    ]
    return keys.compactMap { key in value[key].map { "\(key) \($0.stringValue ?? $0.serialized())" }
    }
    .joined(separator: ", ")
  }

  func judge(_ played: Played, into judgement: inout Expectations.Judgement) {
    let picked = played.allCalls().filter { picks($0, played) }
    let judged = picked.map { (call: $0, faults: faults(of: $0, played)) }
    let fitting = judged.filter(\.faults.isEmpty)
    if value["state"] != nil || value["failure"] != nil {
      judgement.expected.formUnion(fitting.map(\.call.id))
    }
    if let count {
      let expected = "\(who): \(count.words) with \(what.isEmpty ? "anything" : what)"
      var came = count.holds(fitting.count) ? nil : "\(fitting.count) of \(picked.count)"
      if came != nil, let first = judged.first(where: { !$0.faults.isEmpty }) {
        came? +=
          "; \(first.call.function) \(first.call.id.short): \(first.faults.joined(separator: ", "))"
      }
      judgement.checks.append(.init(expected: expected, came: came))
      return
    }
    let expected = "\(who): \(what.isEmpty ? "is there" : what)"
    guard !picked.isEmpty else {
      judgement.checks.append(.init(expected: expected, came: "no such call"))
      return
    }
    let wrong = judged.filter { !$0.faults.isEmpty }
    let came = wrong.map {
      "\($0.call.function) \($0.call.id.short): \($0.faults.joined(separator: ", "))"
    }
    judgement.checks.append(
      .init(expected: expected, came: wrong.isEmpty ? nil : came.joined(separator: "; "))
    )
  }

  private func picks(_ call: Call, _ played: Played) -> Bool {
    if let name = text("call"), played.calls[name] != call.id { return false }
    if let conversation = text("conversation"),
      call.conversation == nil || played.conversations[conversation] != call.conversation
    {
      return false
    }
    return (function?.matches(call.function) ?? true) && (caller?.matches(call.caller.name) ?? true)
  }

  /// What of it is not as expected.
  private func faults(of call: Call, _ played: Played) -> [String] {
    var faults: [String] = []
    func expect(_ key: String, _ came: String?) {
      guard let wanted = text(key), wanted != came else { return }
      faults.append("\(key) was \(came ?? "none")")
    }
    func contains(_ key: String, _ came: String?) {
      guard let wanted = text(key), came?.contains(wanted) != true else { return }
      faults.append("\(key) was \(came.map { "“\($0)”" } ?? "nothing")")
    }
    func fits(_ key: String, _ schema: Schema?, _ came: JSONValue?) {
      guard let schema else { return }
      guard let came else { return faults.append("\(key) was nothing") }
      guard let error = schema.validate(came, stopAtFirst: true).first else { return }
      faults.append("\(key): \(error.message)")
    }
    let failure = call.outcome?.failure ?? (call.state.word == .unknown ? call.firstFailure : nil)
    if let wanted = text("state"), wanted != call.state.word.rawValue {
      let why = failure.map { " (\($0.kind.rawValue): \($0.message))" } ?? ""
      faults.append("state was \(call.state.word.rawValue)\(why)")
    }
    expect("source", call.outcome?.source?.rawValue)
    expect("failure", failure?.kind.rawValue)
    expect("reach", failure?.reach.rawValue)
    contains("says", failure?.message)
    contains("rule", call.approval?.requirement.rule)
    fits("arguments", arguments, call.decided?.shown)
    fits("proposed", proposed, call.proposed?.shown)
    fits("result", result, call.outcome?.value?.shown)
    if let attempts, !attempts.holds(call.attempts.count) {
      faults.append("attempts were \(call.attempts.count)")
    }
    if let time = DurationBounds(value["time"]) {
      let took = Duration.seconds(
        (call.history.last?.at ?? call.receivedAt).timeIntervalSince(call.receivedAt)
      )
      if !time.holds(took) { faults.append("it took \(took.words)") }
    }
    if let other = text("runs_again"), call.link?.other != played.calls[other] || call.link == nil {
      faults.append("it does not run \(other) again")
    }
    func key(of name: String) -> String? {
      played.calls[name].flatMap { played.call($0)?.idempotencyKey }
    }
    if let other = text("same_key_as"), key(of: other) != call.idempotencyKey {
      faults.append("its key is another than that of \(other)")
    }
    if let other = text("other_key_than"), key(of: other) == call.idempotencyKey {
      faults.append("its key is that of \(other)")
    }
    return faults
  }
}

private struct AnswerExpectation: Sendable {
  var value: JSONValue
  var function: NamePattern?
  var schema: Schema?
  var count: NumberOf?

  init(_ value: JSONValue, compile: (JSONValue, String) -> Schema?) {
    self.value = value
    function = value["function"]?.stringValue.map { NamePattern($0) }
    schema = value["heard"].flatMap { compile($0, "heard") }
    count = NumberOf(value["count"])
  }

  func check(_ played: Played) -> ScenarioRunner.Check {
    let says = value["says"]?.stringValue
    let heard = played.heard(conversation: value["conversation"]?.stringValue)
      .filter { function?.matches($0.function) ?? true }
    let fitting = heard.filter { answer in
      guard says.map({ answer.text.contains($0) }) ?? true else { return false }
      guard let schema else { return true }
      return (try? JSONValue(parsing: answer.text)).map(schema.isValid) ?? false
    }
    var what = "the model hears"
    if let function { what += " of \(function.text)" }
    if let says { what += " “\(says)”" }
    if let schema { what += " what fits \(schema.document.serialized())" }
    if let count { what += ", \(count.words) times" }
    let holds = count?.holds(fitting.count) ?? !fitting.isEmpty
    let came =
      heard.isEmpty
      ? "it heard nothing" : heard.map { "“\($0.text.prefix(200))”" }.joined(separator: ", ")
    return .init(expected: what, came: holds ? nil : came)
  }
}

private struct ConversationExpectation: Sendable {
  var value: JSONValue

  init(_ value: JSONValue) { self.value = value }

  func judge(_ played: Played, into judgement: inout Expectations.Judgement) {
    let name = value["conversation"]?.stringValue
    let picked = played.conversations.filter { name == nil || $0.key == name }.sorted {
      $0.key < $1.key
    }
    let keys = ["state", "says", "turns", "calls", "failure", "tokens", "time"]
    let what = keys.compactMap { key in
      value[key].map { "\(key) \($0.stringValue ?? $0.serialized())" }
    }
    let expected = "conversation \(name ?? "every one"): \(what.joined(separator: ", "))"
    guard !picked.isEmpty else {
      judgement.checks.append(.init(expected: expected, came: "no such conversation"))
      return
    }
    let isAboutEnd = value["state"] != nil || value["failure"] != nil
    let faults = picked.flatMap { name, id -> [String] in
      guard let detail = played.conversation(id) else { return ["\(name) is kept no longer"] }
      let faults = self.faults(of: detail)
      if isAboutEnd, faults.isEmpty { judgement.expectedConversations.insert(name) }
      return faults.map { picked.count > 1 ? "\(name): \($0)" : $0 }
    }
    judgement.checks.append(
      .init(expected: expected, came: faults.isEmpty ? nil : faults.joined(separator: ", "))
    )
  }

  private func faults(of detail: ConversationDetail) -> [String] {
    var faults: [String] = []
    if let state = value["state"]?.stringValue, state != detail.row.state.rawValue {
      faults.append(
        "state was \(detail.row.state.rawValue)\(detail.failure.map { ": \($0)" } ?? "")"
      )
    }
    let words = detail.transcript.last { $0.message.role == .assistant && $0.message.text != nil }?
      .message.text
    if let says = value["says"]?.stringValue, words?.contains(says) != true {
      faults.append("its last words were “\(words ?? "")”")
    }
    if let failure = value["failure"]?.stringValue, detail.failure?.contains(failure) != true {
      faults.append("it failed with “\(detail.failure ?? "nothing")”")
    }
    if let turns = NumberOf(value["turns"]), !turns.holds(detail.row.turns) {
      faults.append("turns were \(detail.row.turns)")
    }
    if let calls = NumberOf(value["calls"]), !calls.holds(detail.row.calls) {
      faults.append("calls were \(detail.row.calls)")
    }
    if let tokens = NumberOf(value["tokens"]), !tokens.holds(detail.row.tokens) {
      faults.append("tokens were \(detail.row.tokens)")
    }
    let took = Duration.seconds(detail.row.lastActivity.timeIntervalSince(detail.row.startedAt))
    if let time = DurationBounds(value["time"]), !time.holds(took) {
      faults.append("it took \(took.words)")
    }
    return faults
  }
}
