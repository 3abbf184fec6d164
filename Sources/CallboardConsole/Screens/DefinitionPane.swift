import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// What has to be read before a changed definition is accepted: each thing in which it differs, old and new.
extension Painter {
  /// Draws the change under the cursor and notes which of its lines have been on the screen.
  mutating func paintDefinition(_ row: DefinitionRow, in area: Area) {
    guard !area.isEmpty else { return }
    frame.hasPane = true
    guard let change = sight.function?.change, change.row.name == row.name else {
      frame.grid.put("not there any more", row: area.row, column: area.column + 1, style: .faint)
      return
    }
    let document = definitionDocument(change, waiting: row.waiting, width: area.width)
    var scroll = model.paneScroll
    let height = visibleHeight(of: document, in: area)
    scroll.top = max(0, min(scroll.top, document.lines.count - height))
    paint(document, top: scroll.top, height: height, in: area)
    frame.scroll = (nil, scroll)
    var reading = DefinitionReading(change.row, width: document.width)
    if let known = model.definitionReadings[row.name], known.isOf(reading) {
      reading.painted = known.painted
    }
    reading.note(document, top: scroll.top, height: height)
    frame.definitionReading = reading
    context.unread = reading.unread
    guard height < area.height, reading.unread > 0 else { return }
    let bottom = area.endRow - 1
    let key = model.keys.key(of: reading.isBelow ? .paneDown : .paneUp)
    frame.grid.clear(row: bottom, from: area.column, to: area.column + area.width)
    frame.grid.put(
      "\(reading.isBelow ? "▼" : "▲") \(counted(reading.unread, "line", "lines")) unread · \(key)",
      row: bottom,
      column: area.column + 1,
      width: area.width - 1,
      style: .warning
    )
  }

  private func definitionDocument(
    _ change: DefinitionChange,
    waiting: Int,
    width: Int
  ) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    let row = change.row
    document.beginReading(section: 0)
    document.add([
      Span(" "), Span(SafeText(untrusted: row.name, limit: 300), .title), Span("  "),
      Span(SafeText(untrusted: row.effect.rawValue), row.effect == .write ? .warning : .faint),
    ])
    document.text(
      "\(untrusted: row.provider, limit: 128) said something else of it \(moment.age(since: row.since)) ago: it is held until somebody accepts that",
      .warning
    )
    if let declined = row.declined {
      document.text(
        "declined by \(untrusted: declined.by, limit: 60) \(moment.age(since: declined.at)) ago: it stays held",
        .warning
      )
    }
    if let problem = change.problem {
      document.text("it can't be used: \(untrusted: problem, limit: 600)", .bad)
    }
    if waiting > 0 {
      document.text(
        waiting == 1
          ? "1 call waits for it, and is asked about anew"
          : "\(waiting) calls wait for it, and are asked about anew"
      )
    }
    document.beginReading(section: 1)
    let binding = change.differences.filter { !$0.isNotice }
    let words = change.differences.filter(\.isNotice)
    if !binding.isEmpty { document.heading("What changes") }
    for difference in binding { add(difference, to: &document) }
    if !words.isEmpty { document.heading("Words for people and models") }
    for difference in words { add(difference, to: &document) }
    document.beginReading(section: 2)
    document.blank()
    document.fact("accepted", SafeText(untrusted: String(row.from.prefix(16))), labelWidth: 8)
    document.fact("new", SafeText(untrusted: String(row.to.prefix(16))), labelWidth: 8)
    document.endReading()
    return document
  }

  /// What is short stands on one line.
  private func lines(of value: JSONValue) -> [SafeText] {
    let text = value.serialized()
    let isCompact = value.stringValue == nil && text.utf8.count <= 200
    return isCompact ? safeLines(SafeText(untrusted: text)) : safeLines(of: value)
  }

  private func add(_ difference: DefinitionDifference, to document: inout Document) {
    let name = SafeText(untrusted: difference.what, limit: 400)
    let labelWidth = 5
    switch (difference.before, difference.after) {
    case (let before?, let after?):
      document.text("~ \(name)")
      document.value("was", lines(of: before), labelWidth: labelWidth, style: .faint)
      document.value("now", lines(of: after), labelWidth: labelWidth)
    case (nil, let after?):
      document.text("+ \(name)")
      document.value("new", lines(of: after), labelWidth: labelWidth)
    case (let before?, nil):
      document.text("- \(name)")
      document.value("gone", lines(of: before), labelWidth: labelWidth, style: .faint)
    case (nil, nil): break
    }
    if let after = difference.after {
      let text = after.stringValue ?? after.serialized()
      if let sentence = SafeText.sentence(of: SafeText.inspect(text)) {
        document.remark(sentence, labelWidth: labelWidth)
      }
    }
  }
}

/// One row of a changed definition among what waits.
func definitionCells(_ row: DefinitionRow) -> [TableCell] {
  let isOpen = row.declined == nil
  let style: Style = isOpen ? .warning : .faint
  return [
    TableCell(" ~", style),
    TableCell(SafeText(untrusted: row.name, limit: 200)),
    TableCell(isOpen ? "changed" : "declined", style),
    TableCell("─", .faint),
    TableCell(SafeText(untrusted: row.provider, limit: 60), .faint),
    TableCell("─", .faint),
    TableCell(SafeText(untrusted: row.summary, limit: 400), .faint),
  ]
}
