import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

/// What one key does: changes the model, and says what is to be asked of the world.
///
/// Decides only; whether a deciding key may count at all is judged before, by ``InputGate``.
func update(_ model: inout ConsoleModel, _ key: Key, sight: Sight) -> [Intent] {
  switch key {
  case .brokenSequence, .resize, .statusReport, .focusIn, .focusOut: return []
  default: break
  }
  model.notice = nil
  model.hint = nil
  if model.prompt != nil { return updatePrompt(&model, key, sight: sight) }
  if case .paste = key {
    model.say("pasted text is never run as keys", .warning, at: sight.header.now)
    return []
  }
  guard let action = model.keys.action(of: key) else {
    if !model.showsHelp {
      let help = model.keys.key(of: .help)
      model.say("\(key.name) means nothing; \(help) lists the keys", .faint, at: sight.header.now)
    }
    return []
  }
  if model.showsHelp { return updateHelp(&model, action, sight: sight) }
  let context = Context(model, sight)
  if key == .right, let fold = context.fold {
    model.unfold(fold)
    return []
  }
  guard Binding.live(action, in: context) != nil else {
    explain(&model, action, context: context, sight: sight)
    return []
  }
  return perform(action, &model, context: context, sight: sight)
}

private func updateHelp(_ model: inout ConsoleModel, _ action: Action, sight: Sight) -> [Intent] {
  switch action {
  case .help, .back, .quit, .open: model.showsHelp = false
  case .down: model.helpTop += 1
  case .up: model.helpTop = max(0, model.helpTop - 1)
  case .pageDown, .paneDown: model.helpTop += max(1, model.listHeight - 1)
  case .pageUp, .paneUp: model.helpTop = max(0, model.helpTop - max(1, model.listHeight - 1))
  case .first: model.helpTop = 0
  case .last: model.helpTop = .max / 2
  case .repaint: return [.repaint]
  case .suspend: return [.suspend]
  case .hold where model.mayAct && sight.header.held == nil:
    return [.send(.hold(from: false, to: true), .plain)]
  default: break
  }
  return []
}

/// Says why a key does nothing here, where that is worth a word.
private func explain(
  _ model: inout ConsoleModel,
  _ action: Action,
  context: Context,
  sight: Sight
) {
  let now = sight.header.now
  guard let binding = Binding.table[action], action != .back, !binding.isMovement else { return }
  let key = model.keys.key(of: action)
  if binding.acts, !model.mayAct {
    model.say("read-only: \(key) is not bound", .warning, at: now)
  } else if context.isGap, binding.isDeciding {
    model.say(lateness(of: sight.detail, in: model, now: now), .warning, at: now)
  } else {
    model.say("\(key) does nothing here", .faint, at: now)
  }
}

/// What became of a call before a key came for it: `expired 0.2 s before your key; nothing ran`.
func lateness(of detail: CallDetail?, in model: ConsoleModel, now: Date) -> SafeText {
  guard let detail else { return "it has left; nothing ran" }
  let ago = lasting(max(0, now.timeIntervalSince(detail.row.since)))
  return "\(ending(of: detail)) \(ago) before your key; nothing ran"
}

// MARK: actions

private func perform(
  _ action: Action,
  _ model: inout ConsoleModel,
  context: Context,
  sight: Sight
) -> [Intent] {
  if context.opensBatch(action) { return [.openBatch(action, context.screen)] }
  if let fold = context.fold, [.approve, .deny, .edit, .open].contains(action) {
    model.unfold(fold)
    return []
  }
  if action == .approve || action == .deny {
    if let definition = context.definition, context.isReview {
      return decide(action, on: definition, &model, sight: sight)
    }
    if context.call == nil, let function = context.function, function.awaitsAcceptance {
      model.review(definition: function.name)
      return []
    }
  }
  if let run = context.run, action == .cancel || action == .runAgain {
    return [
      .send(
        action == .cancel ? .cancelRun(run.id) : .retryRun(run.id, revision: run.revision),
        .plain
      )
    ]
  }
  switch action {
  case .approve, .deny, .edit, .settle, .extend, .runAgain, .cancel:
    return context.call.map { decide(action, on: $0, &model, context: context, sight: sight) }
      ?? stop(&model, context: context)
  case .pause, .message: return converse(action, &model, context: context)
  case .toggle, .breaker, .clearCache, .hold, .undo:
    return operate(action, &model, context: context, sight: sight)
  case .mark: mark(&model, sight: sight)
  case .unmarkAll: model.marks.clear(model.screen)
  case .open: open(&model, context: context)
  case .paneDown: scrollPane(&model, by: max(1, model.paneHeight - 1))
  case .paneUp: scrollPane(&model, by: -max(1, model.paneHeight - 1))
  case .goConversation:
    if let conversation = context.conversation { model.open(.conversation(conversation)) }
  case .goFunction:
    if let name = context.functionName { model.open(.function(name)) }
  case .follow: follow(&model, sight: sight)
  case .sort: sort(&model, sight: sight)
  case .reverse:
    model.list.isReversed.toggle()
    model.list.frozen = nil
  case .filter:
    if model.place.isDocument {
      model.ask(Prompt(.search, text: model.search ?? ""))
    } else {
      let text = model.list.filter.text
      // The next word is typed at once.
      let typed = text.isEmpty || text.hasSuffix(" ") ? text : text + " "
      model.ask(Prompt(.filter(model.screen, mistake: nil), text: typed))
    }
  case .next: advance(&model, by: 1, sight: sight)
  case .previous: advance(&model, by: -1, sight: sight)
  case .command: model.ask(Prompt(.command(recall: nil, note: nil)))
  case .copy: return copy(context, sight: sight)
  case .write: model.ask(Prompt(.writeView, text: fileName(for: model, now: sight.header.now)))
  case .back: goBack(&model, context: context)
  case .quit: return quit(&model, sight: sight)
  case .help:
    model.showsHelp = true
    model.helpTop = 0
  case .down: move(&model, .by(1), sight: sight)
  case .up: move(&model, .by(-1), sight: sight)
  case .pageDown: move(&model, .byPage(1), sight: sight)
  case .pageUp: move(&model, .byPage(-1), sight: sight)
  case .first: move(&model, .toFirst, sight: sight)
  case .last: move(&model, .toLast, sight: sight)
  case .nextScreen: switchScreen(&model, by: 1)
  case .previousScreen: switchScreen(&model, by: -1)
  case .overview: model.show(.overview)
  case .waiting: model.show(.waiting)
  case .calls: model.show(.calls)
  case .conversations: model.show(.conversations)
  case .functions: model.show(.functions)
  case .workflows: model.show(.workflows)
  case .errors: model.show(.errors)
  case .audit: model.show(.audit)
  case .repaint: return [.repaint]
  case .suspend: return [.suspend]
  }
  return []
}

private func open(_ model: inout ConsoleModel, context: Context) {
  if model.place == .screen(.waiting), let call = context.call {
    if context.folded > 0 {
      model.unfolded.insert(call.id)
    } else {
      model.open(.review(call.id))
    }
  } else if let call = context.call {
    if call.state.needsPerson, context.screen == .overview {
      model.review(call.id)
    } else {
      model.open(.call(call.id))
    }
  } else if let event = context.event {
    if case .event = model.place, let call = event.call {
      model.open(.call(call))
    } else {
      model.open(.event(event.seq))
    }
  } else if let error = context.error {
    model.open(.call(error.sample))
  } else if let run = context.run {
    model.open(.run(run.id))
  } else if let conversation = context.conversation {
    model.open(.conversation(conversation))
  } else if let function = context.function {
    model.open(.function(function.name))
  } else if let provider = context.provider {
    model.open(.screen(.functions))
    model.list.cursor = .row(id: "provider " + provider.namespace, index: 0)
  }
}

private func goBack(_ model: inout ConsoleModel, context: Context) {
  if model.search != nil {
    model.search = nil
  } else if context.hasFilter, case .screen = model.place {
    model.list.filter = Filter()
    model.list.frozen = nil
  } else {
    _ = model.back()
  }
}

private func quit(_ model: inout ConsoleModel, sight: Sight) -> [Intent] {
  if model.back() { return [] }
  let live = sight.header.live
  guard model.options.endsEngine, live > 0 else { return [.quit] }
  let verb: SafeText = live == 1 ? "lives" : "live"
  let writes = sight.header.runningWrites
  let limit = Int(Engine.Patience.whole.time / .seconds(1))
  let writing: SafeText =
    writes == 0
    ? ""
    : "\(counted(writes, "write runs", "writes run")) and \(writes == 1 ? "has" : "have") \(limit) s to end; after that nobody knows whether \(writes == 1 ? "it" : "they") happened. "
  model.ask(
    Question(
      text: [
        "\(counted(live, "call", "calls")) \(verb) in this process and will be stopped with it. \(writing)Leave?"
      ],
      answers: [Question.Answer(key: "y", label: "leave", outcome: .intents([.quit]))]
    )
  )
  return []
}

// MARK: moving

private enum Move {
  case by(Int)
  case byPage(Int)
  case toFirst
  case toLast
}

private func move(_ model: inout ConsoleModel, _ move: Move, sight: Sight) {
  guard !model.place.isDocument else {
    switch move {
    case .by(let lines): scroll(&model, model.place, by: lines)
    case .byPage(let pages): scroll(&model, model.place, by: pages * max(1, model.paneHeight - 1))
    case .toFirst: model.scrolls[model.place] = ConsoleModel.Scroll()
    case .toLast:
      model.scrolls[model.place] = ConsoleModel.Scroll(
        top: .max / 2,
        followsEnd: followsEnd(model.place)
      )
    }
    return
  }
  let before = model.list.cursor
  let height = model.listHeight
  switch move {
  case .by(let rows): model.list.move(by: rows, in: sight.rows, height: height)
  case .byPage(let pages):
    model.list.move(by: pages * max(1, height - 1), in: sight.rows, height: height)
  case .toFirst: model.list.move(to: 0, in: sight.rows, height: height)
  case .toLast: model.list.move(to: sight.rows.total - 1, in: sight.rows, height: height)
  }
  if model.list.cursor != before { model.paneScroll = ConsoleModel.Scroll() }
}

private func followsEnd(_ place: Place) -> Bool {
  if case .conversation = place { true } else { false }
}

private func scroll(_ model: inout ConsoleModel, _ place: Place, by lines: Int) {
  var scroll = model.scrolls[place] ?? ConsoleModel.Scroll()
  scroll.top = max(0, scroll.top + lines)
  if lines < 0 { scroll.followsEnd = false }
  model.scrolls[place] = scroll
}

private func scrollPane(_ model: inout ConsoleModel, by lines: Int) {
  if model.place.isDocument {
    scroll(&model, model.place, by: lines)
  } else {
    model.paneScroll.top = max(0, model.paneScroll.top + lines)
  }
}

private func advance(_ model: inout ConsoleModel, by delta: Int, sight: Sight) {
  if model.search != nil, model.place.isDocument {
    model.scrolls[model.place, default: ConsoleModel.Scroll()].jump += delta
    model.scrolls[model.place]?.followsEnd = false
  } else {
    move(&model, .by(delta), sight: sight)
  }
}

private func switchScreen(_ model: inout ConsoleModel, by delta: Int) {
  let all = Screen.allCases
  guard let index = all.firstIndex(of: model.screen) else { return }
  model.show(all[(index + delta + all.count) % all.count])
}

// MARK: lists

private func follow(_ model: inout ConsoleModel, sight: Sight) {
  if case .conversation = model.place {
    model.scrolls[model.place, default: ConsoleModel.Scroll()].followsEnd.toggle()
    return
  }
  if model.list.frozen != nil {
    model.list.frozen = nil
  } else {
    model.list.frozen = ListState.Frozen(
      rows: sight.rows,
      at: sight.header.now,
      calls: sight.header.calls
    )
  }
}

extension Screen {
  /// What the list can be ordered by, its own order first.
  var sorts: [ListQuery.Sort] {
    switch self {
    case .overview: []
    case .waiting: [.natural, .name, .age]
    case .calls: [.natural, .name, .age, .state, .duration]
    case .conversations: [.natural, .name, .age, .state, .count]
    case .functions: [.natural, .count, .duration, .state]
    case .workflows: [.natural, .name, .age, .state]
    case .errors: [.natural, .name, .age]
    case .audit: [.natural]
    }
  }

  func words(for sort: ListQuery.Sort) -> SafeText {
    switch (self, sort) {
    case (.waiting, .natural): "by time left"
    case (.calls, .natural), (.audit, .natural): "newest first"
    case (.conversations, .natural), (.workflows, .natural): "by last activity"
    case (.functions, .natural), (_, .name): "by name"
    case (.errors, .natural), (_, .count): "by count"
    case (.overview, .natural): ""
    case (_, .age): "by age"
    case (_, .state): "by state"
    case (_, .duration): "by duration"
    }
  }
}

private func sort(_ model: inout ConsoleModel, sight: Sight) {
  let sorts = model.screen.sorts
  guard let index = sorts.firstIndex(of: model.list.sort) else {
    model.list.sort = sorts.first ?? .natural
    return
  }
  model.list.sort = sorts[(index + 1) % sorts.count]
  model.list.frozen = nil
}

// MARK: taking along

private func copy(_ context: Context, sight: Sight) -> [Intent] {
  if let call = context.call {
    let shown = sight.detail.flatMap { $0.row.id == call.id ? $0 : nil }
    guard let arguments = (shown?.call.decided ?? shown?.call.proposed)?.shown else {
      return [.copy(call.id.description, what: "the id of call \(call.id)")]
    }
    return [.copy(arguments.serialized(), what: "the arguments of call \(call.id)")]
  }
  if let conversation = context.conversation {
    return [.copy(conversation.description, what: "the id of conversation \(conversation)")]
  }
  if let run = context.run {
    return [.copy(run.id.description, what: "the id of run \(untrusted: run.id.short)")]
  }
  if let name = context.functionName ?? context.provider?.namespace {
    return [.copy(name, what: "the name")]
  }
  return []
}

private func fileName(for model: ConsoleModel, now: Date) -> String {
  let stamp = Moment(now: now, zone: model.options.timeZone).full(now).text
    .replacing(" ", with: "-").replacing(":", with: "")
  return "callboard-\(model.screen.name)-\(stamp).txt"
}
