import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// The event log: who, what, when, and on what grounds; and a line where this person last left.
extension Painter {
  mutating func paintAudit() {
    let columns = [
      Table.Column.margin,
      Table.Column("when", 8, most: 12),
      Table.Column("who", 8, most: 16, rank: 2),
      Table.Column("what", 16, most: 24),
      Table.Column("of", 12, most: 32, rank: 1),
      Table.Column("id", 6, rank: 5),
      Table.Column("seq", 5, align: .trailing, rank: 6),
      Table.Column("grounds", 16, rank: 3, grows: true),
    ]
    let moment = moment
    let left = sight.departure?.seq
    paintList(columns, empty: "nothing has happened yet") { item in
      guard case .event(let row) = item else { return [] }
      let isNew = left.map { row.seq > $0 } ?? false
      return [
        TableCell(isNew ? " +" : " ", .accent),
        TableCell(moment.clock(row.at), .faint),
        TableCell(Self.who(row), row.by == nil ? .faint : .plain),
        TableCell(SafeText(untrusted: row.type, limit: 60), Self.style(of: row)),
        TableCell(SafeText(untrusted: row.subject, limit: 200)),
        TableCell(row.call.map { SafeText.short($0) } ?? "", .faint),
        TableCell("\(row.seq)", .faint),
        TableCell(SafeText(untrusted: row.grounds, limit: 400), .faint),
      ]
    }
    if let left { underline(before: left) }
  }

  /// Draws the line under the last event that came after this person had left.
  private mutating func underline(before left: Int) {
    let state = model.list
    for offset in 0..<max(0, layout.list.height) {
      guard case .event(let row)? = sight.rows.item(at: state.top + offset) else { continue }
      let next = sight.rows.item(at: state.top + offset + 1)
      guard case .event(let below)? = next,
        row.seq > left && below.seq <= left || row.seq <= left && below.seq > left
      else { continue }
      let selected = Item.event(row).id == state.cursor.id
      frame.grid.fill(
        row: layout.list.row + offset,
        from: layout.list.column,
        to: layout.list.column + layout.list.width,
        style: Style(selected ? .selected : .accent, underline: true)
      )
    }
  }

  /// A person, else the caller on whose behalf it is.
  private static func who(_ row: AuditRow) -> SafeText {
    SafeText(untrusted: row.by ?? row.caller ?? "", limit: 60)
  }

  private static func style(of row: AuditRow) -> Style {
    let bad = ["unknown", "failed", "store_failed", "notify_failed"]
    if bad.contains(where: { row.type.hasSuffix("." + $0) }) { return .bad }
    let warns = ["denied", "expired", "held", "off", "open", "decision_refused", "rejected"]
    if warns.contains(where: { row.type.hasSuffix("." + $0) }) { return .warning }
    return .plain
  }

  /// One event, whole.
  func eventDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard let row = sight.event else {
      document.text("this event is not kept any more", .faint)
      return document
    }
    document.add([
      Span(" "), Span(SafeText(untrusted: row.type, limit: 60), .title),
      Span("  event \(row.seq)", .faint),
    ])
    let label = 12
    document.fact("when", moment.full(row.at), labelWidth: label)
    if let by = row.by {
      document.fact("who", SafeText(untrusted: by, limit: 100), labelWidth: label)
    }
    if let caller = row.caller {
      document.fact("on behalf of", SafeText(untrusted: caller, limit: 100), labelWidth: label)
    }
    if !row.subject.isEmpty {
      document.fact("of", SafeText(untrusted: row.subject, limit: 300), labelWidth: label)
    }
    if let call = row.call { document.fact("call", SafeText(call), labelWidth: label) }
    if let conversation = row.conversation {
      document.fact("conversation", SafeText(conversation), labelWidth: label)
    }
    if !row.grounds.isEmpty {
      document.value("grounds", safeLines(SafeText(untrusted: row.grounds)), labelWidth: label)
    }
    document.heading("The event as it is stored")
    document.value("event", safeLines(of: row.event), labelWidth: 8)
    return document
  }

  /// What happened in a shift.
  func reportDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard case .report(let found) = sight.body, let report = found else {
      document.text("reading the event log …", .faint)
      return document
    }
    for section in report.sections(in: model.options.timeZone) {
      document.heading(SafeText(untrusted: section.title, limit: 200))
      for line in section.lines {
        document.text(SafeText(untrusted: line, limit: 1000), margin: "   ")
      }
    }
    return document
  }
}
