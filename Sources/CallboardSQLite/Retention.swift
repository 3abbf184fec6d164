import Foundation
import GRDB

extension SQLiteStore {
  /// How long ended calls and conversations are kept.
  ///
  /// The audit log is never shortened by it.
  public struct Retention: Sendable, Hashable {
    /// Seconds since the end.
    public var age: Double
    /// How many ended calls.
    public var calls: Int
    /// Bytes of the file that are in use besides the audit log; the oldest ended calls and conversations go first.
    public var bytes: Int

    public init(age: Double = 90 * 86400, calls: Int = 5_000_000, bytes: Int = 20 << 30) {
      self.age = age
      self.calls = calls
      self.bytes = bytes
    }
  }
}

extension SQLiteStore.Retention {
  /// So many rows are deleted at a time, so that no commit waits long.
  static let part = 500

  /// Of no conversation that lives: one that goes on after a restart looks for the ends of its calls.
  private static let isFree =
    "NOT EXISTS (SELECT 1 FROM conversations WHERE id = calls.conversation AND isLive)"

  /// What one round has deleted.
  struct Trimmed: Sendable {
    var calls = 0
    /// There is more to delete.
    var hasMore = false
  }

  /// Deletes a part of what is kept no longer; `auditBytes` is what the audit log takes, which is not counted.
  func trim(
    _ database: Database,
    now: Date,
    auditBytes: () throws -> Int
  ) throws -> Trimmed {
    let before = now.timeIntervalSince1970 - age
    var trimmed = Trimmed()
    func deleteCalls(_ numbers: String, _ argument: Double) throws {
      try database.execute(
        sql: "DELETE FROM calls WHERE number IN (\(numbers))",
        arguments: [argument]
      )
      trimmed.calls += database.changesCount
      trimmed.hasMore = trimmed.hasMore || database.changesCount == Self.part
    }
    try database.execute(
      sql: """
        DELETE FROM conversations WHERE id IN
          (SELECT id FROM conversations WHERE NOT isLive AND activity < ? LIMIT \(Self.part))
        """,
      arguments: [before]
    )
    trimmed.hasMore = database.changesCount == Self.part
    try database.execute(
      sql: """
        DELETE FROM runs WHERE id IN
          (SELECT id FROM runs WHERE NOT isLive AND activity < ? LIMIT \(Self.part))
        """,
      arguments: [before]
    )
    trimmed.hasMore = trimmed.hasMore || database.changesCount == Self.part
    try deleteCalls(
      "SELECT number FROM calls WHERE ended < ? AND \(Self.isFree) ORDER BY ended LIMIT \(Self.part)",
      before
    )
    let ended = try Int.fetchOne(
      database,
      sql: "SELECT COUNT(*) FROM calls WHERE ended IS NOT NULL"
    )
    let excess = max(0, (ended ?? 0) - calls)
    if excess > 0 {
      try deleteCalls(
        "SELECT number FROM calls WHERE ended IS NOT NULL AND \(Self.isFree) ORDER BY ended LIMIT ?",
        Double(min(excess, Self.part))
      )
    }
    let tooMuch = try bytesInUse(database) - bytes
    if tooMuch > 0 {
      let left = tooMuch - (try auditBytes())
      if left > 0 { try deleteOldest(left, in: database, &trimmed) }
    }
    return trimmed
  }

  private func bytesInUse(_ database: Database) throws -> Int {
    let used = try Int.fetchOne(
      database,
      sql: """
        SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)
        """
    )
    return (used ?? 0) * (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
  }

  /// Deletes ended calls, conversations and runs, the oldest of all first, until about so many bytes are free.
  private func deleteOldest(
    _ bytes: Int,
    in database: Database,
    _ trimmed: inout Trimmed
  ) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT * FROM (
          SELECT 1, number, ended AS time, bytes FROM calls WHERE ended IS NOT NULL AND \(Self.isFree)
            ORDER BY ended LIMIT \(Self.part))
        UNION ALL SELECT * FROM (
          SELECT 0, rowid, activity AS time,
            bytes + (SELECT TOTAL(LENGTH(entry) + COALESCE(LENGTH(sealed), 0)) FROM messages
              WHERE conversation = conversations.id)
          FROM conversations WHERE NOT isLive ORDER BY activity LIMIT \(Self.part))
        UNION ALL SELECT * FROM (
          SELECT 2, rowid, activity AS time, bytes FROM runs WHERE NOT isLive ORDER BY activity LIMIT \(Self.part))
        ORDER BY time LIMIT \(Self.part)
        """
    )
    var left = Double(bytes)
    var calls: [Int64] = []
    var talks: [Int64] = []
    var runs: [Int64] = []
    while left > 0, let row = try rows.next() {
      switch row[0] as Int {
      case 1: calls.append(row[1])
      case 2: runs.append(row[1])
      default: talks.append(row[1])
      }
      left -= row[3]
    }
    let all = [
      ("calls", "number", calls), ("conversations", "rowid", talks), ("runs", "rowid", runs),
    ]
    for (table, column, rowids) in all {
      let list = rowids.map(String.init).joined(separator: ",")
      try database.execute(sql: "DELETE FROM \(table) WHERE \(column) IN (\(list))")
    }
    trimmed.calls += calls.count
    trimmed.hasMore =
      trimmed.hasMore || left > 0 && calls.count + talks.count + runs.count == Self.part
  }
}
