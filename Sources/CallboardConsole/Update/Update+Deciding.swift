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
  case .settle: askHowItEnded(call, &model)
  case .extend:
    guard let seen = painted(call, in: model) ?? call.seen else { return [] }
    return [.send(.extend(call.id, seen), .plain)]
  case .runAgain: return runAgain(call, &model)
  case .cancel: return [.send(.cancel(call.id), .plain)]
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
  return [.send(.approve(call.id, reading.seen), .approval(call.id))]
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
    seen: isWaiting ? call.seen : nil,
    original: original,
    text: original.serialized(pretty: true) + "\n"
  )
  return [.edit(edit)]
}

private func askHowItEnded(_ call: CallRow, _ model: inout ConsoleModel) {
  let subject = Prompt.Subject(call: call.id, states: [.unknown])
  model.ask(
    Question(
      text: [
        "\(untrusted: call.function) \(call.id) may have been done: did it happen? Look on the other side first."
      ],
      answers: [
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

private func runAgain(_ call: CallRow, _ model: inout ConsoleModel) -> [Intent] {
  let request = Intent.send(.runAgain(call.id, arguments: nil), .plain)
  let name = SafeText(untrusted: call.function)
  switch call.state {
  case .unknown:
    model.ask(
      Question(
        text: [
          "Run \(name) \(call.id) again with the same key? It may have been done already; a receiver that does not know the key does it twice."
        ],
        answers: [Question.Answer(key: "y", label: "run it again", outcome: .intents([request]))]
      ),
      about: Prompt.Subject(call: call.id, states: [.unknown])
    )
    return []
  case .succeeded:
    model.ask(
      Question(
        text: ["\(name) \(call.id) succeeded. Run it once more, as a new call?"],
        answers: [
          Question.Answer(key: "y", label: "run it once more", outcome: .intents([request]))
        ]
      )
    )
    return []
  default: return [request]
  }
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
  case .undo: return context.undo.map { [.send(.undo($0.call.id), .plain)] } ?? []
  case .toggle: return toggle(&model, context: context)
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

private func toggle(_ model: inout ConsoleModel, context: Context) -> [Intent] {
  if let provider = context.provider {
    guard !provider.isOn else {
      return [.send(.setProvider(provider.namespace, from: true, to: false), .plain)]
    }
    model.ask(
      Question(
        text: [
          "Switch on all \(counted(provider.functions, "function", "functions")) of \(untrusted: provider.namespace)? What is held will start."
        ],
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

func askToSwitchOn(_ name: String, waiting: Int?, _ model: inout ConsoleModel) {
  let start: SafeText =
    switch waiting {
    case .some(0): " Nothing waits for it."
    case .some(let count): " \(counted(count, "held call", "held calls")) will start."
    case nil: ""
    }
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
