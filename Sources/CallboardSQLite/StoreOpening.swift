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
    var callTotal: Int
  }

  static func open(_ path: String, key: Sealer.MasterKey?) throws(StoreProblem) -> Opened {
    try create(path)
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
      let (head, callTotal) = try pool.write { database -> (StoreHead, Int) in
        try noteKey(key, in: database)
        let count = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM calls")
        return (try Self.head(of: database), count ?? 0)
      }
      openReaders(of: pool)
      return Opened(pool: pool, head: head, callTotal: callTotal)
    } catch {
      throw StoreProblem(error, at: path)
    }
  }

  /// An empty file that only its owner can read.
  private static func create(_ path: String) throws(StoreProblem) {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let why = String(cString: strerror(errno))
      throw StoreProblem(
        "\(path) can't be opened for writing: \(why); see that its folder exists and may be written"
      )
    }
    close(descriptor)
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
    return try DatabaseQueue(path: path, configuration: configuration)
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

  /// Tells from now on which key the originals in the file are sealed with.
  private static func noteKey(_ key: Sealer.MasterKey?, in database: Database) throws {
    guard let key else { return }
    try database.execute(
      sql: "INSERT OR IGNORE INTO facts (name, value) VALUES ('key', ?)",
      arguments: [Data(key.fingerprint.utf8)]
    )
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

  /// The end of the audit log; names the stream where there is none yet.
  private static func head(of database: Database) throws -> StoreHead {
    let stream = try String.fetchOne(
      database,
      sql: "SELECT CAST(value AS TEXT) FROM facts WHERE name = 'stream'"
    )
    let name = stream ?? UUID().uuidString.lowercased()
    if stream == nil {
      try database.execute(
        sql: "INSERT INTO facts (name, value) VALUES ('stream', ?)",
        arguments: [Data(name.utf8)]
      )
    }
    let row = try Row.fetchOne(
      database,
      sql: "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
    )
    if let row { return StoreHead(sequence: row[0], hash: Array(row[1] as Data)) }
    // Every entry may be in the archive.
    let checkpoint = try AuditCheckpoint.last(in: database)
    return checkpoint.map { StoreHead(sequence: $0.sequence, hash: $0.hash.bytes) }
      ?? StoreHead(sequence: 0, hash: AuditChain.start(of: name))
  }
}
