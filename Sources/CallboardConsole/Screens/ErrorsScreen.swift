import Callboard
import CallboardTerminal
import JSONSchema

// Failures by function and kind.
extension Painter {
  mutating func paintErrors() {
    let columns = [
      Table.Column.margin,
      Table.Column("function", 18, most: 40),
      Table.Column("kind", 12, most: 24),
      Table.Column("count", 6, align: .trailing),
      Table.Column("5 min", 5, align: .trailing, rank: 2),
      Table.Column("first", 8, align: .trailing, rank: 5),
      Table.Column("last", 8, align: .trailing, rank: 3),
      Table.Column("conv", 4, align: .trailing, rank: 4),
      Table.Column("what the model was told", 20, rank: 6, grows: true),
    ]
    let moment = moment
    paintList(columns, empty: "nothing has failed") { item in
      guard case .error(let row) = item else { return [] }
      return [
        TableCell(" "),
        TableCell(SafeText(untrusted: row.function, limit: 200)),
        TableCell(words(row.kind), .bad),
        TableCell("\(row.count)"),
        TableCell(row.recent > 0 ? "\(row.recent)" : "", .warning),
        TableCell(moment.age(since: row.first), .faint),
        TableCell(moment.age(since: row.last)),
        TableCell("\(row.conversations)", .faint),
        TableCell(SafeText(untrusted: told(row.heard), limit: 400), .faint),
      ]
    }
  }
}

/// The sentence in what the model was told, where it has the form of callboard's failures.
private func told(_ heard: String) -> String {
  guard let value = try? JSONValue(parsing: heard) else { return heard }
  return value["error"]?["message"]?.stringValue ?? heard
}
