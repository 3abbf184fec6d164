import Callboard
import Foundation
import GRDB

/// Up to where an audit log was archived: what is left of it begins behind.
public struct AuditCheckpoint: Sendable, Hashable {
  /// Number of the last event that is archived.
  public var sequence: Int
  /// Of the last entry that is archived.
  public var hash: AuditHash
  public var time: Date
  /// The file that the entries went to, as it was called then.
  public var file: String
  /// How many entries went there.
  public var entries: Int
  /// Number of the last event that was archived before, 0 where none was; nil of one that an earlier callboard wrote.
  var after: Int?
  /// Over numbers, hash and count of entries; where there is a key.
  var code: [UInt8]?

  static func all(in database: Database) throws -> [AuditCheckpoint] {
    guard try database.tableExists("checkpoints") else { return [] }
    let columns = try database.columns(in: "checkpoints")
    let after = columns.contains { $0.name == "after" } ? "CAST(after AS INTEGER)" : "NULL"
    return try Row.fetchAll(
      database,
      sql: """
        SELECT seq, CAST(hash AS BLOB), CAST(time AS REAL), CAST(file AS TEXT), CAST(entries AS INTEGER),
          CAST(code AS BLOB), \(after) FROM checkpoints ORDER BY seq
        """
    ).map { row in
      AuditCheckpoint(
        sequence: row[0],
        hash: AuditHash(Array(row[1] as Data)),
        time: Date(timeIntervalSince1970: row[2]),
        file: row[3],
        entries: row[4],
        after: row[6],
        code: (row[5] as Data?).map { Array($0) }
      )
    }
  }

  static func last(in database: Database) throws -> AuditCheckpoint? {
    try all(in: database).last
  }

  /// What its code is over: nothing that the head's code is ever over.
  private var signed: [UInt8] {
    var bytes = Array("checkpoint".utf8) + hash.bytes
    for number in [sequence, entries] + [after].compactMap(\.self) {
      withUnsafeBytes(of: UInt64(truncatingIfNeeded: number).bigEndian) {
        bytes.append(contentsOf: $0)
      }
    }
    return bytes
  }

  func signed(with key: Sealer.MasterKey?) -> AuditCheckpoint {
    var copy = self
    copy.code = key?.auditCode(of: signed)
    return copy
  }

  /// Whether somebody with the key wrote it.
  func isSigned(with key: Sealer.MasterKey) -> Bool { code == key.auditCode(of: signed) }

  func insert(into database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO checkpoints (seq, hash, time, file, entries, code, after) VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        sequence, Data(hash.bytes), time.timeIntervalSince1970, file, entries,
        code.map { Data($0) }, after,
      ]
    )
  }
}
