import Callboard
import CallboardTerminal
import Foundation

// Marks, and the batches that are made of them.

/// Marks or unmarks what the cursor is on, and goes on to the next row.
func mark(_ model: inout ConsoleModel, sight: Sight) {
  guard let item = sight.rows.item(model.list.cursor.id) else { return }
  guard model.marks.toggle(item.markable, on: model.screen) else {
    model.say(
      "\(Marks.limit) are marked already: a batch takes no more",
      .warning,
      at: sight.header.now
    )
    return
  }
  model.list.move(by: 1, in: sight.rows, height: model.listHeight)
}

extension Context {
  /// Whether a key opens a batch of what is marked here, in place of acting on what the cursor is on.
  func opensBatch(_ action: Action) -> Bool {
    guard case .screen(let screen) = place, screen.batchActions.contains(action) else {
      return false
    }
    // A group of errors is many calls: it is always asked about as a whole.
    return marked > 0 || screen == .errors && error != nil
  }

  /// What such a key does, in words; nil: it opens none here.
  func batchLabel(_ action: Action) -> SafeText? {
    guard opensBatch(action) else { return nil }
    let verb: SafeText =
      switch action {
      case .approve: "approve"
      case .deny: "deny"
      case .runAgain: "run again"
      default: screen == .conversations ? "stop" : "cancel"
      }
    guard marked > 0 else { return "\(verb) this group" }
    // What has ended since it was marked can only be run again.
    guard markedGone > 0, action != .runAgain else { return "\(verb) \(marked) marked" }
    return "\(verb) \(marked - markedGone) of \(marked) marked"
  }
}

// MARK: keys while a batch is open

func typeIntoBatch(_ model: inout ConsoleModel, _ key: Key, sight: Sight) -> [Intent] {
  guard var prompt = model.prompt, case .batch(let batch) = prompt.kind else { return [] }
  let page = max(1, model.paneHeight - 1)
  switch key {
  case .pageDown: model.batchScroll.top += page
  case .pageUp: model.batchScroll.top = max(0, model.batchScroll.top - page)
  case .enter: return confirm(batch, prompt, &model, at: sight.header.now)
  default:
    if batch.needsReason {
      if key == .up || key == .down {
        let reasons = Prompt.reasons
        let now = reasons.firstIndex(of: prompt.field.text)
        let step = key == .down ? 1 : -1
        let next =
          now.map { ($0 + step + reasons.count) % reasons.count }
          ?? (step > 0 ? 0 : reasons.count - 1)
        prompt.field = LineEditor(reasons[next])
      } else if !prompt.field.handle(key) {
        return []
      }
      model.prompt = prompt
      return []
    }
    switch model.keys.action(of: key) {
    case .paneDown?: model.batchScroll.top += page
    case .paneUp?: model.batchScroll.top = max(0, model.batchScroll.top - page)
    case .down?: model.batchScroll.top += 1
    case .up?: model.batchScroll.top = max(0, model.batchScroll.top - 1)
    default:
      // Only what a count can be made of.
      if case .character(let character) = key, !character.isASCII || !character.isNumber {
        return []
      }
      if case .paste = key {
        model.say("pasted text is no count: type it", .warning, at: sight.header.now)
        return []
      }
      guard prompt.field.handle(key) else { return [] }
      model.prompt = prompt
    }
  }
  return []
}

private func confirm(
  _ batch: Batch,
  _ prompt: Prompt,
  _ model: inout ConsoleModel,
  at now: Date
) -> [Intent] {
  let typed = prompt.field.text.trimmingCharacters(in: .whitespaces)
  if batch.needsReason {
    guard !typed.isEmpty else {
      model.say("a reason, please: the models read it", .warning, at: now)
      return []
    }
    var reasoned = batch
    reasoned.reason = typed
    model.ask(Prompt(.batch(reasoned)))
    return []
  }
  guard batch.count > 0 else {
    model.prompt = nil
    return []
  }
  guard Int(typed) == batch.count else {
    model.say(
      "type \(batch.count) to \(batch.verb) \(batch.things); nothing ran",
      .warning,
      at: now
    )
    return []
  }
  model.prompt = nil
  return [.runBatch(batch)]
}

extension Batch {
  /// A denial tells the models why.
  var needsReason: Bool { action == .deny && reason == nil }
}

// MARK: what came of it

extension ConsoleModel {
  /// Most batches whose outcomes are remembered.
  private static let batchLimit = 8

  /// Notes that a batch is sent, takes the marks off what is in it, and shows what comes of it.
  mutating func began(_ batch: Batch) -> Int {
    let number = (batchRuns.keys.max() ?? 0) + 1
    batchRuns[number] = BatchRun(
      title: "\(batch.verb) \(batch.things)",
      outcomes: batch.entries.map { BatchRun.Outcome(name: $0.name) }
    )
    if batchRuns.count > Self.batchLimit, let oldest = batchRuns.keys.min() {
      batchRuns[oldest] = nil
    }
    marks.take(Set(batch.entries.map(\.mark)), off: batch.screen)
    open(.batch(number))
    return number
  }

  /// Takes in the reply to one of a batch's requests.
  mutating func receive(_ reply: Reply, of entry: Int, in number: Int, at now: Date) {
    guard var run = batchRuns[number], run.outcomes.indices.contains(entry) else { return }
    run.outcomes[entry].reply = reply
    batchRuns[number] = run
    if !reply.isDone {
      // Each refusal stays in the messages, also when the page of the batch is left.
      say(
        "\(run.outcomes[entry].name): \(untrusted: reply.message, limit: 500)",
        .warning,
        at: now
      )
    }
    if run.isOver {
      say("\(run.title): \(run.summary)", run.refused > 0 ? .warning : .good, at: now)
    }
  }
}
