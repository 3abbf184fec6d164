import Callboard
import Foundation
import GRDB

/// Where an audit log is gone on with when its store is opened, and whether that is where it was left.
///
/// What was cut off or rewritten is never joined to: the next entry follows what was signed last, which is not there, so
/// that verification finds the place also when the log has grown behind it.
struct AuditEnd {
  var head: StoreHead
  /// What is not as it was written, in a sentence.
  var doubt: String?

  /// Names the stream where there is none yet.
  ///
  /// `key`: nil where nothing was signed with it so far.
  init(of database: Database, key: Sealer.MasterKey?) throws {
    let stored = try StoreReader.fact("stream", in: database)
    let name = stored.map { String(decoding: $0, as: UTF8.self) } ?? UUID().uuidString.lowercased()
    if stored == nil {
      try database.execute(
        sql: "INSERT INTO facts (name, value) VALUES ('stream', ?)",
        arguments: [Data(name.utf8)]
      )
    }
    let row = try Row.fetchOne(
      database,
      sql: "SELECT seq, CAST(hash AS BLOB) FROM events ORDER BY seq DESC LIMIT 1"
    )
    let checkpoint = try AuditCheckpoint.last(in: database)
    let found =
      row.map { StoreHead(sequence: $0[0], hash: Array($0[1] as Data)) }
      ?? checkpoint.map { StoreHead(sequence: $0.sequence, hash: $0.hash.bytes) }
    let bytes = try StoreReader.fact("head", in: database).map { Array($0) }
    let (written, signature) = StoreReader.head(bytes, key)
    guard let written else {
      let isNew = try found == nil && bytes == nil && Self.isEmpty(database)
      head = StoreHead(sequence: 0, hash: AuditChain.start(of: name))
      guard !isNew else { return }
      head = Self.broken(after: found?.sequence ?? 0)
      doubt =
        found == nil
        ? "the audit log is gone, and with it what says where it ended"
        : "what says where the audit log ends is gone or damaged"
      return
    }
    let last = StoreHead(sequence: written.sequence, hash: written.hash)
    switch signature {
    case .wrong:
      head = Self.broken(after: max(last.sequence, found?.sequence ?? 0))
      doubt = "what says where the audit log ends was changed by somebody without the key"
    case .none, .unchecked, .genuine:
      // Behind both, whichever was cut.
      head =
        found.map { $0.sequence > last.sequence } == true
        ? Self.broken(after: found?.sequence ?? 0) : last
      guard found != last else { return }
      let end = found.map { "ends with event \($0.sequence)" } ?? "is empty"
      doubt =
        found?.sequence == last.sequence
        ? "the last entry of the audit log is not the one that was written: entries were rewritten"
        : "the audit log \(end), and event \(last.sequence) was the last that was written"
    }
  }

  /// An end that nothing has: what follows it is found to follow nothing.
  private static func broken(after sequence: Int) -> StoreHead {
    StoreHead(sequence: sequence, hash: [UInt8](repeating: 0, count: 32))
  }

  /// Whether a store that was used has no entry.
  static func isGone(in database: Database) throws -> Bool {
    let hasEntries = try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM events)")
    return try hasEntries == false && !isEmpty(database)
  }

  /// Whether nothing was ever stored.
  private static func isEmpty(_ database: Database) throws -> Bool {
    try Bool.fetchOne(
      database,
      sql: """
        SELECT NOT EXISTS (SELECT 1 FROM calls) AND NOT EXISTS (SELECT 1 FROM conversations)
          AND NOT EXISTS (SELECT 1 FROM settings)
        """
    ) ?? true
  }
}
