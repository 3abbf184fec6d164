import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// A batch before it is sent: what differs, what all have in common, totals, what is left out; and what came of one.
extension Painter {
  mutating func paintBatch(_ batch: Batch) {
    let document = batchDocument(batch, width: layout.body.width)
    let area = layout.body
    let height = visibleHeight(of: document, in: area)
    var scroll = model.batchScroll
    scroll.top = max(0, min(scroll.top, document.lines.count - height))
    paint(document, top: scroll.top, height: height, in: area)
    frame.batchScroll = scroll
  }

  func batchDocument(_ batch: Batch, width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    let all = batch.count + batch.left.count
    document.text("\(batch.verb) \(batch.things) of \(all) marked", .title)
    if batch.action == .runAgain { document.text(safety(of: batch), .warning) }
    if let reason = batch.reason {
      document.value("reason", [SafeText(untrusted: reason, limit: 1000)], labelWidth: 10)
    }
    for total in batch.totals {
      let unit = total.unit.map { " " + SafeText(untrusted: $0, limit: 20) } ?? ""
      document.value(
        "total",
        [
          "\(untrusted: total.name, limit: 100) \(untrusted: "\(total.sum)", limit: 60)\(unit) in "
            + "\(counted(total.count, "call", "calls")) of \(untrusted: total.function, limit: 200)"
        ],
        labelWidth: 10
      )
    }
    if !batch.shared.isEmpty {
      document.value(
        "in all",
        batch.shared.map {
          "\(untrusted: $0.name, limit: 100) \(untrusted: $0.value.serialized(), limit: 200)"
        },
        labelWidth: 10
      )
    }
    let warned = batch.entries.count { $0.warning != nil }
    if warned > 0 {
      document.text("\(warned) of them \(warned == 1 ? "was" : "were") asked for before", .warning)
    }
    document.blank()
    for entry in batch.entries {
      var text: SafeText = entry.name
      if !entry.caller.isEmpty { text += " · \(untrusted: entry.caller, limit: 60)" }
      if !entry.note.isEmpty { text += " · \(entry.note)" }
      document.text(text)
      let differing = batch.differing.compactMap { name -> SafeText? in
        guard let value = entry.arguments?[name] else { return nil }
        return "\(untrusted: name, limit: 100) \(untrusted: value.serialized(), limit: 200)"
      }
      if !differing.isEmpty {
        document.value("", [differing.joined(separator: " · ")], labelWidth: 2)
      }
      if let warning = entry.warning { document.text("  \(warning)", .warning) }
    }
    if !batch.left.isEmpty {
      document.heading("left out: \(batch.left.count)")
      for one in batch.left { document.text("\(one.name): \(one.why)", .warning) }
    }
    return document
  }

  /// How many are safe to run again, and the pace.
  private func safety(of batch: Batch) -> SafeText {
    let safe = batch.entries.count { $0.effect == .read || $0.effect == .idempotent }
    let rest = batch.count - safe
    let others: SafeText =
      rest == 0
      ? "" : " \(counted(rest, "is a write", "are writes")): a new call does it once more;"
    return "\(safe) may safely be repeated;\(others) at most \(Batch.pace) are sent at a time"
  }

  func batchRunDocument(_ number: Int, width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard let run = model.batchRuns[number] else {
      document.text("this batch is not remembered any more", .faint)
      return document
    }
    document.text("\(run.title): \(run.summary)", .title)
    document.blank()
    // What was refused is what somebody has to look at.
    let order = run.outcomes.sorted { rank($0) < rank($1) }
    for outcome in order {
      switch outcome.reply {
      case .done(let text)?:
        let said = SafeText(untrusted: text, limit: 500)
        // Most replies name their call themselves.
        let names = said.text.hasPrefix(outcome.name.text)
        document.text(names ? said : "\(outcome.name): \(said)", .good)
      case .notStored(let text)?:
        document.text("\(outcome.name): \(untrusted: text, limit: 800)", .warning)
      case .refused(let text)?:
        document.text("\(outcome.name): refused: \(untrusted: text, limit: 800)", .warning)
      case .invalid(let errors)?:
        let first = errors.first?.message ?? "its arguments do not fit"
        document.text("\(outcome.name): refused: \(untrusted: first, limit: 800)", .warning)
      case .unknown(let why)?:
        document.text(
          "\(outcome.name): not known whether it was done: \(untrusted: why, limit: 800)",
          .warning
        )
      case nil: document.text("\(outcome.name): no answer yet", .faint)
      }
    }
    return document
  }

  private func rank(_ outcome: BatchRun.Outcome) -> Int {
    switch outcome.reply {
    case .refused?, .invalid?, .unknown?, .notStored?: 0
    case nil: 1
    case .done?: 2
    }
  }
}
