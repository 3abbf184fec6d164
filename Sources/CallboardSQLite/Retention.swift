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
    /// Bytes of the file that are in use; the oldest ended calls go first.
    public var bytes: Int

    public init(age: Double = 90 * 86400, calls: Int = 5_000_000, bytes: Int = 20 << 30) {
      self.age = age
      self.calls = calls
      self.bytes = bytes
    }
  }
}

extension SQLiteStore.Retention {
  /// So many calls are deleted at a time, so that no commit waits long.
  static let part = 500

  /// Deletes a part of what is kept no longer; returns how many calls.
  func trim(_ database: Database, now: Date) throws -> Int {
    let before = now.timeIntervalSince1970 - age
    try database.execute(
      sql: """
        DELETE FROM conversations WHERE id IN
          (SELECT id FROM conversations WHERE NOT isLive AND activity < ? LIMIT \(Self.part))
        """,
      arguments: [before]
    )
    try delete(
      "SELECT number FROM calls WHERE ended < ? ORDER BY ended LIMIT \(Self.part)",
      before,
      database
    )
    var deleted = database.changesCount
    let excess = deleted < Self.part ? try excess(in: database) : 0
    if excess > 0 {
      try delete(
        "SELECT number FROM calls WHERE ended IS NOT NULL ORDER BY ended LIMIT ?",
        Double(min(excess, Self.part - deleted)),
        database
      )
      deleted += database.changesCount
    }
    return deleted
  }

  private func delete(_ numbers: String, _ argument: Double, _ database: Database) throws {
    try database.execute(
      sql: "DELETE FROM calls WHERE number IN (\(numbers))",
      arguments: [argument]
    )
  }

  /// How many ended calls are too many.
  private func excess(in database: Database) throws -> Int {
    let ended = try Int.fetchOne(
      database,
      sql: "SELECT COUNT(*) FROM calls WHERE ended IS NOT NULL"
    )
    let used = try Int.fetchOne(
      database,
      sql: """
        SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)
        """
    )
    let size = try Int.fetchOne(database, sql: "PRAGMA page_size")
    if (used ?? 0) * (size ?? 0) > bytes { return ended ?? 0 }
    return max(0, (ended ?? 0) - calls)
  }
}
