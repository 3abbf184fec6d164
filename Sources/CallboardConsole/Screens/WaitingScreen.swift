import Callboard
import CallboardTerminal
import Foundation

// Everything that needs a person: what is unknown first, then approvals by the time left.
extension Painter {
  mutating func paintWaiting() {
    frame.hasPane = layout.pane != nil
    if let divider = layout.divider {
      frame.grid.line(column: divider, from: layout.body.row, to: layout.body.endRow)
      for rule in layout.rules { frame.grid.line(row: rule, from: divider, to: divider + 1) }
      joinDivider(at: divider)
    }
    let width = layout.list.width
    let isWide = width >= 100
    let columns = [
      Table.Column.margin,
      Table.Column("what", 17, most: 40, grows: !isWide),
      Table.Column("", 7, rank: 2),
      Table.Column("left", 6, align: .trailing),
      Table.Column("who", 7, most: 20, rank: 3),
      Table.Column(isWide ? "conversation" : "conv", 6, rank: width >= 70 ? 4 : 9),
      Table.Column("arguments", isWide ? 20 : 60, rank: 10, grows: isWide),
    ]
    let moment = moment
    paintList(columns, empty: "nothing waits for a person") { item in
      switch item {
      case .call(let row): return waitingCells(row, moment: moment)
      case .fold(let fold): return foldCells(fold, moment: moment)
      case .definition(let row): return definitionCells(row)
      case .conversation, .run, .function, .provider, .error, .event: return []
      }
    }
  }

  /// What a folded row holds: what its calls have in common, and how they differ.
  mutating func paintFold(_ fold: Fold, in area: Area) {
    guard !area.isEmpty, let first = fold.rows.first else { return }
    frame.hasPane = true
    var document = Document(width: area.width, isUTF8: isUTF8)
    document.text("\(untrusted: first.function, limit: 300) ×\(fold.rows.count)", .title)
    if let rule = first.rule { document.text("held by \(untrusted: rule, limit: 400)") }
    var asks: SafeText = "\(untrusted: first.caller, limit: 100) asks"
    if let conversation = first.conversation { asks += " in \(conversation)" }
    document.text(asks)
    if let title = first.conversationTitle {
      document.quote(SafeText(untrusted: title, limit: 200), lines: 1)
    }
    document.blank()
    for (row, difference) in zip(fold.rows, fold.differences) {
      let left = row.expiresAt.map { moment.left(until: $0) } ?? "─"
      document.value(
        "\(row.id) \(padded(left, to: 6, trailing: true))",
        [difference.isEmpty ? "the same arguments" : SafeText(untrusted: difference, limit: 400)],
        labelWidth: 13
      )
      if let twin = row.twin {
        document.value(
          "",
          ["equal to call \(SafeText.short(twin))"],
          labelWidth: 13,
          style: .warning
        )
      }
    }
    document.blank()
    document.text(
      "Each is decided by itself: \(model.keys.key(of: .open)) or Right unfolds them.",
      .remark
    )
    let height = visibleHeight(of: document, in: area)
    var scroll = model.paneScroll
    scroll.top = max(0, min(scroll.top, document.lines.count - height))
    paint(document, top: scroll.top, height: height, in: area)
    frame.scroll = (nil, scroll)
  }

  /// The ends of the vertical line in the rules above and below it.
  private mutating func joinDivider(at column: Int) {
    for rule in layout.rules {
      let isAbove = rule == layout.body.row - 1
      frame.grid.line(
        column: column,
        from: isAbove ? rule : layout.body.endRow - 1,
        to: isAbove ? rule + 2 : rule + 1
      )
    }
  }
}

func waitingCells(_ row: CallRow, moment: Moment) -> [TableCell] {
  var sign: SafeText = " "
  var what: SafeText = "approve"
  var style = Style.plain
  var left: SafeText = "─"
  if row.state == .unknown {
    sign = "?"
    what = "outcome"
    style = .bad
  } else if row.state == .awaitingApproval {
    if row.approvalsNeeded > 1 { what = "\(row.approvalsGiven) of \(row.approvalsNeeded)" }
    if let end = row.expiresAt {
      left = moment.left(until: end)
      if moment.isLastMinute(until: end) {
        sign = "!"
        style = Style(.warning, reverse: true)
      }
    }
  } else {
    what = words(row.state)
    style = .faint
  }
  return [
    TableCell(" " + sign, style),
    TableCell(SafeText(untrusted: row.function, limit: 200)),
    TableCell(what, row.state == .unknown ? .bad : .plain),
    TableCell(left, style),
    TableCell(SafeText(untrusted: row.caller, limit: 60), .faint),
    TableCell(row.conversation.map { SafeText.short($0) } ?? "─", .faint),
    TableCell(SafeText(untrusted: row.summary, limit: 400), .faint),
  ]
}

/// One row for equal calls: how many, and how soon the first of them ends.
private func foldCells(_ fold: Fold, moment: Moment) -> [TableCell] {
  guard let first = fold.rows.first else { return [] }
  var soonest = first
  for row in fold.rows {
    if let end = row.expiresAt, end < soonest.expiresAt ?? .distantFuture { soonest = row }
  }
  var cells = waitingCells(soonest, moment: moment)
  let function = SafeText(untrusted: first.function, limit: 200)
  cells[1].text = "\(function) ×\(fold.rows.count)"
  if first.approvalsNeeded > 1 { cells[2].text = "approve" }
  cells[6].text = fold.differences.map { SafeText(untrusted: $0, limit: 200) }.joined(
    separator: "; "
  )
  return cells
}
