import Callboard
import CallboardTerminal
import Foundation
import JSONSchema

// Functions under their providers, and one function with its schema and policies.
extension Painter {
  mutating func paintFunctions() {
    let columns = [
      Table.Column.margin,
      Table.Column("function", 20, most: 40),
      Table.Column("effect", 5, most: 10, rank: 8),
      Table.Column("state", 5, most: 60),
      Table.Column("calls", 5, align: .trailing, rank: 3),
      Table.Column("errors", 6, align: .trailing, rank: 2),
      Table.Column("p50", 3, align: .trailing, rank: 6),
      Table.Column("p95", 6, align: .trailing, rank: 4),
      Table.Column("cache", 5, align: .trailing, rank: 5),
      Table.Column("live", 4, align: .trailing, rank: 9),
      Table.Column("rule", 12, rank: 7, grows: true),
    ]
    let moment = moment
    let area = layout.list
    paintList(columns, empty: "no function is registered") { item in
      guard case .function(let row) = item else { return [] }
      return functionCells(row, moment: moment)
    }
    // Provider rows run across the columns.
    let state = model.list
    let gap: Int? = state.cursor.isGap ? state.cursor.index : nil
    for offset in 0..<area.height {
      let position = state.top + offset
      guard position != gap else { continue }
      let index = gap.map { position > $0 ? position - 1 : position } ?? position
      guard let item = sight.rows.item(at: index), case .provider(let provider) = item else {
        continue
      }
      let row = area.row + offset
      frame.grid.draw(
        providerLine(provider, moment: moment),
        row: row,
        column: area.column,
        width: area.width
      )
      if item.id == state.cursor.id { mark(row: row, area: area) }
    }
  }

  func functionDocument(width: Int) -> Document {
    var document = Document(width: width, isUTF8: isUTF8)
    guard case .function(let detail) = sight.body, let detail else {
      document.text(sight.absence("there is no function of this name"))
      return document
    }
    let row = detail.row
    document.add([
      Span(" "), Span(SafeText(untrusted: row.name, limit: 300), .title), Span("  "),
      Span(functionState(row, moment: moment), functionStyle(row)),
    ])
    document.text(SafeText(untrusted: row.description, limit: 2000))
    document.blank()
    let label = 14
    document.fact(
      "models call it",
      SafeText(untrusted: row.wireName, limit: 128),
      labelWidth: label
    )
    document.fact(
      "definition",
      SafeText(untrusted: detail.definitionHash, limit: 128),
      labelWidth: label
    )
    document.fact(
      "rule",
      row.rule.map { SafeText(untrusted: $0, limit: 400) } ?? "never asks a person",
      labelWidth: label
    )
    document.fact(
      "calls",
      "\(row.calls), \(row.errors) failed · \(row.running) running · \(row.queued) queued"
        + (row.held > 0 ? " · \(row.held) held" : ""),
      labelWidth: label
    )
    document.fact(
      "took",
      "p50 \(row.p50.map(lasting) ?? "─") · p95 \(row.p95.map(lasting) ?? "─")",
      labelWidth: label
    )
    if row.isCached {
      document.fact(
        "cache",
        "\(row.cacheHits) of \(counted(row.cacheLookups, "look-up", "look-ups"))"
          + (row.hitRate.map { " · \(percent($0))" } ?? ""),
        labelWidth: label
      )
    }
    document.heading("Policies")
    for policy in detail.policies {
      document.fact(
        SafeText(untrusted: policy.name, limit: 60),
        SafeText(untrusted: policy.value, limit: 400),
        labelWidth: label
      )
    }
    document.heading("Schema of the arguments")
    document.value(
      "",
      SafeText.lines(untrusted: detail.parameters.serialized(pretty: true))
        .map { isUTF8 ? $0 : $0.ascii },
      labelWidth: 1
    )
    return document
  }
}

func functionState(_ row: FunctionRow, moment: Moment) -> SafeText {
  var parts: [SafeText] = []
  if !row.isOn {
    let by = row.switched.map {
      " by \(untrusted: $0.by, limit: 60) \(moment.minute($0.at))" as SafeText
    }
    parts.append("off" + (by ?? ""))
  }
  switch row.breaker {
  case .closed: if row.isOn, !row.awaitsAcceptance { parts.append("on") }
  case .open:
    parts.append("breaker open" + (row.breakerUntil.map { " " + moment.left(until: $0) } ?? ""))
  case .halfOpen: parts.append("breaker half open")
  }
  if row.awaitsAcceptance { parts.append("held: definition changed") }
  if row.held > 0 { parts.append("\(row.held) held") }
  return parts.joined(separator: " · ")
}

func functionStyle(_ row: FunctionRow) -> Style {
  if !row.isOn || row.awaitsAcceptance { return .warning }
  return row.breaker == .closed ? .plain : .bad
}

/// Errors as a share of calls.
func errorShare(_ row: FunctionRow) -> SafeText {
  row.calls > 0 ? percent(Double(row.errors) / Double(row.calls), decimals: true) : "─"
}

func functionCells(_ row: FunctionRow, moment: Moment) -> [TableCell] {
  [
    TableCell(" "),
    TableCell("  " + SafeText(untrusted: row.name, limit: 200)),
    TableCell(SafeText(untrusted: row.effect.rawValue), row.effect == .write ? .plain : .faint),
    TableCell(functionState(row, moment: moment), functionStyle(row)),
    TableCell("\(row.calls)"),
    TableCell(errorShare(row), row.errors > 0 ? .bad : .faint),
    TableCell(row.p50.map(lasting) ?? "─"),
    TableCell(row.p95.map(lasting) ?? "─"),
    TableCell(row.isCached ? row.hitRate.map { percent($0) } ?? "─" : "", .faint),
    TableCell(row.running + row.queued > 0 ? "\(row.running + row.queued)" : ""),
    TableCell(row.rule.map { SafeText(untrusted: $0, limit: 200) } ?? "", .faint),
  ]
}

func providerLine(_ row: ProviderRow, moment: Moment) -> Line {
  var spans = [
    Span("  "), Span(SafeText(untrusted: row.namespace, limit: 128), .title), Span("  "),
  ]
  let since = row.since.map { " since " + moment.clock($0) } ?? ""
  let style: Style = row.state == "up" ? .good : row.state == "down" ? .bad : .warning
  spans.append(Span(SafeText(untrusted: row.state, limit: 40) + since, style))
  if !row.isOn { spans.append(Span(" · all off", .warning)) }
  if row.state != "up", let error = row.lastError {
    spans.append(Span(": \(untrusted: error, limit: 200)", style))
  }
  spans.append(
    Span(
      " · \(counted(row.functions, "function", "functions")) · \(untrusted: row.summary, limit: 120)",
      .faint
    )
  )
  return Line(spans)
}
