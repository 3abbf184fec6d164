import Callboard

/// One cell of a terminal or the two of a wide character: a base and the marks that join it.
public struct Cell: Sendable, Hashable {
  /// 0 for the right half of a wide character.
  var base: UInt32 = 0x20
  // Four words and no array, so that a grid is one block of memory that is compared without
  // following pointers.
  var mark1: UInt32 = 0
  var mark2: UInt32 = 0
  var mark3: UInt32 = 0
  var mark4: UInt32 = 0
  public internal(set) var style: Style = .plain
  /// 1 or 2; 0 for the right half of a wide character.
  public internal(set) var width: UInt8 = 1

  static let blank = Cell()
  static func tail(_ style: Style) -> Cell { Cell(base: 0, style: style, width: 0) }

  /// What the cell shows; empty for the right half of a wide character.
  public var text: String {
    var scalars = String.UnicodeScalarView()
    for value in [base, mark1, mark2, mark3, mark4] where value != 0 {
      if let scalar = Unicode.Scalar(value) { scalars.append(scalar) }
    }
    return String(scalars)
  }

  mutating func join(_ mark: UInt32) {
    if mark1 == 0 {
      mark1 = mark
    } else if mark2 == 0 {
      mark2 = mark
    } else if mark3 == 0 {
      mark3 = mark
    } else if mark4 == 0 {
      mark4 = mark
    }
  }
}

/// The cells a text takes, and for each the index of its first scalar.
///
/// Cut the way ncurses cuts: scalar by scalar by `wcwidth`, whatever a font would join.
struct Cells {
  private(set) var cells: [Cell] = []
  private(set) var starts: [String.UnicodeScalarView.Index] = []

  init(_ text: SafeText, style: Style = .plain) {
    let scalars = text.text.unicodeScalars
    cells.reserveCapacity(text.text.utf8.count)
    starts.reserveCapacity(text.text.utf8.count)
    for index in scalars.indices {
      let scalar = scalars[index]
      let width = scalarWidth(scalar)
      if width == 0, !cells.isEmpty {
        cells[cells.count - 1].join(scalar.value)
      } else if width > 0 {
        cells.append(Cell(base: scalar.value, style: style, width: UInt8(width)))
        starts.append(index)
      } else {
        // Younger than the C library's tables: ncurses would leave a blank.
        for stand in "<U+\(String(scalar.value, radix: 16, uppercase: true))>".unicodeScalars {
          cells.append(Cell(base: stand.value, style: style))
          starts.append(index)
        }
      }
    }
  }

  var width: Int { cells.reduce(0) { $0 + Int($1.width) } }
}

/// How many cells a text takes on the terminal.
public func cellWidth(_ text: SafeText) -> Int {
  if text.text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text.text.utf8.count }
  return Cells(text).width
}

/// Cuts text into lines of at most so many cells, at spaces where there are any; nothing is left
/// out.
///
/// A word that no line can hold is begun where it stands and cut after a comma, as JSON has them,
/// or else at the edge. A line also ends after ⏎. There is at least one line.
public func wrap(_ text: SafeText, width: Int) -> [SafeText] {
  let width = max(1, width)
  let cells = Cells(text)
  guard !cells.cells.isEmpty else { return [text] }
  var lines: [SafeText] = []
  let end = text.text.unicodeScalars.endIndex
  func index(_ cell: Int) -> String.UnicodeScalarView.Index {
    cell < cells.starts.count ? cells.starts[cell] : end
  }
  var first = 0
  var used = 0
  // The cell after the last space of the line.
  var afterSpace: Int?
  var cell = 0
  func close(before next: Int) {
    if index(first) < index(next) { lines.append(text[index(first)..<index(next)]) }
    used = cells.cells[next..<max(next, cell)].reduce(0) { $0 + Int($1.width) }
    first = next
    if let space = afterSpace, space <= next { afterSpace = nil }
  }
  /// Whether a line can hold what stands from here to the next of these characters.
  func holds(from start: Int, to ends: Set<UInt32>) -> Bool {
    var wide = 0
    for cell in cells.cells[start...] where cell.width > 0 {
      if ends.contains(cell.base) { return true }
      wide += Int(cell.width)
      if wide > width { return false }
    }
    return true
  }
  func afterComma(before cell: Int) -> Int? {
    let third = first + (cell - first) / 3
    return (third..<cell).last { cells.cells[$0].base == 0x2C }.map { $0 + 1 }
  }
  while cell < cells.cells.count {
    let current = cells.cells[cell]
    if used + Int(current.width) > width, cell > first {
      var next = cell
      if let start = afterSpace, holds(from: start, to: [0x20]) {
        next = start
      } else {
        let start = afterSpace.flatMap { holds(from: $0, to: [0x20, 0x2C]) ? $0 : nil }
        next = max(start ?? 0, afterComma(before: cell) ?? 0)
        if next <= first { next = cell }
      }
      // A code point stands in several cells and is not parted.
      while next > first + 1, index(next) == index(next - 1) { next -= 1 }
      if index(next) == index(first), next > first { next = cell }
      close(before: next)
      continue
    }
    used += Int(current.width)
    cell += 1
    if current.base == 0x20 { afterSpace = cell }
    if current.base == 0x23CE, cell < cells.cells.count { close(before: cell) }
  }
  lines.append(text[index(first)..<end])
  return lines
}
