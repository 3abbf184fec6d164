import Callboard
import CallboardTerminal

/// One cell of a row.
struct TableCell: Sendable {
  var text: SafeText
  var style: Style

  init(_ text: SafeText, _ style: Style = .plain) {
    self.text = text
    self.style = style
  }
}

/// Columns of a list, fitted to a width: the least important go first.
///
/// The first column is the margin: one cell for the cursor's bar and one for a sign.
struct Table: Sendable {
  struct Column: Sendable {
    var title: SafeText
    var width: Int
    var align: Alignment
    /// Lower goes later when it is narrow; 0 never.
    var rank: Int
    /// Takes what is left, in equal parts.
    var grows: Bool

    static let margin = Column("", 2)

    init(
      _ title: SafeText,
      _ width: Int,
      align: Alignment = .leading,
      rank: Int = 0,
      grows: Bool = false
    ) {
      self.title = title
      self.width = width
      self.align = align
      self.rank = rank
      self.grows = grows
    }
  }

  private let columns: [Column]
  private let shown: [Bool]

  init(_ columns: [Column], width: Int) {
    var shown = columns.map { _ in true }
    func needed() -> Int {
      zip(columns, shown).reduce(-3) { $1.1 ? $0 + $1.0.width + 2 : $0 }
    }
    while needed() > width,
      let worst = columns.indices.filter({ shown[$0] && columns[$0].rank > 0 })
        .max(by: { columns[$0].rank < columns[$1].rank })
    {
      shown[worst] = false
    }
    var columns = columns
    let growing = columns.indices.filter { shown[$0] && columns[$0].grows }
    var rest = width - needed()
    for (place, index) in growing.enumerated() {
      let share = rest / (growing.count - place)
      columns[index].width = max(1, columns[index].width + share)
      rest -= share
    }
    self.columns = columns
    self.shown = shown
  }

  func draw(_ cells: [TableCell], on grid: inout Grid, row: Int, area: Area) {
    var at = area.column
    let end = area.column + area.width
    for (index, cell) in cells.enumerated() where index < columns.count && shown[index] {
      guard at < end else { return }
      let column = columns[index]
      let width = min(column.width, end - at)
      grid.put(
        cell.text,
        row: row,
        column: at,
        width: width,
        style: cell.style,
        align: column.align
      )
      at += column.width + (index == 0 ? 1 : 2)
    }
  }

  func drawHeading(on grid: inout Grid, row: Int, area: Area) {
    draw(columns.map { TableCell($0.title, .faint) }, on: &grid, row: row, area: area)
  }
}
