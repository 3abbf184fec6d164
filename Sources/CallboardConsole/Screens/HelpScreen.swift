import Callboard
import CallboardTerminal

// Help for the keys that work here and now, and what has been said.
extension Painter {
  mutating func paintHelp() {
    let document = helpDocument(width: layout.body.width)
    let height = visibleHeight(of: document, in: layout.body)
    let top = max(0, min(model.helpTop, document.lines.count - height))
    paint(document, top: top, height: height, in: layout.body)
    frame.helpTop = top
    frame.listHeight = max(1, height)
  }

  func helpDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    let live = Binding.live(in: context)
    func list(_ title: SafeText, _ bindings: [LiveBinding]) {
      guard !bindings.isEmpty else { return }
      document.heading(title)
      for binding in bindings {
        let keys = model.keys.allKeys(of: binding.action)
        document.add([Span("  " + padded(keys, to: 12), .key), Span(binding.label)])
      }
    }
    document.text(
      "Keys that work here and now: \(model.screen.title), on what the cursor is on.",
      .faint
    )
    list(
      "Deciding: they count only once what they act on was on the screen",
      live.filter(\.binding.isDeciding)
    )
    list("Acting", live.filter { $0.binding.acts && !$0.binding.isDeciding })
    list("Looking", live.filter { !$0.binding.acts && !$0.binding.isMovement })
    list("Moving", live.filter(\.binding.isMovement))
    document.heading("Commands")
    for verb in Command.verbs where Screen(name: verb.name) == nil {
      guard model.mayAct || !Command.acting.contains(verb.name) else { continue }
      let form: SafeText = ":\(untrusted: verb.name) \(verb.argument)"
      document.add([Span("  " + padded(form, to: 24), .key), Span(verb.meaning)])
    }
    document.heading("How deciding is made safe")
    document.text(
      "A decision names the call, its revision and the digest of what was shown; it is refused when any of them has changed. Keys that came before the terminal had drawn, or within half a second after it, are dropped. Pasted text is never run. Stopping takes one key; starting asks.",
      .faint,
      margin: "  "
    )
    return document
  }

  func messagesDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    if model.notices.isEmpty { document.text("nothing has been said yet", .faint) }
    for notice in model.notices.reversed() {
      document.fact(moment.clock(notice.at), notice.text, labelWidth: 12, style: notice.style)
    }
    return document
  }
}
