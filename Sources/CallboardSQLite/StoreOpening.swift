import Callboard
import Dispatch
import Foundation
import GRDB
import Glibc

/// Opens a file and brings it up to date.
enum StoreOpening {
  struct Opened {
    var pool: DatabasePool
    var head: StoreHead
    /// Why what the file holds of the audit log is not what was written last.
    var doubt: String?
    var callTotal: Int
  }

  static func open(_ path: String, key: Sealer.MasterKey?) throws(StoreProblem) -> Opened {
    do {
      try refuseOthers(path, key)
      let pool = try DatabasePool(path: path, configuration: configuration)
      try pool.writeWithoutTransaction { database in
        // Before there is any table: a kill between the two leaves a file that is known as ours.
        if try String.fetchOne(database, sql: "SELECT name FROM sqlite_master") == nil {
          try database.execute(sql: "PRAGMA application_id = \(StoreSchema.applicationID)")
        }
      }
      try StoreSchema.migrator.migrate(pool)
      try pool.writeWithoutTransaction(provesDurability)
      let opened = try pool.write { database -> Opened in
        let isKeyNew = try noteKey(key, in: database)
        let end = try AuditEnd(of: database, key: isKeyNew ? nil : key)
        let count = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM calls")
        return Opened(pool: pool, head: end.head, doubt: end.doubt, callTotal: count ?? 0)
      }
      openReaders(of: pool)
      return opened
    } catch {
      throw StoreProblem(error, at: path)
    }
  }

  private static var configuration: GRDB.Configuration {
    var configuration = GRDB.Configuration()
    configuration.label = "callboard.store"
    configuration.maximumReaderCount = readers
    configuration.persistentReadOnlyConnections = true
    configuration.busyMode = .timeout(5)
    configuration.journalMode = .wal
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384")
    }
    return configuration
  }

  /// GRDB's pool sets `synchronous` to NORMAL when it opens, which loses the last commits with the power.
  private static func provesDurability(_ database: Database) throws {
    try database.execute(sql: "PRAGMA synchronous = FULL")
    let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
    let journal = try String.fetchOne(database, sql: "PRAGMA journal_mode")
    guard level == 2, journal == "wal" else {
      throw StoreProblem(
        "SQLite does not write through to the disk (synchronous \(level ?? -1), journal \(journal ?? "none")); "
          + "use a local file system"
      )
    }
  }

  /// A connection that changes nothing, and works while an engine holds the file.
  static func readOnly(_ path: String) throws -> DatabaseQueue {
    var configuration = GRDB.Configuration()
    configuration.label = "callboard.reader"
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      _ = try queue.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM sqlite_master") }
      return queue
    } catch let error as DatabaseError
      where [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_IOERR].contains(error.resultCode)
    {
      // Beside a file on a medium that is full or read-only SQLite can't make what tells readers from writers. Nobody
      // writes where there is no log, and nothing need be told.
      var info = stat()
      guard stat(path + "-wal", &info) != 0 || info.st_size == 0, StoreHold.holder(of: path) == nil
      else { throw error }
      let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "?#"))
      let escaped = path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
      return try DatabaseQueue(
        path: "file:\(escaped)?immutable=1",
        configuration: configuration
      )
    }
  }

  /// Looks before anything is written: opening a pool writes.
  private static func refuseOthers(_ path: String, _ key: Sealer.MasterKey?) throws {
    let queue = try readOnly(path)
    defer { try? queue.close() }
    if let refusal = try queue.read({ try refusal(of: $0, at: path) }) {
      throw StoreProblem(.wrongFile, refusal)
    }
    guard let key, let known = try queue.read(fingerprint), known != key.fingerprint else { return }
    throw StoreProblem(
      "\(path) was sealed with another key (fingerprint \(known), this one is \(key.fingerprint)): what waits in it could "
        + "not go on. Give the key that belongs to it, or name another file"
    )
  }

  private static func fingerprint(in database: Database) throws -> String? {
    guard try database.tableExists("facts") else { return nil }
    return try String.fetchOne(
      database,
      sql: "SELECT CAST(value AS TEXT) FROM facts WHERE name = 'key'"
    )
  }

  /// Tells from now on which key the originals in the file are sealed with; whether it is the first.
  private static func noteKey(_ key: Sealer.MasterKey?, in database: Database) throws -> Bool {
    guard let key else { return false }
    try database.execute(
      sql: "INSERT OR IGNORE INTO facts (name, value) VALUES ('key', ?)",
      arguments: [Data(key.fingerprint.utf8)]
    )
    return database.changesCount > 0
  }

  /// Opens every reader now: when the file is taken away later, what it holds can still be read.
  private static func openReaders(of pool: DatabasePool) {
    let inside = DispatchSemaphore(value: 0)
    let all = DispatchSemaphore(value: 0)
    let left = DispatchSemaphore(value: 0)
    for _ in 0..<readers {
      // Threads, not tasks of a pool: each waits for the others.
      let thread = Thread {
        do {
          try pool.read { _ in
            inside.signal()
            all.wait()
          }
        } catch {
          // It is opened, or tried again, when it is needed.
          inside.signal()
        }
        left.signal()
      }
      thread.start()
    }
    for _ in 0..<readers { inside.wait() }
    for _ in 0..<readers { all.signal() }
    for _ in 0..<readers { left.wait() }
  }

  private static let readers = 3

  static func refusal(of database: Database, at path: String) throws -> String? {
    let tables = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM sqlite_master") ?? 0
    let owner = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    if tables > 0, owner != StoreSchema.applicationID {
      return "\(path) is another program's database; use another file"
    }
    return try StoreSchema.refusal(of: database, at: path)
  }
}
