import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

/// Keys while a prompt or a question is open.
func updatePrompt(_ model: inout ConsoleModel, _ key: Key, sight: Sight) -> [Intent] {
  guard let prompt = model.prompt else { return [] }
  if key == .escape || key == .control("c") || key == .control("g") {
    model.prompt = nil
    return []
  }
  if key == .control("l") { return [.repaint] }
  if prompt.isLate(sight) {
    // Never closed by itself: a key that was meant for it must not fall through to the list.
    model.say(
      lateness(of: sight.subject, in: model, now: sight.header.now) + "; Esc closes this",
      .warning,
      at: sight.header.now
    )
    return []
  }
  switch prompt.kind {
  case .question(let question):
    return answer(question, &model, key, sight: sight)
  case .edited(let edited):
    return answerEdited(edited, &model, key)
  case .batch: return typeIntoBatch(&model, key, sight: sight)
  case .deny, .settle, .message, .filter, .search, .command, .writeView:
    return type(&model, key, sight: sight)
  }
}

// MARK: questions

private func answer(
  _ question: Question,
  _ model: inout ConsoleModel,
  _ key: Key,
  sight: Sight
) -> [Intent] {
  if case .character(let character) = key {
    if let answer = question.answers.first(where: { $0.key == character }) {
      model.prompt = nil
      switch answer.outcome {
      case .intents(let intents): return intents
      case .prompt(let kind, let subject):
        model.ask(Prompt(kind, subject: subject))
        return []
      }
    }
    if model.keys.action(of: key) == .hold, model.mayAct, sight.header.held == nil {
      return [.send(.hold(from: false, to: true), .plain)]
    }
  }
  if key == .enter || key == .character("n") || key == .character("q") { model.prompt = nil }
  return []
}

private func answerEdited(
  _ edited: EditedArguments,
  _ model: inout ConsoleModel,
  _ key: Key
) -> [Intent] {
  switch (edited.state, key) {
  case (.wrong, .character("e")), (.differs, .character("e")):
    return [.edit(edited.edit)]
  case (.differs(let value, _), .character("y")):
    var sent = edited
    sent.state = .sent(value)
    model.prompt?.kind = .edited(sent)
    let edit = edited.edit
    let request: Request =
      edit.seen.map { .edit(edit.call, $0, arguments: value) }
      ?? .runAgain(edit.call, revision: edit.revision, arguments: value)
    return [.send(request, .edit(edit))]
  case (_, .enter), (_, .character("n")), (_, .character("q")):
    model.prompt = nil
    return []
  default: return []
  }
}

// MARK: text prompts

private func type(_ model: inout ConsoleModel, _ key: Key, sight: Sight) -> [Intent] {
  guard var prompt = model.prompt else { return [] }
  if key == .enter { return submit(prompt, &model, sight: sight) }
  switch (prompt.kind, key) {
  case (.deny(let row, let preset, let stops), .up), (.deny(let row, let preset, let stops), .down):
    let count = Prompt.reasons.count
    let step = key == .down ? 1 : -1
    let next = preset.map { ($0 + step + count) % count } ?? (step > 0 ? 0 : count - 1)
    prompt.kind = .deny(row, preset: next, stops: stops)
    prompt.field = LineEditor(Prompt.reasons[next])
  case (.deny(let row, let preset, let stops), .tab) where row.conversation != nil:
    prompt.kind = .deny(row, preset: preset, stops: !stops)
  case (.command(let recall, _), .up):
    let next = (recall ?? model.commands.count) - 1
    if model.commands.indices.contains(next) {
      prompt.field = LineEditor(model.commands[next])
      prompt.kind = .command(recall: next, note: nil)
    }
  case (.command(let recall, _), .down):
    let next = recall.map { $0 + 1 } ?? model.commands.count
    prompt.field = LineEditor(model.commands.indices.contains(next) ? model.commands[next] : "")
    prompt.kind = .command(recall: min(next, model.commands.count), note: nil)
  case (.command, .tab):
    let (text, note) = Command.complete(prompt.field.text, sight: sight)
    prompt.field = LineEditor(text)
    prompt.kind = .command(recall: nil, note: note)
  default:
    guard prompt.field.handle(key) else { return [] }
    if case .deny(let row, _, let stops) = prompt.kind {
      prompt.kind = .deny(row, preset: nil, stops: stops)
    }
    if case .command = prompt.kind { prompt.kind = .command(recall: nil, note: nil) }
    if case .filter(let screen, _) = prompt.kind {
      prompt.kind = .filter(screen, mistake: mistake(in: prompt.field.text))
    }
  }
  model.prompt = prompt
  return []
}

private func mistake(in filter: String) -> SafeText? {
  do throws(Filter.Mistake) {
    _ = try Filter(filter)
    return nil
  } catch {
    return SafeText(untrusted: error.description, limit: 400)
  }
}

private func submit(_ prompt: Prompt, _ model: inout ConsoleModel, sight: Sight) -> [Intent] {
  let now = sight.header.now
  let text = prompt.field.text.trimmingCharacters(in: .whitespaces)
  switch prompt.kind {
  case .deny(let row, _, let stops):
    guard !text.isEmpty else {
      model.say("a reason, please: the model reads it", .warning, at: now)
      return []
    }
    model.prompt = nil
    guard let seen = row.seen else { return [] }
    let purpose: Purpose =
      stops ? .denial("\(untrusted: row.function, limit: 200) \(row.id)") : .plain
    return [.send(.deny(row.id, seen, reason: text, stopConversation: stops), purpose)]
  case .settle(let row, let happened):
    guard !text.isEmpty else {
      model.say("say by what you know it, please", .warning, at: now)
      return []
    }
    model.prompt = nil
    let settlement: Settlement =
      happened ? .happened(Payload(result(from: text))) : .didNotHappen(evidence: text)
    return [.send(.settle(row.id, revision: row.revision, settlement), .plain)]
  case .message(let conversation, _):
    guard !text.isEmpty else { return [] }
    model.prompt = nil
    return [.send(.message(conversation, text), .plain)]
  case .filter(let screen, _):
    do throws(Filter.Mistake) {
      var state = model.lists[screen] ?? ListState()
      state.filter = try Filter(text)
      state.frozen = nil
      model.lists[screen] = state
      model.prompt = nil
    } catch {
      model.prompt?.kind = .filter(
        screen,
        mistake: SafeText(untrusted: error.description, limit: 400)
      )
    }
    return []
  case .search:
    model.prompt = nil
    model.search = text.isEmpty ? nil : text
    if model.search != nil {
      model.scrolls[model.place, default: ConsoleModel.Scroll()].jump = 1
      model.scrolls[model.place]?.followsEnd = false
    }
    return []
  case .writeView:
    guard !text.isEmpty else { return [] }
    model.prompt = nil
    return [.writeView(path: text)]
  case .command:
    model.prompt = nil
    guard !text.isEmpty else { return [] }
    model.commands.removeAll { $0 == text }
    model.commands.append(text)
    if model.commands.count > 100 { model.commands.removeFirst() }
    return Command.run(text, &model, sight: sight)
  case .question, .edited, .batch: return []
  }
}

/// JSON as JSON, anything else as a text: a reference is a result too.
private func result(from text: String) -> JSONValue {
  do throws(JSONParseError) {
    return try JSONValue(parsing: text, options: .arguments)
  } catch {
    return .string(text)
  }
}
