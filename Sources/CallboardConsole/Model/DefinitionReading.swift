import Callboard

/// What of a changed definition has been on the screen: nothing is accepted unread.
struct DefinitionReading: Sendable {
  let name: String
  /// The hashes that were shown; a decision names them.
  let from: String
  let to: String
  let width: Int
  /// The lines that have to be read and have been painted.
  var painted: Set<Int> = []
  var unread = 0
  /// Whether unread lines are below the ones that are shown.
  var isBelow = true

  init(_ row: DefinitionRow, width: Int) {
    name = row.name
    from = row.from
    to = row.to
    self.width = width
  }

  /// Whether both are of the same lines.
  func isOf(_ other: DefinitionReading) -> Bool {
    shows(other.from, other.to) && width == other.width
  }

  func shows(_ from: String, _ to: String) -> Bool { self.from == from && self.to == to }

  mutating func note(_ document: Document, top: Int, height: Int) {
    for (index, line) in document.lines.enumerated() where index >= top && index < top + height {
      if let name = line.reading { painted.insert(name) }
    }
    isBelow = false
    unread = 0
    for (index, line) in document.lines.enumerated() {
      guard let name = line.reading, !painted.contains(name) else { continue }
      unread += 1
      if index >= top + height { isBelow = true }
    }
  }
}
