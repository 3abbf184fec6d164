import Callboard
import Foundation
import GRDB
import Synchronization

/// Where calls stand among all in the file, as far as it has been found out, so that a page costs what it shows.
///
/// A place is counted from the oldest: new calls come at the other end and move nothing. Deleting old ones does, and
/// forgets everything.
final class CallPlaces: Sendable {
  private struct Known {
    var id: CallID
    /// How many are older.
    var older: Int
  }

  private struct State {
    /// Sorted by id.
    var known: [Known] = []
    var edition = 0
  }

  private let state = Mutex(State())
  private static let limit = 64
  /// So many rows are counted from a place that is known before another way is tried.
  private static let near = 2048

  /// What is found out by a reader that began before calls were deleted is of another edition.
  var edition: Int { state.withLock { $0.edition } }

  func forget() {
    state.withLock { state in
      state.known = []
      state.edition += 1
    }
  }

  /// How many in the file are older than this one; `total` is about how many there are.
  func older(
    than id: CallID,
    of total: Int,
    edition: Int,
    _ database: Database
  ) throws -> Int {
    let (below, above) = state.withLock { state -> (Known?, Known?) in
      let known = state.known
      let index = known.firstIndex { $0.id >= id } ?? known.endIndex
      return (index > 0 ? known[index - 1] : nil, index < known.endIndex ? known[index] : nil)
    }
    if let above, above.id == id { return above.older }
    let newer = try few("id > ?", [id], database)
    // Others may have come since they were counted: good enough to be shown, and not to be remembered.
    if let newer { return max(0, total - 1 - newer) }
    let older = try count(older: id, below: below, above: above, database)
    note(id, older: older, edition: edition)
    return older
  }

  /// How many there are with these ids, if not too many.
  private func few(_ condition: String, _ ids: [CallID], _ database: Database) throws -> Int? {
    let count = try Int.fetchOne(
      try database.cachedStatement(
        sql: "SELECT COUNT(*) FROM (SELECT 1 FROM calls WHERE \(condition) LIMIT \(Self.near))"
      ),
      arguments: StatementArguments(ids.map(\.uuid.data))
    )
    return count.flatMap { $0 < Self.near ? $0 : nil }
  }

  private func count(
    older id: CallID,
    below: Known?,
    above: Known?,
    _ database: Database
  ) throws -> Int {
    if let below, let between = try few("id >= ? AND id < ?", [below.id, id], database) {
      return below.older + between
    }
    if let above, let between = try few("id >= ? AND id < ?", [id, above.id], database) {
      return above.older - between
    }
    // From nowhere near: once, and from then on it is known.
    return try Int.fetchOne(
      database,
      sql: "SELECT COUNT(*) FROM calls WHERE id < ?",
      arguments: [id.uuid.data]
    ) ?? 0
  }

  /// The call that so many are older than; nil where there are not so many.
  func call(
    after older: Int,
    of total: Int,
    edition: Int,
    _ database: Database
  ) throws -> CallID? {
    let nearest = state.withLock { state in
      state.known.min { abs($0.older - older) < abs($1.older - older) }
    }
    let distance = nearest.map { abs($0.older - older) } ?? .max
    func find(_ order: String, from id: CallID? = nil, skipping count: Int) throws -> CallID? {
      var arguments: StatementArguments = []
      if let id { arguments += [id.uuid.data] }
      arguments += [max(0, count)]
      return try Data.fetchOne(
        try database.cachedStatement(sql: "SELECT id FROM calls \(order) LIMIT 1 OFFSET ?"),
        arguments: arguments
      ).flatMap(UUIDv7.init).map { CallID($0) }
    }
    let found: CallID?
    if let nearest, distance < min(older, total - older) {
      found =
        nearest.older <= older
        ? try find("WHERE id >= ? ORDER BY id", from: nearest.id, skipping: distance)
        : try find("WHERE id <= ? ORDER BY id DESC", from: nearest.id, skipping: distance)
    } else if older <= total / 2 {
      found = try find("ORDER BY id", skipping: older)
    } else {
      return try find("ORDER BY id DESC", skipping: total - 1 - older)
    }
    if let found { note(found, older: older, edition: edition) }
    return found
  }

  private func note(_ id: CallID, older: Int, edition: Int) {
    state.withLock { state in
      guard state.edition == edition, !state.known.contains(where: { $0.id == id }) else { return }
      // Whoever reads goes from one to the next: the far ones are of less use than any new one.
      if state.known.count == Self.limit {
        let isNewer = state.known[Self.limit / 2].id > id
        state.known.remove(at: isNewer ? Self.limit - 1 : 0)
      }
      state.known.insert(
        Known(id: id, older: older),
        at: state.known.firstIndex { $0.id > id } ?? state.known.endIndex
      )
    }
  }
}
