import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

/// Keys that act on a call.
func decide(
  _ action: Action,
  on call: CallRow,
  _ model: inout ConsoleModel,
  context: Context,
  sight: Sight
) -> [Intent] {
  let waits = call.state == .awaitingApproval || call.state == .approved
  if !context.isReview, waits, action == .approve || action == .deny || action == .edit {
    // Elsewhere these keys only lead to where the arguments can be read.
    model.review(call.id)
    return []
  }
  if let why = context.forbidden[action] {
    model.say(why, .warning, at: sight.header.now)
    // An approval goes on to the engine, which refuses it and keeps that.
    guard action == .approve else { return [] }
  }
  switch action {
  case .approve: return approve(call, &model, sight: sight)
  case .deny:
    model.ask(
      Prompt(
        .deny(call, preset: nil, stops: false),
        subject: Prompt.Subject(call: call.id, states: [.awaitingApproval, .approved])
      )
    )
  case .edit: return edit(call, &model, sight: sight)
  case .settle: askHowItEnded(call, &model, sight: sight)
  case .extend:
    guard let seen = painted(call, in: model) ?? call.seen else { return [] }
    return [.send(.extend(call.id, seen), .plain)]
  case .runAgain: askToRunAgain(call, &model, sight: sight)
  case .cancel: return [.send(.cancel(call.id, revision: call.revision), .plain)]
  default: break
  }
  return []
}

/// What of a call was on the screen, as far as it still is what the engine shows.
private func painted(_ call: CallRow, in model: ConsoleModel) -> Seen? {
  guard let reading = model.readings[call.id], reading.seen == call.seen else { return nil }
  return reading.seen
}

private func approve(_ call: CallRow, _ model: inout ConsoleModel, sight: Sight) -> [Intent] {
  let now = sight.header.now
  guard let reading = model.readings[call.id], reading.seen == call.seen else {
    model.say("it has changed and is not on the screen yet; nothing ran", .warning, at: now)
    return []
  }
  guard reading.folded == 0 else {
    let values = counted(reading.folded, "value is", "values are")
    let key = model.keys.key(of: .open)
    model.say("\(values) folded and unread: \(key) unfolds", .warning, at: now)
    return []
  }
  guard reading.unread == 0 else {
    let key = model.keys.key(of: reading.isBelow ? .paneDown : .paneUp)
    model.say("\(counted(reading.unread, "line", "lines")) unread: \(key)", .warning, at: now)
    return []
  }
  return [.send(.approve(call.id, reading.seen), .plain)]
}

private func edit(_ call: CallRow, _ model: inout ConsoleModel, sight: Sight) -> [Intent] {
  guard let detail = sight.detail, detail.row.id == call.id,
    let original = (detail.call.decided ?? detail.call.proposed)?.shown
  else {
    model.say(
      "its arguments were not JSON; there is nothing to edit",
      .warning,
      at: sight.header.now
    )
    return []
  }
  let isWaiting = call.state == .awaitingApproval
  if isWaiting, painted(call, in: model) == nil {
    model.say("it has changed and is not on the screen yet", .warning, at: sight.header.now)
    return []
  }
  let edit = ArgumentsEdit(
    call: call.id,
    function: call.function,
    revision: call.revision,
    seen: isWaiting ? call.seen : nil,
    original: original,
    text: original.serialized(pretty: true) + "\n"
  )
  return [.edit(edit)]
}

/// What somebody who decides on a call should know first: nobody waits for its result any more.
private func unheard(_ call: CallRow, sight: Sight) -> [SafeText] {
  guard let detail = sight.detail, detail.row.id == call.id,
    let state = detail.conversationState, !state.isLive
  else { return [] }
  return ["Its conversation has ended: the model will hear nothing of it."]
}

private func askHowItEnded(_ call: CallRow, _ model: inout ConsoleModel, sight: Sight) {
  let subject = Prompt.Subject(call: call.id, states: [.unknown])
  let detail = sight.detail.flatMap { $0.row.id == call.id ? $0 : nil }
  var look: [Question.Answer] = []
  if let check = detail?.checkFunction {
    look.append(
      Question.Answer(
        key: "c",
        label: "look it up by \(untrusted: check.description, limit: 100)",
        outcome: .intents([.send(.check(call.id, revision: call.revision), .plain)])
      )
    )
  }
  model.ask(
    Question(
      text: unheard(call, sight: sight) + [
        "\(untrusted: call.function) \(call.id) may have been done: did it happen? Look on the other side first."
      ],
      answers: look + [
        Question.Answer(
          key: "h",
          label: "it happened",
          outcome: .prompt(.settle(call, happened: true), subject)
        ),
        Question.Answer(
          key: "d",
          label: "it did not",
          outcome: .prompt(.settle(call, happened: false), subject)
        ),
      ]
    ),
    about: subject
  )
}

private func askToRunAgain(_ call: CallRow, _ model: inout ConsoleModel, sight: Sight) {
  let request = Intent.send(.runAgain(call.id, revision: call.revision, arguments: nil), .plain)
  let name: SafeText = "\(untrusted: call.function, limit: 200) \(call.id)"
  let detail = sight.detail.flatMap { $0.row.id == call.id ? $0 : nil }
  let arguments = (detail?.call.decided ?? detail?.call.proposed)?.shown
  var text = unheard(call, sight: sight)
  if call.state == .unknown {
    text.append(
      "Run \(name) again with the same key? It may have been done already; a receiver that does not know the key does it twice."
    )
  } else {
    let effect: SafeText =
      switch call.effect {
      case .read: "a read"
      case .idempotent: "an idempotent call"
      case .write: "a write"
      case nil: "a call"
      }
    let why: SafeText = call.failure.map { ": \(words($0))" } ?? ""
    let became: SafeText =
      switch call.state {
      case .succeeded, .failed: "that \(ending(of: call))"
      default: "that was \(ending(of: call))"
      }
    text.append("Run \(name) again, as a new call? It is \(effect) \(became)\(why).")
  }
  if let arguments { text.append("with \(untrusted: arguments.serialized(), limit: 160)") }
  model.ask(
    Question(
      text: text,
      answers: [Question.Answer(key: "y", label: "run it again", outcome: .intents([request]))]
    ),
    about: call.state == .unknown ? Prompt.Subject(call: call.id, states: [.unknown]) : nil
  )
}

// MARK: conversations

func stop(_ model: inout ConsoleModel, context: Context) -> [Intent] {
  context.conversation.map { [.send(.stopConversation($0), .plain)] } ?? []
}

func converse(_ action: Action, _ model: inout ConsoleModel, context: Context) -> [Intent] {
  guard let row = context.conversationRow else { return [] }
  if action == .message {
    model.ask(Prompt(.message(row.id, title: row.title)))
    return []
  }
  guard row.state == .paused else {
    return [.send(.pauseConversation(row.id, from: false, to: true), .plain)]
  }
  model.ask(
    Question(
      text: ["Resume \(row.id)? The model is asked again."],
      answers: [
        Question.Answer(
          key: "y",
          label: "resume",
          outcome: .intents([.send(.pauseConversation(row.id, from: true, to: false), .plain)])
        )
      ]
    )
  )
  return []
}

// MARK: functions and the engine

func operate(
  _ action: Action,
  _ model: inout ConsoleModel,
  context: Context,
  sight: Sight
) -> [Intent] {
  switch action {
  case .hold: return hold(&model, sight: sight)
  case .undo:
    guard let call = context.undo?.call, let seen = call.seen else { return [] }
    return [.send(.undo(call.id, seen), .plain)]
  case .toggle: return toggle(&model, context: context, sight: sight)
  case .breaker: askAboutBreaker(&model, context: context)
  case .clearCache:
    guard let function = context.function else { return [] }
    model.ask(
      Question(
        text: [
          "Clear the cache of \(untrusted: function.name)? Its next calls run again."
        ],
        answers: [
          Question.Answer(
            key: "y",
            label: "clear it",
            outcome: .intents([.send(.clearCache(function: function.name), .plain)])
          )
        ]
      )
    )
  default: break
  }
  return []
}

private func hold(_ model: inout ConsoleModel, sight: Sight) -> [Intent] {
  guard sight.header.held != nil else { return [.send(.hold(from: false, to: true), .plain)] }
  askToRelease(&model, sight: sight)
  return []
}

func askToRelease(_ model: inout ConsoleModel, sight: Sight) {
  let waiting = sight.header.queued + sight.header.backingOff
  let start: SafeText =
    waiting == 0 ? "Nothing waits for it." : "\(counted(waiting, "call", "calls")) will go on."
  model.ask(
    Question(
      text: ["Release the engine? \(start)"],
      answers: [
        Question.Answer(
          key: "y",
          label: "release",
          outcome: .intents([.send(.hold(from: true, to: false), .plain)])
        )
      ]
    )
  )
}

private func toggle(
  _ model: inout ConsoleModel,
  context: Context,
  sight: Sight
) -> [Intent] {
  if let provider = context.provider {
    guard !provider.isOn else {
      return [.send(.setProvider(provider.namespace, from: true, to: false), .plain)]
    }
    let which: SafeText =
      provider.functions == 1 ? "the one function" : "all \(provider.functions) functions"
    let start = sight.held(of: provider).map(starting) ?? " What is held will start."
    model.ask(
      Question(
        text: ["Switch on \(which) of \(untrusted: provider.namespace)?\(start)"],
        answers: [
          Question.Answer(
            key: "y",
            label: "all on",
            outcome: .intents([
              .send(.setProvider(provider.namespace, from: false, to: true), .plain)
            ])
          )
        ]
      )
    )
    return []
  }
  guard let name = context.functionName else { return [] }
  let isOn = context.function?.isOn ?? context.call?.functionIsOn ?? true
  guard !isOn else {
    return [
      .send(
        .setFunction(name, from: true, to: false),
        .switchOff(waiting: context.function?.queued ?? 0)
      )
    ]
  }
  askToSwitchOn(name, waiting: context.function?.held, &model)
  return []
}

/// What switching on starts, as a sentence after the question.
private func starting(_ held: Int) -> SafeText {
  held == 0 ? " Nothing is held." : " \(counted(held, "held call", "held calls")) will start."
}

extension Sight {
  /// Held calls of a provider's functions; nil where not all of them are on this screen.
  fileprivate func held(of provider: ProviderRow) -> Int? {
    let functions = rows.items.compactMap { item -> FunctionRow? in
      if case .function(let row) = item, row.provider == provider.namespace { row } else { nil }
    }
    return functions.count == provider.functions ? functions.reduce(0) { $0 + $1.held } : nil
  }
}

func askToSwitchOn(_ name: String, waiting: Int?, _ model: inout ConsoleModel) {
  let start = waiting.map(starting) ?? ""
  model.ask(
    Question(
      text: ["Switch \(untrusted: name) on?\(start)"],
      answers: [
        Question.Answer(
          key: "y",
          label: "switch on",
          outcome: .intents([.send(.setFunction(name, from: false, to: true), .plain)])
        )
      ]
    )
  )
}

private func askAboutBreaker(_ model: inout ConsoleModel, context: Context) {
  guard let function = context.function else { return }
  func answer(
    _ key: Character,
    _ label: SafeText,
    _ wanted: CircuitBreaker.State
  ) -> Question.Answer {
    Question.Answer(
      key: key,
      label: label,
      outcome: .intents([
        .send(.setBreaker(function.name, from: function.breaker, to: wanted), .plain)
      ])
    )
  }
  var answers: [Question.Answer] = []
  if function.breaker != .open {
    answers.append(answer("o", "trip it: nothing runs until it is reset", .open))
  }
  if function.breaker != .closed {
    answers.append(answer("c", "reset it: calls run again", .closed))
  }
  model.ask(
    Question(
      text: [
        "The breaker of \(untrusted: function.name) is \(words(function.breaker))."
      ],
      answers: answers
    )
  )
}

func words(_ state: CircuitBreaker.State) -> SafeText {
  switch state {
  case .closed: "closed"
  case .open: "open"
  case .halfOpen: "half open"
  }
}
