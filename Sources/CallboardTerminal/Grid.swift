import Callboard

/// A screen as a value: cells with styles, which tests compare, snapshots print and the terminal
/// draws.
public struct Grid: Sendable, Equatable {
  public let width: Int
  public let height: Int
  private(set) var cells: [Cell]
  /// For a terminal without UTF-8: text is written in ASCII, with a code point for what has no stand-in.
  public var isASCII = false
  /// Where the real cursor stands; nil hides it.
  public var cursor: (row: Int, column: Int)? {
    get { place.map { ($0.row, $0.column) } }
    set {
      place = newValue.flatMap {
        (0..<height).contains($0.row) && (0..<width).contains($0.column)
          ? Place(row: $0.row, column: $0.column) : nil
      }
    }
  }
  private var place: Place?

  private struct Place: Equatable {
    let row: Int
    let column: Int
  }

  public init(width: Int, height: Int) {
    self.width = max(0, width)
    self.height = max(0, height)
    cells = Array(repeating: .blank, count: self.width * self.height)
  }

  public subscript(row: Int, column: Int) -> Cell {
    guard (0..<height).contains(row), (0..<width).contains(column) else { return .blank }
    return cells[row * width + column]
  }

  /// Writes text into one row and says how many cells it took.
  ///
  /// Text that is wider than `width` or than the rest of the row is cut at a cell and ends in `…`;
  /// a wide character that would stand half outside becomes a space. Nothing is written outside of
  /// the grid.
  @discardableResult
  public mutating func put(
    _ text: SafeText,
    row: Int,
    column: Int,
    width: Int = .max,
    style: Style = .plain,
    align: Alignment = .leading
  ) -> Int {
    guard (0..<height).contains(row), (0..<self.width).contains(column), width > 0 else { return 0 }
    let text = isASCII ? text.ascii : text
    let room = min(width, self.width - column)
    let cells = fitted(Cells(text, style: style).cells, to: room, style: style)
    let used = cells.reduce(0) { $0 + Int($1.width) }
    let offset =
      switch align {
      case .leading: 0
      case .trailing: width == .max ? 0 : room - used
      case .centre: width == .max ? 0 : (room - used) / 2
      }
    write(cells, at: row * self.width + column + offset, used: used)
    return used
  }

  private func fitted(_ cells: [Cell], to room: Int, style: Style) -> [Cell] {
    var used = 0
    var end = 0
    while end < cells.count, used + Int(cells[end].width) <= room {
      used += Int(cells[end].width)
      end += 1
    }
    if end == cells.count { return cells }
    while used > room - 1, end > 0 {
      end -= 1
      used -= Int(cells[end].width)
    }
    var cut = Array(cells[..<end])
    cut += Array(repeating: Cell(style: style), count: max(0, room - 1 - used))
    cut.append(Cell(base: 0x2026, style: style))
    return cut
  }

  private mutating func write(_ new: [Cell], at start: Int, used: Int) {
    guard used > 0 else { return }
    part(at: start)
    part(at: start + used)
    var index = start
    for cell in new {
      cells[index] = cell
      if cell.width == 2 { cells[index + 1] = .tail(cell.style) }
      index += Int(cell.width)
    }
  }

  /// Turns a wide character that lies across the left edge of `index` into two spaces.
  private mutating func part(at index: Int) {
    guard index > 0, index < cells.count, cells[index].width == 0 else { return }
    for half in [index - 1, index] { cells[half] = Cell(style: cells[half].style) }
  }

  /// Gives cells another style and leaves what they show; `to` is not included.
  public mutating func fill(row: Int, from: Int, to: Int, style: Style) {
    guard (0..<height).contains(row) else { return }
    for column in max(0, from)..<max(0, from, min(width, to)) {
      let index = row * width + column
      // The halves of a wide character look alike.
      if cells[index].width == 0, column == from { continue }
      cells[index].style = style
      if cells[index].width == 2 { cells[index + 1].style = style }
    }
  }

  /// Makes cells blank; `to` is not included.
  public mutating func clear(row: Int, from: Int = 0, to: Int = .max, style: Style = .plain) {
    guard (0..<height).contains(row) else { return }
    let from = max(0, from)
    let to = min(width, to)
    guard from < to else { return }
    let blanks = Array(repeating: Cell(style: style), count: to - from)
    write(blanks, at: row * width + from, used: to - from)
  }

  /// Draws a horizontal line; `to` is not included.
  ///
  /// A line that begins or ends on another one, drawn before it, is joined.
  public mutating func line(row: Int, from: Int, to: Int, style: Style = .border) {
    let from = max(0, from)
    let to = min(width, to)
    guard (0..<height).contains(row), from < to else { return }
    for column in from..<to {
      var ends: BoxEnds = []
      if column > from { ends.insert(.left) }
      if column < to - 1 { ends.insert(.right) }
      join(ends, alone: [.left, .right], at: row * width + column, style: style)
    }
  }

  /// Draws a vertical line; `to` is not included.
  ///
  /// A line that begins or ends on another one, drawn before it, is joined.
  public mutating func line(column: Int, from: Int, to: Int, style: Style = .border) {
    let from = max(0, from)
    let to = min(height, to)
    guard (0..<width).contains(column), from < to else { return }
    for row in from..<to {
      var ends: BoxEnds = []
      if row > from { ends.insert(.up) }
      if row < to - 1 { ends.insert(.down) }
      join(ends, alone: [.up, .down], at: row * width + column, style: style)
    }
  }

  private mutating func join(_ ends: BoxEnds, alone: BoxEnds, at index: Int, style: Style) {
    let before = BoxEnds(character: cells[index].base)
    let joined = before.map { $0.union(ends) } ?? alone
    write([Cell(base: joined.character, style: style)], at: index, used: 1)
  }

  /// Puts another grid into this one, cut at the edges.
  public mutating func put(_ other: Grid, row: Int, column: Int) {
    for line in 0..<other.height where (0..<height).contains(row + line) {
      let from = max(0, -column)
      let to = min(other.width, width - column)
      guard from < to else { continue }
      var part = Array(other.cells[(line * other.width + from)..<(line * other.width + to)])
      if part[0].width == 0 { part[0] = Cell(style: part[0].style) }
      if part[part.count - 1].width == 2 {
        part[part.count - 1] = Cell(style: part[part.count - 1].style)
      }
      write(
        part.filter { $0.width > 0 },
        at: (row + line) * width + column + from,
        used: part.count
      )
    }
  }

  /// The same screen for a terminal without UTF-8: one ASCII character a cell, `?` where nothing
  /// fits.
  public func ascii() -> Grid {
    var grid = self
    for index in cells.indices {
      let cell = cells[index]
      if cell.base < 0x80, cell.base != 0, cell.mark1 == 0 { continue }
      var plain = Cell(style: cell.style)
      plain.base = cell.base == 0 ? 0x3F : ascii(for: cell)
      grid.cells[index] = plain
    }
    return grid
  }

  private func ascii(for cell: Cell) -> UInt32 {
    guard cell.mark1 == 0, let scalar = Unicode.Scalar(cell.base) else { return 0x3F }
    if scalar == "⏎" { return 0x24 }
    if scalar == "⇥" { return 0x3E }
    if (0x2400...0x2426).contains(scalar.value) { return 0x5E }
    return asciiStandIn(for: scalar)?.value ?? 0x3F
  }

  public static func == (left: Grid, right: Grid) -> Bool {
    left.width == right.width && left.height == right.height && left.place == right.place
      && left.cells == right.cells
  }
}

/// The ends of a box-drawing character.
private struct BoxEnds: OptionSet {
  let rawValue: UInt8
  static let up = BoxEnds(rawValue: 1)
  static let down = BoxEnds(rawValue: 2)
  static let left = BoxEnds(rawValue: 4)
  static let right = BoxEnds(rawValue: 8)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init?(character: UInt32) {
    guard let ends = Self.byCharacter[character] else { return nil }
    self = ends
  }

  var character: UInt32 {
    switch self {
    case [.up, .down], .up, .down: 0x2502
    case [.down, .right]: 0x250C
    case [.down, .left]: 0x2510
    case [.up, .right]: 0x2514
    case [.up, .left]: 0x2518
    case [.up, .down, .right]: 0x251C
    case [.up, .down, .left]: 0x2524
    case [.down, .left, .right]: 0x252C
    case [.up, .left, .right]: 0x2534
    case [.up, .down, .left, .right]: 0x253C
    default: 0x2500
    }
  }

  private static let byCharacter: [UInt32: BoxEnds] = [
    0x2500: [.left, .right], 0x2502: [.up, .down], 0x250C: [.down, .right],
    0x2510: [.down, .left], 0x2514: [.up, .right], 0x2518: [.up, .left],
    0x251C: [.up, .down, .right], 0x2524: [.up, .down, .left], 0x252C: [.down, .left, .right],
    0x2534: [.up, .left, .right], 0x253C: [.up, .down, .left, .right],
  ]
}
