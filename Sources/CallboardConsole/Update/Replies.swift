import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

/// Takes in what the engine has replied to a request.
func receive(_ model: inout ConsoleModel, _ reply: Reply, for purpose: Purpose, at now: Date) {
  let message = SafeText(untrusted: reply.message, limit: 2000)
  if case .batch(let run, let entry) = purpose {
    model.receive(reply, of: entry, in: run, at: now)
    return
  }
  switch (reply, purpose) {
  case (.done, .edit):
    if case .edited(let edited)? = model.prompt?.kind, case .sent = edited.state {
      model.prompt = nil
    }
    model.say(message, .good, at: now)
  case (.done, .denial(let call)):
    model.say("\(call) denied · \(message)", .good, at: now)
  case (.refused, .denial(let call)), (.invalid, .denial(let call)):
    model.say("\(call) denied, its conversation not stopped: \(message)", .warning, at: now)
  case (.done, .switchOff(let waiting)):
    let held: SafeText =
      waiting > 0 ? " · \(counted(waiting, "queued call is", "queued calls are")) held" : ""
    model.say(message + held, .good, at: now)
  case (.done, .plain), (.done, .batch): model.say(message, .good, at: now)
  case (.refused, .edit(let edit)):
    reopen(&model, edit, [message])
    model.say(message, .warning, at: now)
  case (.invalid(let errors), .edit(let edit)):
    reopen(&model, edit, errors.map(sentence))
    model.say("not what the schema says; nothing was changed", .warning, at: now)
  case (.refused, _), (.invalid, _): model.say(message, .warning, at: now)
  case (.notStored, _): model.say(message, .warning, at: now)
  case (.unknown, .edit(let edit)):
    if case .edited(let edited)? = model.prompt?.kind, edited.edit.call == edit.call {
      model.prompt = nil
    }
    model.say(message, .bad, at: now)
  case (.unknown, _): model.say(message, .bad, at: now)
  }
}

private func reopen(_ model: inout ConsoleModel, _ edit: ArgumentsEdit, _ problems: [SafeText]) {
  guard case .edited(let edited)? = model.prompt?.kind, case .sent = edited.state,
    edited.edit.call == edit.call
  else { return }
  model.prompt?.kind = .edited(EditedArguments(edit: edited.edit, state: .wrong(problems)))
}

private func sentence(of error: ValidationError) -> SafeText {
  SafeText(untrusted: error.message, limit: 500)
}

/// Takes in what the editor has left in the file, or why there is nothing.
func receive(
  _ model: inout ConsoleModel,
  edited text: Result<String, EditorFailure>,
  of edit: ArgumentsEdit,
  at now: Date
) {
  var edit = edit
  switch text {
  case .failure(let failure):
    model.prompt = nil
    model.say(SafeText(untrusted: failure.message, limit: 500), .bad, at: now)
    return
  case .success(let text): edit.text = text
  }
  let state: EditedArguments.State
  do throws(JSONParseError) {
    let value = try JSONValue(parsing: edit.text, options: .arguments)
    if value.objectValue == nil {
      state = .wrong(["the arguments must be a JSON object, { … }"])
    } else if value == edit.original, edit.seen != nil {
      model.prompt = nil
      model.say("nothing was changed", .faint, at: now)
      return
    } else {
      state = .differs(value, ArgumentChange.between(edit.original, value))
    }
  } catch {
    state = .wrong([SafeText(untrusted: error.description, limit: 500)])
  }
  let subject = edit.seen.map { _ in
    Prompt.Subject(call: edit.call, states: [.awaitingApproval])
  }
  model.ask(Prompt(.edited(EditedArguments(edit: edit, state: state)), subject: subject))
}

/// Why an editor gave no text, in a sentence.
struct EditorFailure: Error, Sendable, Hashable {
  var message: String
}
