import Callboard
import CallboardTerminal
import JSONSchema

/// The lines above the hints: an open prompt, else the last notice, else the status row.
struct Said {
  private(set) var lines: [Line] = []
  /// Where the text cursor stands in them.
  private(set) var cursor: (line: Int, column: Int)?
  /// Whether something is asked or said, and the status row gives way.
  private(set) var isSpoken = true
  private let width: Int
  private let isUTF8: Bool

  init(_ model: ConsoleModel, _ sight: Sight, width: Int, isUTF8: Bool) {
    self.width = max(1, width)
    self.isUTF8 = isUTF8
    if let prompt = model.prompt {
      show(prompt, model, sight)
      // What a key was answered with while the prompt is open.
      if let notice = model.notice { add(notice.text, notice.style) }
    } else if let notice = model.notice {
      add(notice.text, notice.style)
    } else {
      isSpoken = false
      lines = [Line()]
    }
  }

  private mutating func add(_ text: SafeText, _ style: Style = .plain) {
    for line in wrap(isUTF8 ? text : text.ascii, width: max(1, width - 2)) {
      lines.append(Line([Span(" "), Span(line, style)]))
    }
  }

  private mutating func show(_ prompt: Prompt, _ model: ConsoleModel, _ sight: Sight) {
    if prompt.isLate(sight), let detail = sight.subject {
      add("it has left: \(ending(of: detail)); nothing can be sent any more", .bad)
    }
    switch prompt.kind {
    case .deny(let row, let preset, let stops):
      add(
        "Deny \(untrusted: row.function) \(row.id) of \(untrusted: row.caller, limit: 60)",
        .title
      )
      if row.conversation != nil {
        add("[\(stops ? "x" : " ")] and stop the conversation")
      }
      let count = Prompt.reasons.count
      let place: SafeText = preset.map { "\($0 + 1) of \(count)" } ?? "\(count)"
      field("reason (\(place) ready-made)", prompt.field)
    case .settle(let row, let happened):
      add(
        "\(untrusted: row.function) \(row.id) \(happened ? "happened" : "did not happen")",
        .title
      )
      field(happened ? "result as JSON, or a reference" : "how do you know", prompt.field)
    case .message(let id, let title):
      add("Message into \(id) “\(untrusted: title, limit: 200)”", .title)
      field("message", prompt.field)
    case .filter(_, let mistake):
      if let mistake { add(mistake, .warning) }
      field("filter (fn: state: caller: conv: effect: age: text, - turns round)", prompt.field)
    case .search: field("search", prompt.field)
    case .command(_, let note):
      if let note { add(note, .faint) }
      field(":", prompt.field)
    case .writeView: field("write this view to", prompt.field)
    case .batch(let batch):
      if batch.needsReason {
        field("reason for all \(batch.count) (\(Prompt.reasons.count) ready-made)", prompt.field)
      } else if batch.count == 0 {
        add("nothing of what is marked can be part of it", .warning)
      } else {
        field("type \(batch.count) to \(batch.verb) \(batch.things)", prompt.field)
      }
    case .question(let question): for text in question.text { add(text, .title) }
    case .edited(let edited): show(edited)
    }
  }

  private mutating func show(_ edited: EditedArguments) {
    let name: SafeText = "\(untrusted: edited.edit.function) \(edited.edit.call)"
    switch edited.state {
    case .wrong(let problems):
      add("The edit of \(name) does not fit; nothing was changed:", .title)
      for problem in problems.prefix(8) { add("· " + problem, .warning) }
      if problems.count > 8 { add("· and \(problems.count - 8) more", .warning) }
    case .differs(_, let changes):
      guard !changes.isEmpty else {
        // An edit of a call that waits says that by itself, and is over.
        add("\(name) as a new call, as it was", .title)
        return
      }
      add(
        edited.edit.seen == nil ? "\(name) as a new call:" : "The edit of \(name) changes:",
        .title
      )
      var document = Document(width: width, isUTF8: isUTF8)
      for change in changes {
        document.value(
          SafeText(untrusted: change.name, limit: 200),
          [
            change.before.map { shown($0) } ?? "(not there)",
            "→ " + (change.after.map { shown($0) } ?? "(taken out)"),
          ],
          labelWidth: 16
        )
      }
      lines += document.lines
    case .sent: add("sending the edit of \(name) …", .faint)
    }
  }

  private func shown(_ value: JSONValue) -> SafeText {
    SafeText(untrusted: value.serialized(), limit: 400)
  }

  private mutating func field(_ label: SafeText, _ editor: LineEditor) {
    let head: SafeText = label.text == ":" ? ":" : label + " › "
    func typed(_ text: SafeText) -> [SafeText] {
      wrap(isUTF8 ? text : text.ascii, width: max(1, width - 2))
    }
    let before = typed(head + editor.before)
    let all = typed(head + editor.before + editor.after)
    let start = lines.count
    for line in all { lines.append(Line([Span(" "), Span(line, .accent)])) }
    cursor = (start + before.count - 1, 1 + (before.last.map(cellWidth) ?? 0))
  }
}

extension Prompt {
  /// The keys that mean something while it is open.
  func hints(_ sight: Sight) -> [(key: SafeText, label: SafeText)] {
    if isLate(sight) { return [("Esc", "close")] }
    switch kind {
    case .deny(let row, _, _):
      return [("Enter", "deny"), ("Esc", "leave"), ("Up Down", "reasons")]
        + (row.conversation == nil ? [] : [("Tab", "stop the conversation")])
    case .settle: return [("Enter", "settle"), ("Esc", "leave")]
    case .message: return [("Enter", "send"), ("Esc", "leave")]
    case .filter: return [("Enter", "narrow"), ("Esc", "leave")]
    case .search: return [("Enter", "search"), ("Esc", "leave")]
    case .command:
      return [("Enter", "run"), ("Esc", "leave"), ("Tab", "complete"), ("Up Down", "earlier ones")]
    case .writeView: return [("Enter", "write"), ("Esc", "leave")]
    case .batch(let batch):
      if batch.count == 0 { return [("Esc", "leave")] }
      let does: SafeText = batch.needsReason ? "go on" : batch.verb
      return [("Enter", does), ("Esc", "leave")]
        + (batch.needsReason ? [("PgDn", "read on"), ("Up Down", "reasons")] : [("J K", "read")])
    case .question(let question):
      return question.answers.map { (SafeText(untrusted: String($0.key)), $0.label) }
        + [("Esc", "no")]
    case .edited(let edited):
      switch edited.state {
      case .wrong: return [("e", "back to the editor"), ("Esc", "throw it away")]
      case .differs:
        return [
          ("y", edited.edit.seen == nil ? "run it" : "send the edit"), ("e", "back to the editor"),
          ("Esc", "throw it away"),
        ]
      case .sent: return [("Esc", "close")]
      }
    }
  }
}
