import Callboard
import Foundation

/// What one list is narrowed to, ordered by, and where its cursor is.
struct ListState: Sendable {
  var filter = Filter()
  var sort: ListQuery.Sort = .natural
  var isReversed = false
  var cursor = Cursor.nothing
  /// First visible position; the gap counts as one.
  var top = 0
  /// The rows as they were when the list was frozen.
  var frozen: Frozen?
  /// Folds that were unfolded, until the screen is opened anew.
  var openFolds: Set<String> = []

  struct Frozen: Sendable {
    var rows: Rows
    var at: Date
    /// Calls received until then, to count arrivals by.
    var calls: Int
  }

  /// The cursor belongs to a thing, not to a row.
  enum Cursor: Sendable, Hashable {
    case nothing
    case row(id: String, index: Int)
    /// Its thing has left; `index` is that of the row now below it.
    case gap(id: String, index: Int)
    /// Moved to a row that has not been fetched yet.
    case wanted(Int)

    var index: Int {
      switch self {
      case .nothing: 0
      case .row(_, let index), .gap(_, let index), .wanted(let index): index
      }
    }

    /// What it is on, and nil on a gap.
    var id: String? {
      if case .row(let id, _) = self { id } else { nil }
    }

    /// What it is or was on.
    var lastID: String? {
      switch self {
      case .row(let id, _), .gap(let id, _): id
      case .nothing, .wanted: nil
      }
    }

    var isGap: Bool {
      if case .gap = self { true } else { false }
    }
  }

  func query(rows height: Int) -> ListQuery {
    let reach = max(8, height * 2)
    return ListQuery(
      filter: filter,
      sort: sort,
      reversed: isReversed,
      anchor: cursor.lastID,
      anchorIndex: cursor.index,
      before: reach,
      after: reach
    )
  }

  /// Positions that are shown: the rows, and the gap if there is one.
  func count(of rows: Rows) -> Int { rows.total + (cursor.isGap ? 1 : 0) }

  /// Finds the cursor's thing again among the rows that are there now.
  mutating func settle(on rows: Rows, height: Int) {
    let before = cursor.index
    var moved = false
    switch cursor {
    case .nothing:
      if let first = rows.items.first, rows.isForTaking {
        cursor = .row(id: first.id, index: rows.firstIndex)
      }
    case .wanted(let index):
      if rows.total == 0 {
        cursor = .nothing
      } else {
        let index = min(max(0, index), rows.total - 1)
        if let item = rows.item(at: index) { cursor = .row(id: item.id, index: index) }
        moved = true
      }
    case .row(let id, let index), .gap(let id, let index):
      if let found = rows.index(of: id) {
        cursor = .row(id: id, index: found)
      } else {
        cursor = .gap(id: id, index: min(index, rows.total))
      }
    }
    // Rows that came or went above keep the cursor where the eye is, except at the top of a list that follows.
    if !moved, top > 0 { top += cursor.index - before }
    keepVisible(count: count(of: rows), height: height)
  }

  mutating func keepVisible(count: Int, height: Int) {
    let height = max(1, height)
    let position = cursor.index
    if position < top { top = position }
    if position >= top + height { top = position - height + 1 }
    top = max(0, min(top, count - height))
  }

  /// Moves by rows; from a gap down is the row that took its place.
  mutating func move(by delta: Int, in rows: Rows, height: Int) {
    guard delta != 0 else { return }
    let target =
      switch cursor {
      case .nothing: delta > 0 ? 0 : rows.total - 1
      case .gap(_, let index): delta > 0 ? index + delta - 1 : index + delta
      case .row(_, let index), .wanted(let index): index + delta
      }
    move(to: target, in: rows, height: height)
  }

  mutating func move(to target: Int, in rows: Rows, height: Int) {
    guard rows.total > 0 else {
      cursor = .nothing
      return
    }
    let index = min(max(0, target), rows.total - 1)
    if let item = rows.item(at: index) {
      cursor = .row(id: item.id, index: index)
    } else {
      cursor = .wanted(index)
    }
    keepVisible(count: rows.total, height: height)
  }
}
