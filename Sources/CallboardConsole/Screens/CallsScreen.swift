import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// Every call, live and past.
extension Painter {
  mutating func paintCalls() {
    let columns = [
      Table.Column.margin,
      Table.Column("state", 17, most: 24),
      Table.Column("function", 18, most: 40),
      Table.Column("conv", 6, rank: 6),
      Table.Column("try", 3, align: .trailing, rank: 7),
      Table.Column("age", 6, align: .trailing, rank: 2),
      Table.Column("took", 7, align: .trailing, rank: 3),
      Table.Column("who", 10, most: 20, rank: 8),
      Table.Column("id", 6, rank: 5),
      Table.Column("outcome", 12, most: 40, rank: 4, grows: true),
      Table.Column("arguments", 20, rank: 9, grows: true),
    ]
    let moment = moment
    paintList(columns, empty: "no call yet") { item in
      guard case .call(let row) = item else { return [] }
      return callCells(row, moment: moment)
    }
  }

  /// One call, whole.
  func callDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard let detail = sight.detail else {
      document.text(sight.absence("this call is not kept any more"))
      return document
    }
    let row = detail.row
    let call = detail.call
    document.add([
      Span(" "), Span(SafeText(untrusted: row.function, limit: 300), .title), Span("  "),
      Span(standing(of: row), stateStyle(row)),
    ])
    if let description = detail.functionDescription, !description.isEmpty {
      document.text(SafeText(untrusted: description, limit: 400), .faint)
    }
    let label = 12
    document.blank()
    document.fact("call", SafeText(row.id), labelWidth: label)
    document.fact("caller", SafeText(untrusted: row.caller, limit: 200), labelWidth: label)
    if let conversation = row.conversation {
      var text: SafeText = "\(conversation)"
      if let turn = call.turn { text += ", turn \(turn)" }
      if let title = row.conversationTitle { text += " · “\(untrusted: title, limit: 300)”" }
      document.fact("conversation", text, labelWidth: label)
    }
    if let step = call.step {
      document.fact(
        "run",
        "\(untrusted: step.run.short), step \(untrusted: step.name, limit: 100)",
        labelWidth: label
      )
    }
    document.fact("received", moment.full(row.receivedAt), labelWidth: label)
    document.fact("key", SafeText(untrusted: call.idempotencyKey, limit: 100), labelWidth: label)
    if let link = call.link { document.fact("beside", described(link), labelWidth: label) }
    if let rule = row.rule {
      document.fact("rule", SafeText(untrusted: rule, limit: 400), labelWidth: label)
    }
    if let approval = call.approval {
      for given in approval.approvals {
        document.fact(
          "approved by",
          "\(untrusted: given.by.name, limit: 60) at \(moment.clock(given.at)), revision \(given.revision)",
          labelWidth: label,
          style: .good
        )
      }
    }
    addRevealed(detail, to: &document)
    addArgumentRecords(detail, to: &document)
    addOutcome(detail, to: &document)
    addHistory(call, to: &document)
    addAttempts(call, to: &document)
    return document
  }

  private func addArgumentRecords(_ detail: CallDetail, to document: inout Document) {
    let detail = sight.drawn(detail)
    let call = detail.call
    let proposed = call.proposed?.shown
    let decided = call.decided?.shown
    document.heading("Arguments as the model proposed them")
    _ = addArguments(proposed, of: detail, unfolds: true, to: &document)
    guard let decided else { return }
    if decided != proposed {
      let by: SafeText =
        call.editedBy.map { "as \(SafeText(untrusted: $0.name, limit: 60)) decided them" }
        ?? "as admitted, with defaults filled in"
      document.heading("Arguments \(by)")
      _ = addArguments(decided, of: detail, unfolds: true, to: &document)
    }
    document.text(
      decided == proposed
        ? "· decided and effective: the same; sealed values are put back as it is sent"
        : "· effective: the same; sealed values are put back as it is sent",
      .remark
    )
  }

  private func addOutcome(_ detail: CallDetail, to document: inout Document) {
    let call = sight.drawn(detail).call
    switch call.outcome {
    case .result(let payload, let source):
      let from: SafeText =
        switch source {
        case .attempt: ""
        case .hit: " from the cache"
        case .shared: " shared with an identical call"
        case .degraded: " by a fallback"
        case .settled: " as a person settled it"
        case .rerun: " of the call that ran it again"
        }
      document.heading("Result\(from)")
      document.value("result", safeLines(of: payload.shown), labelWidth: 8)
    case .failure(let failure):
      document.heading("Failure")
      add(failure, to: &document)
    case nil: break
    }
    if let first = call.firstFailure, call.outcome?.failure != first {
      document.heading("First failure")
      add(first, to: &document)
    }
    if let late = call.lateResult {
      document.heading("Came after it was over")
      document.value("result", safeLines(of: late.shown), labelWidth: 8)
    }
    if let heard = detail.heard {
      document.heading("What the model was told")
      document.value("told", safeLines(SafeText(untrusted: heard)), labelWidth: 8)
    }
  }

  private func add(_ failure: CallFailure, to document: inout Document) {
    document.fact("kind", words(failure.kind), labelWidth: 8, style: .bad)
    document.value("message", safeLines(SafeText(untrusted: failure.message)), labelWidth: 8)
    if let pointer = failure.pointer {
      document.fact("at", SafeText(untrusted: pointer, limit: 300), labelWidth: 8)
    }
    let reach: SafeText =
      switch failure.reach {
      case .notSent: "the other side never saw it"
      case .answered: "the other side answered"
      case .maybe: "the other side may have acted"
      }
    document.fact(
      "reach",
      reach + (failure.isRetryable ? " · may succeed later" : ""),
      labelWidth: 8
    )
    for error in failure.details {
      document.fact("", SafeText(untrusted: error.message, limit: 500), labelWidth: 8)
    }
  }

  private func addHistory(_ call: Call, to document: inout Document) {
    document.heading("Every change of state")
    var last: Date?
    for step in call.history {
      let since = last.map { "+" + lasting(max(0, step.at.timeIntervalSince($0))) } ?? ""
      last = step.at
      var text = words(step.state)
      if let attempt = step.attempt { text += " \(attempt)" }
      document.add([
        Span(" " + padded(moment.clock(step.at), to: 13), .faint),
        Span(padded(since, to: 9, trailing: true) + "  ", .faint),
        Span(padded(text, to: 18), step.state.isEnded ? .title : .plain),
        Span(
          "  \(untrusted: step.cause, limit: 300)"
            + (step.by.map { " · by " + SafeText(untrusted: $0, limit: 60) } ?? "")
        ),
      ])
    }
  }

  private func addAttempts(_ call: Call, to document: inout Document) {
    guard !call.attempts.isEmpty else { return }
    document.heading("Attempts")
    for attempt in call.attempts {
      let took =
        attempt.endedAt.map { lasting($0.timeIntervalSince(attempt.startedAt)) }
        ?? moment.age(since: attempt.startedAt)
      document.add([
        Span(" \(attempt.number)  "),
        Span(padded(moment.clock(attempt.startedAt), to: 13), .faint),
        Span(padded(took, to: 9, trailing: true) + "  "),
        Span(
          attempt.failure.map { "\(words($0.kind)): \(untrusted: $0.message, limit: 300)" }
            ?? (attempt.endedAt == nil ? "running" : "done"),
          attempt.failure == nil ? .plain : .bad
        ),
      ])
      if let errorOutput = call.errorOutput(of: attempt.number) {
        document.value("stderr", errorLines(errorOutput), labelWidth: 8)
      }
    }
  }
}

/// State and what has to be said with it: `queued, held`, `backing off`.
func standing(of row: CallRow) -> SafeText {
  words(row.state) + (row.isHeld ? ", held" : "")
}

func stateStyle(_ row: CallRow) -> Style {
  switch row.state {
  case .succeeded: .good
  case .failed, .unknown: .bad
  case .awaitingApproval, .backingOff, .stopping: .warning
  case .rejected, .denied, .expired, .cancelled: .faint
  case .received, .approved, .queued: row.isHeld ? .warning : .plain
  case .running: .accent
  }
}

func callCells(_ row: CallRow, moment: Moment) -> [TableCell] {
  var took: SafeText = ""
  if let duration = row.duration {
    took = lasting(duration)
  } else if row.state == .running || row.state == .stopping {
    took = moment.age(since: row.since)
  } else if row.state == .backingOff, let until = row.until {
    took = "in " + moment.left(until: until)
  }
  let sign: SafeText =
    switch row.state {
    case .unknown: "?"
    case .awaitingApproval: "!"
    default: " "
    }
  return [
    TableCell(" " + sign, .warning),
    TableCell(standing(of: row), stateStyle(row)),
    TableCell(SafeText(untrusted: row.function, limit: 200)),
    TableCell(row.conversation.map { SafeText.short($0) } ?? "─", .faint),
    TableCell(tries(row), .faint),
    TableCell(moment.age(since: row.receivedAt)),
    TableCell(took),
    TableCell(SafeText(untrusted: row.caller, limit: 60), .faint),
    TableCell(SafeText.short(row.id), .faint),
    TableCell(outcome(of: row), row.failure == nil ? .plain : .bad),
    // What has failed has its message in place of the arguments, and in the outcome.
    TableCell(row.failure == nil ? SafeText(untrusted: row.summary, limit: 400) : "", .faint),
  ]
}

/// What became of a call, as far as its row tells, or what keeps it.
func outcome(of row: CallRow) -> SafeText {
  let summary = SafeText(untrusted: row.summary, limit: 400)
  if let failure = row.failure { return "\(words(failure)) · \(summary)" }
  switch row.state {
  case .succeeded:
    let source: SafeText?
    switch row.source {
    case .hit: source = "from the cache"
    case .shared: source = "shared with an identical call"
    case .degraded: source = "degraded: by a fallback"
    case .settled: source = "settled by a person"
    case .rerun: source = "run again with the same key"
    case .attempt, nil: source = nil
    }
    guard let words = row.result, !words.isEmpty else { return source ?? "answered" }
    let result = SafeText(untrusted: words, limit: 400)
    return source.map { "\($0) · \(result)" } ?? result
  case .awaitingApproval:
    return row.rule.map { "held by " + SafeText(untrusted: $0, limit: 200) } ?? ""
  case .unknown: return "may have been done"
  case .received, .approved, .queued, .running, .backingOff, .stopping, .failed, .rejected, .denied,
    .expired, .cancelled:
    return ""
  }
}

/// `2/3`: the attempt and how many there may be; what is never repeated has only its first.
func tries(_ row: CallRow) -> SafeText {
  guard let attempt = row.attempt else { return "" }
  return row.maxAttempts > 1 && row.effect != .write
    ? "\(attempt)/\(row.maxAttempts)" : "\(attempt)"
}

/// How a call has ended, in words: `expired`, `settled`.
func ending(of row: CallRow) -> SafeText {
  let isSettled = row.source == .settled || row.failure == .didNotHappen
  guard isSettled else { return words(row.state) }
  return row.state == .succeeded ? "settled as done" : "settled as not done"
}

/// The same with who did it: `denied by anna`.
func ending(of detail: CallDetail) -> SafeText {
  let by = detail.call.history.last?.by.map { " by " + SafeText(untrusted: $0, limit: 60) } ?? ""
  return ending(of: detail.row) + by
}
