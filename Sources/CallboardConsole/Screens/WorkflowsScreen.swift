import Callboard
import CallboardTerminal
import Foundation

// Runs of workflows, and the steps of one.
extension Painter {
  mutating func paintWorkflows() {
    let columns = [
      Table.Column.margin,
      Table.Column("", 6),
      Table.Column("state", 9),
      Table.Column("workflow", 18, most: 40),
      Table.Column("doing", 20, grows: true),
      Table.Column("steps", 7, align: .trailing, rank: 2),
      Table.Column("time", 6, align: .trailing, rank: 3),
      Table.Column("last", 6, align: .trailing, rank: 1),
      Table.Column("who", 10, most: 20, rank: 4),
    ]
    let moment = moment
    paintList(columns, empty: "no workflow has been run yet") { item in
      guard case .run(let row) = item else { return [] }
      return [
        TableCell(" "),
        TableCell(SafeText(untrusted: row.id.short), .faint),
        TableCell(SafeText(untrusted: row.state.rawValue), stateStyle(row.state)),
        TableCell(SafeText(untrusted: row.workflow, limit: 100)),
        TableCell(
          SafeText(untrusted: row.doing, limit: 300),
          row.needsPerson ? .warning : row.state == .failed ? .bad : .plain
        ),
        TableCell("\(row.done)/\(row.steps)"),
        TableCell(lasting((row.endedAt ?? moment.now).timeIntervalSince(row.startedAt))),
        TableCell(moment.age(since: row.lastActivity)),
        TableCell(SafeText(untrusted: row.caller, limit: 60), .faint),
      ]
    }
  }

  /// The steps of one run: what has become of each, how long it took, and what was skipped and why.
  func runDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard let detail = sight.body.run else {
      document.text(sight.absence("this run is not kept any more"))
      return document
    }
    let row = detail.row
    document.add([
      Span(" "), Span(SafeText(untrusted: row.workflow, limit: 100), .title), Span("  "),
      Span(SafeText(untrusted: row.id.short), .faint), Span("  "),
      Span(SafeText(untrusted: row.state.rawValue), stateStyle(row.state)), Span("  "),
      Span(
        row.state == .failed ? "" : SafeText(untrusted: row.doing, limit: 200),
        row.needsPerson ? .warning : .faint
      ),
    ])
    let again: SafeText =
      row.retries == 0 ? "" : " · retried \(counted(row.retries, "time", "times"))"
    document.text(
      "for \(untrusted: row.caller, limit: 60) · \(row.done) of \(counted(row.steps, "step", "steps")) over · began \(moment.clock(row.startedAt)) · \(lasting((row.endedAt ?? moment.now).timeIntervalSince(row.startedAt)))\(again)",
      .faint
    )
    if let failure = detail.failure {
      document.text("failed: \(untrusted: failure, limit: 1000)", .bad)
    }
    document.value("input", safeLines(of: detail.input), labelWidth: 8)
    document.blank()
    let name = min(24, max(4, detail.steps.map(\.id.count).max() ?? 4))
    for step in detail.steps { add(step, named: name, to: &document) }
    if let output = detail.output {
      document.blank()
      document.value("output", safeLines(of: output), labelWidth: 8)
    }
    return document
  }

  private func add(_ step: RunDetail.StepRow, named width: Int, to document: inout Document) {
    let padding = String(repeating: " ", count: max(0, width - step.id.count))
    let time: SafeText =
      step.startedAt.map { began in
        lasting((step.endedAt ?? moment.now).timeIntervalSince(began))
      } ?? ""
    let items: SafeText = step.items.map { " \($0.done)/\($0.all)" } ?? ""
    let optional: SafeText = step.isRequired ? "" : " · not required"
    let after: SafeText =
      step.needs.isEmpty
      ? "" : " · after \(untrusted: step.needs.joined(separator: ", "), limit: 200)"
    document.add([
      Span(" "), Span(sign(step.state), style(step.state)), Span(" "),
      Span(SafeText(untrusted: step.id + padding, limit: 64), .title), Span("  "),
      Span(SafeText(untrusted: step.state.rawValue), style(step.state)), Span(items),
      Span(" "), Span(time, .faint), Span("  "),
      Span(SafeText(untrusted: step.does, limit: 200), .accent), Span(after + optional, .faint),
    ])
    if let why = step.why {
      document.text(
        "    \(untrusted: why, limit: 600)",
        step.state == .failed ? .bad : .faint
      )
    }
    for call in step.calls {
      let isPlain = call.state == .succeeded && step.items == nil
      guard !isPlain else { continue }
      document.add([
        Span("    → \(call.id) ", .faint), Span(standing(of: call), stateStyle(call)),
        Span(call.duration.map { " " + lasting($0) } ?? "", .faint),
        Span("  \(untrusted: call.summary, limit: 300)", .faint),
      ])
    }
    for conversation in step.conversations {
      document.add([Span("    → conversation \(conversation)", .faint)])
    }
  }

  private func sign(_ state: WorkflowRun.StepWord) -> SafeText {
    let plain: SafeText =
      switch state {
      case .waiting: "."
      case .running: ">"
      case .succeeded: "+"
      case .skipped: "-"
      case .failed: "x"
      }
    guard isUTF8 else { return plain }
    return switch state {
    case .waiting: "·"
    case .running: "▶"
    case .succeeded: "✓"
    case .skipped: "–"
    case .failed: "✗"
    }
  }

  private func style(_ state: WorkflowRun.StepWord) -> Style {
    switch state {
    case .waiting, .skipped: .faint
    case .running: .accent
    case .succeeded: .good
    case .failed: .bad
    }
  }
}

func stateStyle(_ state: WorkflowRun.Word) -> Style {
  switch state {
  case .running: .accent
  case .stopping: .warning
  case .failed: .bad
  case .succeeded, .cancelled: .faint
  }
}

extension RunRow {
  /// Whether it can go on from what failed.
  var mayBeRetried: Bool {
    switch state {
    case .failed, .cancelled: true
    case .running, .stopping, .succeeded: false
    }
  }
}
