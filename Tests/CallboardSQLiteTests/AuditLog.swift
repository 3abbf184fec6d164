import Callboard
import CallboardTesting
import Foundation
import GRDB
import JSONSchema

@testable import CallboardSQLite

/// A store with an audit log of ten entries, made as an engine makes it.
///
/// Their last events: 1, 3, 4, 7, 8, 9, 11, 12, 13, 15.
struct AuditLog {
  static let counts = [1, 2, 1, 3, 1, 1, 2, 1, 1, 2]
  static let start = Date(timeIntervalSince1970: 1_795_343_467)
  static let key = Sealer.MasterKey(Data(repeating: 7, count: 32))

  let folder: Folder
  let path: String

  /// Each entry is a day later than the one before.
  init(key: Sealer.MasterKey? = AuditLog.key) throws {
    folder = try Folder()
    path = folder.file("a.db")
    let store = try SQLiteStore(path, key: key)
    try Self.write(Self.counts, to: store)
    _ = store.close()
  }

  static func write(_ counts: [Int], to store: SQLiteStore) throws {
    try store.commitEach(
      counts.enumerated().map { day, count in
        StoreChange(
          events: (1...count).map { event("entry \(day + 1), event \($0)", day: day) },
          isAwaited: true
        )
      }
    )
  }

  static func event(_ cause: String, day: Int) -> EngineEvent {
    EngineEvent(
      time: start.addingTimeInterval(Double(day) * 86400),
      type: .engine(.held),
      cause: cause,
      by: day.isMultiple(of: 2) ? "anna" : "ben"
    )
  }

  /// Does to the file what an engine would never do.
  func edit(_ body: (Database) throws -> Void) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.write(body)
    try queue.close()
  }

  func verify(
    head: AuditHash? = nil,
    key: Sealer.MasterKey? = AuditLog.key
  ) throws -> AuditReport {
    try StoreReader(path).verifyAudit(head: head, key: key)
  }
}

extension Database {
  func line(_ seq: Int, _ cause: String) -> Data {
    var event = AuditLog.event(cause, day: 0)
    event.seq = seq
    return Data(event.json.serializedBytes())
  }

  func hash(at seq: Int) throws -> [UInt8] {
    Array(
      try Data.fetchOne(self, sql: "SELECT hash FROM events WHERE seq = ?", arguments: [seq])
        ?? Data()
    )
  }

  /// Makes all hashes from an entry on anew, as somebody would who knows how.
  func rehash(from seq: Int) throws {
    var hash = try Data.fetchOne(
      self,
      sql: "SELECT hash FROM events WHERE seq < ? ORDER BY seq DESC LIMIT 1",
      arguments: [seq]
    ).map { Array($0) }
    let rows = try Row.fetchAll(
      self,
      sql: "SELECT seq, count, lines FROM events WHERE seq >= ? ORDER BY seq",
      arguments: [seq]
    )
    for row in rows {
      let lines = Array(row[2] as Data)
      hash = AuditChain.link(lines, count: row[1], after: hash ?? [])
      try execute(
        sql: "UPDATE events SET hash = ? WHERE seq = ?",
        arguments: [Data(hash ?? []), row[0] as Int]
      )
    }
  }

  /// Makes the last entry the head, with the code that stood there: there is no key to make another.
  func moveHead() throws {
    let row = try Row.fetchOne(self, sql: "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
    guard let row else { return }
    let code = try Data.fetchOne(self, sql: "SELECT value FROM facts WHERE name = 'head'") ?? Data()
    let head = StoreHead(sequence: row[0], hash: Array(row[1] as Data)).bytes(signedWith: nil)
    try execute(
      sql: "UPDATE facts SET value = ? WHERE name = 'head'",
      arguments: [head + code.dropFirst(40)]
    )
  }
}
