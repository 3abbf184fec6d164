import Callboard
import CallboardTesting
import Foundation
import GRDB
import JSONSchema
import Synchronization
import Testing

@testable import CallboardSQLite

@Suite(.timeLimit(.minutes(10))) struct MaintenanceTests {
  /// A log with a few calls beside it.
  private func store(_ log: AuditLog, calls: Int) throws {
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    for number in 0..<calls {
      let call = Call(
        id: CallID(UUIDv7(high: 1, low: UInt64(number))),
        function: "t.f",
        caller: .caller("agent"),
        receivedAt: AuditLog.start,
        idempotencyKey: "\(number)",
        proposed: ["n": 1]
      )
      _ = try store.commit(StoreChange(calls: [CallChange(call)]))
    }
    _ = store.close()
  }

  @Test func `info counts what is there and says who holds it`() throws {
    let log = try AuditLog()
    try store(log, calls: 3)
    let info = try StoreReader(log.path).info()
    #expect(info.liveCalls == 3)
    #expect(info.endedCalls == 0)
    #expect(info.events == 18)
    // Changes that share a commit may share an entry.
    #expect((11...13).contains(info.entries))
    #expect(info.oldestEvent == AuditLog.start)
    #expect(info.migration == info.newestMigration)
    #expect(info.holder == nil)
    #expect(info.size > 0)
    let engine = try SQLiteStore(log.path, key: AuditLog.key)
    #expect(try StoreReader(log.path).info().holder?.contains("process \(getpid())") == true)
    _ = engine.close()
  }

  @Test func `a store that nobody touched is sound`() throws {
    let log = try AuditLog()
    try store(log, calls: 3)
    let check = try StoreReader(log.path).check(isQuick: false, key: AuditLog.key)
    #expect(check.isSound, "\(check.problems)")
    #expect(check.notes.contains("3 calls can be read"))
  }

  @Test(arguments: [
    ("UPDATE calls SET record = 'x' WHERE id = (SELECT MAX(id) FROM calls)", "1 of 3 calls"),
    ("INSERT INTO messages VALUES (zeroblob(16), 0, '{}', NULL)", "belong to no conversation"),
    (
      "UPDATE calls SET state = 'failed' WHERE id = (SELECT MAX(id) FROM calls)",
      "1 of 3 calls are listed in another state"
    ),
    (
      "UPDATE calls SET id = zeroblob(16) WHERE id = (SELECT MAX(id) FROM calls)",
      "1 of 3 calls are listed in another state, or by another id"
    ),
  ])
  func `what is damaged is said`(_ sql: String, _ words: String) throws {
    let log = try AuditLog()
    try store(log, calls: 3)
    try log.edit { try $0.execute(sql: sql) }
    let check = try StoreReader(log.path).check(isQuick: false, key: AuditLog.key)
    #expect(!check.isSound)
    #expect(check.problems.contains { $0.contains(words) }, "\(check.problems)")
  }

  @Test func `a damaged page is found`() throws {
    let log = try AuditLog()
    try store(log, calls: 200)
    let handle = try #require(FileHandle(forUpdatingAtPath: log.path))
    let size = try handle.seekToEnd()
    for page in stride(from: UInt64(8192), to: size, by: 8192) {
      try handle.seek(toOffset: page)
      try handle.write(contentsOf: Data(repeating: 0xA5, count: 512))
    }
    try handle.close()
    let check = try StoreReader(log.path).check(isQuick: false, key: AuditLog.key)
    #expect(!check.isSound)
    // Whoever reads this has run it.
    #expect(!check.problems.contains { $0.contains("store check") }, "\(check.problems)")
    #expect(check.problems.allSatisfy { $0.contains("go back to a backup") }, "\(check.problems)")
  }

  @Test func `another database, another file and none are refused, each with its kind`() throws {
    let folder = try Folder()
    func kind(_ name: String) -> StoreProblem.Kind? {
      do {
        _ = try StoreReader(folder.file(name))
        return nil
      } catch {
        return error.kind
      }
    }
    #expect(kind("none.db") == .unreachable)
    try "no database, but long enough to be read as one".write(
      toFile: folder.file("text.db"),
      atomically: true,
      encoding: .utf8
    )
    #expect(kind("text.db") == .wrongFile)
    let other = try DatabaseQueue(path: folder.file("other.db"))
    try other.write { try $0.execute(sql: "CREATE TABLE t (x)") }
    try other.close()
    #expect(kind("other.db") == .wrongFile)
    #expect(kind("") == .wrongFile)
  }

  @Test func `a backup under a running writer is whole, readable by its owner alone, and opens`()
    async throws
  {
    let log = try AuditLog()
    let store = try SQLiteStore(log.path, key: AuditLog.key)
    let isDone = Mutex(false)
    let target = log.folder.file("backup.db")
    let writer = Task.detached {
      var count = 0
      while !isDone.withLock({ $0 }) {
        try await store.commit(StoreChange(events: [AuditLog.event("while", day: 11)])).durable()
        count += 1
      }
      return count
    }
    let report = try StoreReader(log.path).backup(to: target, key: AuditLog.key)
    isDone.withLock { $0 = true }
    _ = try await writer.value
    #expect(report.isWhole, "\(report.faults)")
    #expect(report.entries >= 10)
    let mode = try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    let names = try FileManager.default.contentsOfDirectory(atPath: log.folder.path)
    #expect(names.filter { $0.hasPrefix("backup") } == ["backup.db"])
    let copy = try SQLiteStore(target, key: AuditLog.key)
    #expect(copy.lastSequence == report.last)
    _ = copy.close()
    _ = store.close()
  }

  @Test func `a backup overwrites nothing`() throws {
    let log = try AuditLog()
    let target = log.folder.file("there")
    try "mine".write(toFile: target, atomically: true, encoding: .utf8)
    #expect(throws: StoreProblem.self) {
      try StoreReader(log.path).backup(to: target, key: nil)
    }
    #expect(try String(contentsOfFile: target, encoding: .utf8) == "mine")
  }

  @Test
  func `a file of the first migration is verified as it is, and brought up to date by an engine`()
    throws
  {
    let log = try AuditLog()
    try log.edit {
      try $0.execute(
        sql: """
          DROP INDEX calls_twin; ALTER TABLE calls DROP COLUMN twin; DROP TABLE checkpoints;
          DROP TABLE runs;
          DELETE FROM grdb_migrations WHERE identifier <> '1'
          """
      )
    }
    #expect(try log.verify().isWhole)
    #expect(try StoreReader(log.path).info().migration == "1")
    _ = try SQLiteStore(log.path, key: AuditLog.key).close()
    #expect(try StoreReader(log.path).info().migration == "6")
  }
}
