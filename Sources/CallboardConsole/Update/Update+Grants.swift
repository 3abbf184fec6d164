import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

/// Approving ahead, and taking that back.
extension Command {
  static func grant(
    _ text: String,
    _ model: inout ConsoleModel,
    sight: Sight
  ) -> [Intent] {
    do throws(GrantDraft.Mistake) {
      return [.consider(try GrantDraft(parsing: text))]
    } catch {
      model.say(SafeText(untrusted: error.description, limit: 600), .warning, at: sight.header.now)
      return []
    }
  }

  /// Asks whether to give a grant, with what it would do now.
  static func considered(
    _ draft: GrantDraft,
    _ model: inout ConsoleModel,
    sight: Sight,
    in door: any EngineDoor
  ) {
    let query = Query.grantPreview(draft, by: model.principal)
    guard case .grantPreview(let preview) = door.snapshot(of: query).body else { return }
    if let why = preview.refusal {
      model.say(SafeText(untrusted: why, limit: 1000), .warning, at: sight.header.now)
      return
    }
    model.ask(question(about: preview, zone: model.options.timeZone, now: sight.header.now))
  }

  private static func question(
    about preview: GrantPreview,
    zone: TimeZone,
    now: Date
  ) -> Question {
    let draft = preview.draft
    let names = preview.functions.prefix(4).map { SafeText(untrusted: $0, limit: 80) }
    let more: SafeText =
      preview.functions.count > 4 ? " and \(preview.functions.count - 4) more" : ""
    var text: [SafeText] = [
      "Approve ahead \(untrusted: draft.words, limit: 800), until \(Moment(now: now, zone: zone).clock(preview.until))?",
      "It is your one approval of each call of \(names.joined(separator: ", "))\(more) that you may approve: unread, and not of calls that you asked for, equal ones or runs again.",
    ]
    let count = preview.waiting.count
    var answers = [
      Question.Answer(
        key: "y",
        label: count == 0 ? "give it" : "give it, for calls that come",
        outcome: .intents([.send(.grant(draft, waiting: []), .plain)])
      )
    ]
    if count == 0 {
      text.append("No call that waits now is of this kind.")
    } else {
      let starting = preview.starting
      let start: SafeText =
        starting == count
        ? (count == 1 ? "it would start" : "they would start")
        : "\(starting) of them would start, the others need somebody else as well"
      text.append(
        "\(counted(count, "call of this kind waits", "calls of this kind wait")) now and \(count == 1 ? "stays" : "stay") as \(count == 1 ? "it is" : "they are"), unless you say w: then \(start)."
      )
      answers.append(
        Question.Answer(
          key: "w",
          label: "give it, and approve the \(counted(count, "one that waits", "that wait")) unread",
          outcome: .intents([.send(.grant(draft, waiting: preview.waiting), .plain)])
        )
      )
    }
    return Question(text: text, answers: answers)
  }

  /// Takes back the one grant whose id ends so.
  static func revoke(
    _ ending: String,
    _ model: inout ConsoleModel,
    sight: Sight,
    in door: any EngineDoor
  ) -> [Intent] {
    guard case .grants(let rows) = door.snapshot(of: .grants).body else { return [] }
    let fitting = rows.filter { $0.id.description.hasSuffix(ending) }
    guard let row = fitting.first, fitting.count == 1 else {
      let shown = SafeText(untrusted: ending, limit: 60)
      model.say(
        fitting.isEmpty
          ? "no grant ends in \(shown); :grants lists them"
          : "\(fitting.count) grants end in \(shown); write more of the id",
        .warning,
        at: sight.header.now
      )
      return []
    }
    return [.send(.revokeGrant(row.id), .plain)]
  }
}
