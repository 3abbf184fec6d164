import Callboard
import Foundation
import GRDB
import Glibc
import JSONSchema

/// What is in a store file, and who holds it.
public struct StoreInfo: Sendable {
  public var path: String
  /// Bytes.
  public var size: Int
  public var walSize: Int
  /// Bytes that are free where the file is.
  public var freeDisk: Int?
  /// The last migration that the file has, and the last that this callboard knows.
  public var migration: String
  public var newestMigration: String
  public var stream: String?
  public var liveCalls: Int
  public var endedCalls: Int
  public var liveConversations: Int
  public var endedConversations: Int
  public var messages: Int
  /// In the audit log, without those that are archived.
  public var entries: Int
  public var events: Int
  public var firstEvent: Int?
  public var lastEvent: Int?
  public var oldestEvent: Date?
  public var newestEvent: Date?
  public var oldestCall: Date?
  public var newestCall: Date?
  public var checkpoints: [AuditCheckpoint]
  /// Which process holds the file; nil when none does.
  public var holder: String?
}

extension StoreReader {
  public func info() throws(StoreProblem) -> StoreInfo {
    let holder = StoreHold.holder(of: path)
    return try read { database in
      func count(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? 0 }
      func date(_ sql: String) throws -> Date? {
        try Double.fetchOne(database, sql: sql).map(Date.init(timeIntervalSince1970:))
      }
      let calls = try count("SELECT COUNT(*) FROM calls")
      let live = try count("SELECT COUNT(*) FROM calls WHERE ended IS NULL")
      let talks = try count("SELECT COUNT(*) FROM conversations")
      let liveTalks = try count("SELECT COUNT(*) FROM conversations WHERE isLive")
      return StoreInfo(
        path: path,
        size: Self.size(of: path),
        walSize: Self.size(of: path + "-wal"),
        freeDisk: Self.freeDisk(at: path),
        migration: try Self.migration(of: database),
        newestMigration: StoreSchema.names.last ?? "0",
        stream: try Self.fact("stream", in: database).map { String(decoding: $0, as: UTF8.self) },
        liveCalls: live,
        endedCalls: calls - live,
        liveConversations: liveTalks,
        endedConversations: talks - liveTalks,
        messages: try count("SELECT COUNT(*) FROM messages"),
        entries: try count("SELECT COUNT(*) FROM events"),
        events: try count("SELECT CAST(TOTAL(count) AS INTEGER) FROM events"),
        firstEvent: try Int.fetchOne(
          database,
          sql: "SELECT seq - count + 1 FROM events ORDER BY seq LIMIT 1"
        ),
        lastEvent: try Int.fetchOne(database, sql: "SELECT MAX(seq) FROM events"),
        oldestEvent: try Self.time(ofEventBy: "seq", database),
        newestEvent: try Self.time(ofEventBy: "seq DESC", database),
        oldestCall: try date("SELECT received FROM calls ORDER BY id LIMIT 1"),
        newestCall: try date("SELECT received FROM calls ORDER BY id DESC LIMIT 1"),
        checkpoints: try AuditCheckpoint.all(in: database),
        holder: holder
      )
    }
  }

  static func migration(of database: Database) throws -> String {
    guard try database.tableExists("grdb_migrations") else { return "0" }
    let applied = try String.fetchSet(database, sql: "SELECT identifier FROM grdb_migrations")
    return StoreSchema.names.last { applied.contains($0) } ?? "0"
  }

  private static func time(ofEventBy order: String, _ database: Database) throws -> Date? {
    let lines = try Data.fetchOne(
      database,
      sql: "SELECT CAST(lines AS BLOB) FROM events ORDER BY \(order) LIMIT 1"
    )
    guard let line = lines?.split(separator: UInt8(ascii: "\n")).first,
      let event = try? JSONValue(parsing: line, options: .lenient)
    else { return nil }
    return event["time"]?.stringValue.flatMap(ISOTime.date(of:))
  }

  private static func size(of path: String) -> Int {
    var info = stat()
    return stat(path, &info) == 0 ? Int(info.st_size) : 0
  }

  private static func freeDisk(at path: String) -> Int? {
    var info = statvfs()
    guard statvfs(path, &info) == 0 else { return nil }
    return Int(
      clamping: UInt64(info.f_bavail).multipliedReportingOverflow(by: UInt64(info.f_frsize))
        .partialValue
    )
  }
}
