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

/// Columns of a list, fitted to a width and to what stands in them: the least important go first.
///
/// Numbers are never cut while there is room for their column at all; words give way first. The first column is the
/// margin: one cell for the cursor's bar and one for a sign.
struct Table: Sendable {
  struct Column: Sendable {
    var title: SafeText
    /// At least; what stands in it may widen it up to `most`.
    var width: Int
    var most: Int
    var align: Alignment
    /// Lower goes later when it is narrow; 0 never.
    var rank: Int
    /// Takes what is left, in equal parts.
    var grows: Bool

    static let margin = Column("", 2)

    init(
      _ title: SafeText,
      _ width: Int,
      most: Int = 0,
      align: Alignment = .leading,
      rank: Int = 0,
      grows: Bool = false
    ) {
      self.title = title
      self.width = width
      self.most = max(width, most, cellWidth(title), align == .trailing ? 14 : 0)
      self.align = align
      self.rank = rank
      self.grows = grows
    }
  }

  private let columns: [Column]
  private let shown: [Bool]

  init(_ columns: [Column], rows: [[TableCell]], width: Int) {
    var columns = columns
    let wanted = columns.indices.map { index in
      let content = rows.lazy.filter { $0.count > index }.map { cellWidth($0[index].text) }.max()
      let natural = max(content ?? 0, cellWidth(columns[index].title))
      return min(max(natural, columns[index].width), columns[index].most)
    }
    for index in columns.indices where columns[index].align == .trailing {
      columns[index].width = wanted[index]
    }
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
    var rest = width - needed()
    for index in columns.indices where shown[index] && rest > 0 {
      let more = min(rest, wanted[index] - columns[index].width)
      columns[index].width += more
      rest -= more
    }
    let growing = columns.indices.filter { shown[$0] && columns[$0].grows }
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
