import Callboard
import CallboardTerminal
import Foundation

/// The order in which the cursor passes over the overview.
enum OverviewLayout {
  static func items(of overview: OverviewSnapshot) -> [Item] {
    overview.waiting.map(Item.call) + overview.conversations.rows.map(Item.conversation)
      + overview.active.map(Item.call) + troubled(overview).map(Item.provider)
      + overview.functions.map(Item.function)
  }

  /// Providers that are not well.
  static func troubled(_ overview: OverviewSnapshot) -> [ProviderRow] {
    overview.providers.filter { $0.state != "up" }
  }
}

/// A part of one row of the overview.
private struct Placed {
  var column: Int
  var width: Int
  var content: Content
  var id: String?

  enum Content {
    case line(Line)
    case cells(Table, [TableCell])
  }
}

extension Painter {
  mutating func paintOverview() {
    guard case .overview(let overview) = sight.body else { return }
    let (rows, sections) = overviewRows(overview)
    var area = layout.body
    // The lowest row says what is hidden.
    let isWhole = rows.count <= area.height || area.height < 4
    if !isWhole { area.height -= 1 }
    var scroll = model.scrolls[model.place] ?? ConsoleModel.Scroll()
    let selected = model.list.cursor.id
    if let selected, let at = rows.firstIndex(where: { $0.contains { $0.id == selected } }) {
      // The heading above the first row stays in sight.
      if at - 1 < scroll.top { scroll.top = at <= 2 ? 0 : at - 1 }
      if at >= scroll.top + area.height { scroll.top = at - area.height + 1 }
    }
    scroll.top = max(0, min(scroll.top, rows.count - area.height))
    frame.scroll = (model.place, scroll)
    frame.listHeight = max(1, area.height)
    if !isWhole {
      let end = scroll.top + area.height
      let text = hidden(rows: rows.count, from: scroll.top, to: end, sections)
      frame.grid.put(text, row: area.endRow, column: 1, width: width - 1, style: .faint)
    }
    for offset in 0..<area.height where rows.indices.contains(scroll.top + offset) {
      let row = area.row + offset
      for part in rows[scroll.top + offset] {
        let box = Area(row: row, column: part.column, width: part.width, height: 1)
        switch part.content {
        case .line(let line):
          frame.grid.draw(line, row: row, column: part.column, width: part.width)
        case .cells(let table, let cells): table.draw(cells, on: &frame.grid, row: row, area: box)
        }
        if let id = part.id, id == selected { mark(row: row, area: box) }
      }
    }
  }

  /// `▼ 7 more lines: Not as usual, Functions · j`.
  private func hidden(rows: Int, from: Int, to end: Int, _ sections: [Int: SafeText]) -> SafeText {
    guard rows > end else {
      return "▲ \(counted(from, "line", "lines")) above · \(model.keys.key(of: .up))"
    }
    let names = sections.keys.sorted().filter { $0 >= end }.compactMap { sections[$0] }
    let what: SafeText = names.isEmpty ? "" : ": " + names.joined(separator: ", ")
    let more = counted(rows - end, "more line", "more lines")
    return "▼ \(more)\(what) · \(model.keys.key(of: .down))"
  }

  /// All rows, and the names of the parts that begin in them.
  private func overviewRows(
    _ overview: OverviewSnapshot
  ) -> (rows: [[Placed]], sections: [Int: SafeText]) {
    var rows: [[Placed]] = []
    var sections: [Int: SafeText] = [:]
    let isWide = width >= Layout.beside
    func whole(_ line: Line) -> [Placed] {
      [Placed(column: 0, width: width, content: .line(line))]
    }
    func heading(_ text: SafeText) -> [Placed] { whole(Line([Span(" "), Span(text, .title)])) }
    if let hint = model.hint, let end = model.hintEnd, end > moment.now {
      moment.changes(at: end)
      let lines = wrap(SafeText(untrusted: hint, limit: 400), width: max(1, width - 2))
      rows += lines.map { whole(Line([Span(" "), Span($0, .accent)])) }
    }
    sections[rows.count] = "Waits for a person"
    rows.append(heading("Waits for a person"))
    rows += waitingRows(overview)
    let conversations = conversationRows(overview, width: isWide ? width / 2 - 1 : width)
    let active = activeRows(
      overview,
      column: isWide ? width / 2 + 1 : 0,
      width: isWide ? width - width / 2 - 1 : width
    )
    rows.append([])
    sections[rows.count] = isWide ? "Live conversations, Running" : "Live conversations"
    if isWide {
      for index in 0..<max(conversations.count, active.count) {
        rows.append(
          (conversations.indices.contains(index) ? [conversations[index]] : [])
            + (active.indices.contains(index) ? [active[index]] : [])
        )
      }
    } else {
      rows += conversations.map { [$0] } + [[]]
      sections[rows.count] = "Running"
      rows += active.map { [$0] }
    }
    rows.append([])
    sections[rows.count] = "Last 15 minutes"
    rows += chartRows(overview).map(whole)
    let troubled = OverviewLayout.troubled(overview)
    if !troubled.isEmpty {
      rows.append([])
      sections[rows.count] = "Not as usual"
      rows.append(heading("Not as usual"))
      for provider in troubled {
        rows.append([
          Placed(
            column: 0,
            width: width,
            content: .line(providerLine(provider, moment: moment)),
            id: Item.provider(provider).id
          )
        ])
      }
    }
    if !overview.functions.isEmpty {
      rows.append([])
      sections[rows.count] = "Functions"
      rows += functionRows(overview)
    }
    return (rows, sections)
  }

  private func waitingRows(_ overview: OverviewSnapshot) -> [[Placed]] {
    let changed = changedRow()
    guard !overview.waiting.isEmpty else {
      return changed
        ?? [[Placed(column: 0, width: width, content: .line(Line("   nothing", .faint)))]]
    }
    let cells = overview.waiting.map { row in
      var cells = waitingCells(row, moment: moment)
      if row.state == .unknown {
        cells[6].text = "unknown since \(moment.age(since: row.since)) · " + cells[6].text
      }
      return plain(cells)
    }
    let table = Table(
      [
        Table.Column.margin,
        Table.Column("", 18, most: 40),
        Table.Column("", 7, rank: 5),
        Table.Column("", 6, align: .trailing),
        Table.Column("", 10, most: 20, rank: 4),
        Table.Column("", 6, rank: 3),
        Table.Column("", 8, rank: 6, grows: true),
      ],
      rows: cells,
      width: width
    )
    var rows = zip(overview.waiting, cells).map { row, cells in
      [
        Placed(
          column: 0,
          width: width,
          content: .cells(table, cells),
          id: Item.call(row).id
        )
      ]
    }
    let more = sight.header.waiting + sight.header.unknown - overview.waiting.count
    if more > 0 {
      rows.append([
        Placed(
          column: 0,
          width: width,
          content: .line(Line("   and \(more) more on 2", .faint))
        )
      ])
    }
    return rows + (changed ?? [])
  }

  /// That definitions have changed, which are read on the waiting screen.
  private func changedRow() -> [[Placed]]? {
    let count = sight.header.changedDefinitions
    guard count > 0 else { return nil }
    let text: SafeText =
      count == 1
      ? " ~ 1 changed definition waits to be accepted on 2"
      : " ~ \(count) changed definitions wait to be accepted on 2"
    return [[Placed(column: 0, width: width, content: .line(Line(text, .warning)))]]
  }

  private func conversationRows(_ overview: OverviewSnapshot, width: Int) -> [Placed] {
    let lines = overview.conversations.rows.map { row in
      plain([
        TableCell(" "),
        TableCell(SafeText.short(row.id), .faint),
        TableCell(SafeText(untrusted: row.title, limit: 200)),
        TableCell(
          SafeText(untrusted: row.doing, limit: 100),
          row.doing.hasPrefix("waiting") ? .warning : .plain
        ),
        TableCell(moment.age(since: row.lastActivity), .faint),
      ])
    }
    let table = Table(
      [
        Table.Column.margin,
        Table.Column("", 6),
        Table.Column("", 8, grows: true),
        Table.Column("", 18, rank: 2),
        Table.Column("", 6, align: .trailing, rank: 1),
      ],
      rows: lines,
      width: width
    )
    let total = overview.conversations.total
    var rows = [
      Placed(
        column: 0,
        width: width,
        content: .line(Line([Span(" "), Span("Live conversations \(total)", .title)]))
      )
    ]
    for (row, cells) in zip(overview.conversations.rows, lines) {
      rows.append(
        Placed(
          column: 0,
          width: width,
          content: .cells(table, cells),
          id: Item.conversation(row).id
        )
      )
    }
    if overview.conversations.rows.isEmpty {
      rows.append(Placed(column: 0, width: width, content: .line(Line("   none", .faint))))
    } else if total > overview.conversations.rows.count {
      rows.append(
        Placed(
          column: 0,
          width: width,
          content: .line(
            Line("   and \(total - overview.conversations.rows.count) more on 4", .faint)
          )
        )
      )
    }
    return rows
  }

  private func activeRows(_ overview: OverviewSnapshot, column: Int, width: Int) -> [Placed] {
    let header = sight.header
    let lines = overview.active.map { row in
      var doing: SafeText = "\(words(row.state)) \(moment.age(since: row.since))"
      if row.isHeld {
        doing = "held \(moment.age(since: row.since))"
      } else if row.state == .backingOff, let until = row.until {
        doing = "again in \(moment.left(until: until))"
      }
      return plain([
        TableCell(" "),
        TableCell(SafeText(untrusted: row.function, limit: 200)),
        TableCell(row.conversation.map { SafeText.short($0) } ?? "─", .faint),
        TableCell(doing, stateStyle(row)),
        TableCell(tries(row), .faint),
      ])
    }
    let table = Table(
      [
        Table.Column.margin,
        Table.Column("", 14, grows: true),
        Table.Column("", 6, rank: 3),
        Table.Column("", 13, most: 20),
        Table.Column("", 3, align: .trailing, rank: 2),
      ],
      rows: lines,
      width: width
    )
    var title: SafeText = "Running \(header.running)"
    if header.queued > 0 { title += " · queued \(header.queued)" }
    if header.backingOff > 0 { title += " · backing off \(header.backingOff)" }
    var rows = [
      Placed(column: column, width: width, content: .line(Line([Span(" "), Span(title, .title)])))
    ]
    for (row, cells) in zip(overview.active, lines) {
      rows.append(
        Placed(column: column, width: width, content: .cells(table, cells), id: Item.call(row).id)
      )
    }
    if overview.active.isEmpty {
      rows.append(Placed(column: column, width: width, content: .line(Line("   nothing", .faint))))
    }
    return rows
  }

  private func chartRows(_ overview: OverviewSnapshot) -> [Line] {
    let calls: (SafeText, [Double?], SafeText, Style) = (
      "calls a second", overview.callsPerSecond.map { $0 },
      overview.callsPerSecond.last.map { SafeText.number($0, decimals: 1) } ?? "─", .accent
    )
    let errors: (SafeText, [Double?], SafeText, Style) = (
      "errors a minute", overview.errorsPerMinute.map { $0 },
      overview.errorsPerMinute.last.map { SafeText.number($0, decimals: 1) } ?? "─", .bad
    )
    let p95: (SafeText, [Double?], SafeText, Style) = (
      "p95", overview.p95, overview.p95.last.flatMap { $0 }.map(lasting) ?? "─", .plain
    )
    let charts = [calls, errors, p95]
    if width >= Layout.beside {
      let share = (width - 2) / 3
      let cells = max(4, share - 12)
      let names = charts.map { Span(padded($0.0, to: share), .faint) }
      var bars: [Span] = [Span(" ")]
      for (_, values, last, style) in charts {
        bars.append(Span(padded(sparkline(values, width: cells), to: cells), style))
        bars.append(Span(" " + padded(last, to: share - cells - 1)))
      }
      return [
        Line([Span(" "), Span("Last 15 minutes", .title)]), Line([Span(" ")] + names), Line(bars),
      ]
    }
    let cells = max(4, width - 30)
    return [Line([Span(" "), Span("Last 15 minutes", .title)])]
      + charts.map { name, values, last, style in
        Line([
          Span(" " + padded(name, to: 16), .faint),
          Span(
            padded(sparkline(values, width: cells), to: min(cells, max(1, values.count)) + 1),
            style
          ),
          Span(last),
        ])
      }
  }

  private func functionRows(_ overview: OverviewSnapshot) -> [[Placed]] {
    let bar = width >= 110 ? 16 : 0
    let lines = overview.functions.map { row in
      var hits: SafeText = "─"
      if row.isCached, let rate = row.hitRate {
        hits = (bar > 0 ? meter(rate, width: bar) + " " : "") + percent(rate)
      }
      let state = functionState(row, moment: moment) + (row.rule == nil ? "" : " · asks")
      return plain([
        TableCell(" "),
        TableCell(SafeText(untrusted: row.name, limit: 200)),
        TableCell("\(row.calls)"),
        TableCell(errorShare(row), row.errors > 0 ? .bad : .faint),
        TableCell(row.p50.map(lasting) ?? "─"),
        TableCell(row.p95.map(lasting) ?? "─"),
        TableCell(hits, .accent),
        TableCell(state, functionStyle(row)),
      ])
    }
    let table = Table(
      [
        Table.Column.margin,
        Table.Column("Functions", 20, most: 40),
        Table.Column("calls", 7, align: .trailing, rank: 2),
        Table.Column("errors", 6, align: .trailing, rank: 1),
        Table.Column("p50", 7, align: .trailing, rank: 5),
        Table.Column("p95", 7, align: .trailing, rank: 3),
        Table.Column("cache hits", bar + 6, rank: 6),
        Table.Column("state", 10, grows: true),
      ],
      rows: lines,
      width: width
    )
    let headings: [TableCell] = [
      TableCell(" "), TableCell("Functions", .title), TableCell("calls", .faint),
      TableCell("errors", .faint), TableCell("p50", .faint), TableCell("p95", .faint),
      TableCell("cache hits", .faint), TableCell("state", .faint),
    ]
    var rows = [[Placed(column: 0, width: width, content: .cells(table, headings))]]
    for (row, cells) in zip(overview.functions, lines) {
      rows.append([
        Placed(
          column: 0,
          width: width,
          content: .cells(table, cells),
          id: Item.function(row).id
        )
      ])
    }
    return rows
  }
}
