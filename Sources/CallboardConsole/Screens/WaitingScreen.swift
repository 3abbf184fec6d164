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
    let table = Table(
      [
        Table.Column.margin,
        Table.Column("what", 17, grows: true),
        Table.Column("", 7, rank: 2),
        Table.Column("left", 6, align: .trailing),
        Table.Column("who", width >= 60 ? 12 : 7, rank: 3),
        Table.Column("conversation", isWide ? 12 : 6, rank: width >= 70 ? 4 : 9),
        Table.Column("arguments", isWide ? 20 : 60, rank: 10, grows: isWide),
      ],
      width: width
    )
    let moment = moment
    paintList(table, empty: "nothing waits for a person") { item in
      guard case .call(let row) = item else { return [] }
      return waitingCells(row, moment: moment)
    }
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
    left = moment.age(since: row.since)
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
